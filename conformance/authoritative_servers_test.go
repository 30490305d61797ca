package conformance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The addresses of the servers; all listen on one port. BIND listens only on
// addresses that an interface has.
const (
	namedAddr = "127.0.0.1"
	knotAddr  = "127.53.0.2"
	oddAddr   = "127.53.0.3"
	nobody    = "127.53.0.4" // nothing listens there
	otherAddr = "127.53.0.5" // Knot listens there too
)

// freePort returns a port that is free on the addresses. It is below those that
// systems hand out by themselves, so that nobody takes it in the meantime.
func freePort(t *testing.T, addrs ...string) uint16 {
	t.Helper()
	const tries, first, last = 50, 20000, 32000
	for range tries {
		port := first + rand.IntN(last-first)
		if !slices.ContainsFunc(addrs, func(a string) bool { return !isFree(net.JoinHostPort(a, strconv.Itoa(port))) }) {
			return uint16(port)
		}
	}
	t.Fatal("no port is free on all addresses")
	return 0
}

func isFree(addr string) bool {
	p, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	p.Close()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// lockedBuffer is written to by a process while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServer runs a name server until the test ends, and waits until it answers
// with the SOA record of a zone.
func startServer(t *testing.T, addr, zone, name string, args ...string) {
	t.Helper()
	var log lockedBuffer
	cmd := exec.Command(program(t, name), args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	try := time.NewTicker(20 * time.Millisecond)
	defer try.Stop()
	late := time.After(20 * time.Second)
	for {
		r, err := exchange(addr, zone, dns.TypeSOA, 200*time.Millisecond)
		if err == nil && len(r.Answer) > 0 {
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", name, log.String())
		case <-late:
			t.Fatalf("%s does not answer: %v\n%s", name, err, log.String())
		case <-try.C:
		}
	}
}

// exchange asks a server for records with signatures.
func exchange(addr, name string, typ uint16, timeout time.Duration) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	m.SetEdns0(1232, true)
	r, _, err := (&dns.Client{Timeout: timeout}).Exchange(m, addr)
	if err == nil && r.Truncated {
		r, _, err = (&dns.Client{Net: "tcp", Timeout: timeout}).Exchange(m, addr)
	}
	return r, err
}

func at(addr string, port uint16) string {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), port).String()
}

// startNamed runs BIND's named with the zones of the tree that name its address.
func (tr *tree) startNamed(t *testing.T, port uint16) {
	t.Helper()
	dir := t.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, `options {
	directory %[1]q; pid-file none; lock-file none; session-keyfile none;
	listen-on port %[2]d { %[3]s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; empty-zones-enable no; notify no; minimal-responses yes; max-cache-size 8M;
	check-names primary ignore; check-integrity no;
};
controls { };
`, dir, port, namedAddr)
	first := tr.zoneFiles(t, dir, []string{namedAddr}, func(origin, file string) {
		fmt.Fprintf(&conf, "zone %q { type primary; file %q; };\n", origin, file)
	})
	write(t, filepath.Join(dir, "conf"), conf.String())
	startServer(t, at(namedAddr, port), first, "named", "-g", "-n", "1", "-c", filepath.Join(dir, "conf"))
}

// startKnot runs Knot DNS in the same way.
func (tr *tree) startKnot(t *testing.T, port uint16) {
	t.Helper()
	dir := t.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, `server:
    rundir: %[1]q
    listen: [%[2]s@%[3]d, %[4]s@%[3]d]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: %[1]q
template:
  - id: default
    journal-content: none
    zonefile-sync: -1
    semantic-checks: off
zone:
`, dir, knotAddr, port, otherAddr)
	first := tr.zoneFiles(t, dir, []string{knotAddr, otherAddr}, func(origin, file string) {
		fmt.Fprintf(&conf, "  - domain: %q\n    file: %q\n", origin, file)
	})
	write(t, filepath.Join(dir, "conf"), conf.String())
	startServer(t, at(knotAddr, port), first, "knotd", "-c", filepath.Join(dir, "conf"))
}

// zoneFiles writes the zones that live at the addresses, and returns the last.
func (tr *tree) zoneFiles(t *testing.T, dir string, addrs []string, use func(origin, file string)) (origin string) {
	t.Helper()
	for i, z := range tr.zones {
		if !slices.ContainsFunc(z.hosts, func(host string) bool { return slices.Contains(addrs, host) }) {
			continue
		}
		file := filepath.Join(dir, fmt.Sprint(i, ".zone"))
		write(t, file, tr.text[z.origin])
		use(z.origin, file)
		origin = z.origin
	}
	return origin
}

// startUnbound runs unbound over the tree with the given modules and returns its
// address. It is told where the zones are: it cannot be told another port than
// 53 for servers that it finds itself.
func (tr *tree) startUnbound(t *testing.T, port uint16, modules string) string {
	t.Helper()
	dir := t.TempDir()
	own := freePort(t, "127.0.0.1")
	anchor := filepath.Join(dir, "anchor")
	write(t, anchor, tr.anchor)
	var conf strings.Builder
	fmt.Fprintf(&conf, `server:
 interface: 127.0.0.1@%[1]d
 port: %[1]d
 do-not-query-localhost: no
 do-ip6: no
 username: ""
 chroot: ""
 directory: %[2]q
 pidfile: ""
 use-syslog: no
 do-daemonize: no
 num-threads: 1
 module-config: %[3]q
 trust-anchor-file: %[4]q
 val-log-level: 1
 qname-minimisation: no
 aggressive-nsec: no
remote-control:
 control-enable: no
`, own, dir, modules, anchor)
	for _, z := range tr.zones {
		fmt.Fprintf(&conf, "stub-zone:\n name: %q\n stub-prime: no\n", z.origin)
		for _, host := range z.hosts {
			fmt.Fprintf(&conf, " stub-addr: %s@%d\n", host, port)
		}
	}
	write(t, filepath.Join(dir, "conf"), conf.String())
	addr := at("127.0.0.1", own)
	startServer(t, addr, ".", "unbound", "-d", "-c", filepath.Join(dir, "conf"))
	return addr
}
