package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/smtp"
)

// The addresses of the bed.
const (
	unboundHost = "127.0.0.53"
	postfixHost = "127.0.0.1" // it must be the one that an interface has
	rootServer  = "127.0.0.1:5300"
	finalServer = "127.0.0.2:24" // LMTP, behind Postfix
)

// postfixServices is the process table of Postfix, without what only a machine with
// users needs.
const postfixServices = postfixHost + `:25 inet n - n - - smtpd
cleanup    unix       n - n - 0 cleanup
qmgr       unix       n - n 300 1 qmgr
tlsmgr     unix       - - n 1000? 1 tlsmgr
rewrite    unix       - - n - - trivial-rewrite
bounce     unix       - - n - 0 bounce
defer      unix       - - n - 0 bounce
trace      unix       - - n - 0 bounce
flush      unix       n - n 1000? 0 flush
proxymap   unix       - - n - - proxymap
smtp       unix       - - n - - smtp
lmtp       unix       - - n - - lmtp
error      unix       - - n - - error
retry      unix       - - n - - error
discard    unix       - - n - - discard
anvil      unix       - - n - 1 anvil
scache     unix       - - n - 1 scache
tlsproxy   unix       - - n - 0 tlsproxy
showq      unix       n - n - - showq
postlog    unix-dgram n - n - 1 postlogd
`

// postfixSettings are those of every Postfix here. Its SMTP client obeys DANE.
const postfixSettings = `compatibility_level = 3.6
maillog_file = /var/spool/postfix/log
maillog_file_prefixes = /var/spool/postfix
myhostname = out.signed
mydestination =
inet_interfaces = ` + postfixHost + `
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtp_host_lookup = dns
smtp_dns_support_level = dnssec
smtp_tls_security_level = dane
smtp_tls_loglevel = 1
smtp_helo_timeout = 5s
smtp_starttls_timeout = 5s
# What Postfix returns to the senders of the tests leads nowhere.
transport_maps = inline:{ out.signed=discard:, rcpt.signed=lmtp:inet:` + finalServer + ` }
`

// postfix is a running Postfix.
type postfix struct {
	log string // file
}

// startPostfix starts Postfix with further settings, and further services of
// master.cf. It ends with this process.
func startPostfix(t testing.TB, settings string, services ...string) *postfix {
	t.Helper()
	program(t, "postfix")
	const queue = "/var/spool/postfix"
	uid, gid := account(t)
	write(t, "/etc/postfix/main.cf", postfixSettings+settings)
	write(t, "/etc/postfix/master.cf", postfixServices+strings.Join(services, ""))
	for name, mode := range map[string]os.FileMode{
		"active": 0o700, "bounce": 0o700, "corrupt": 0o700, "defer": 0o700, "deferred": 0o700, "flush": 0o700,
		"hold": 0o700, "incoming": 0o700, "private": 0o700, "saved": 0o700, "trace": 0o700,
		"maildrop": 0o730, "public": 0o710, "pid": 0o755,
	} {
		folder(t, filepath.Join(queue, name), mode, uid, gid)
	}
	folder(t, queue+"/pid", 0o755, 0, 0)
	folder(t, "/var/lib/postfix", 0o700, uid, gid)
	for _, file := range []string{"/etc/postfix/main.cf", "/etc/postfix/master.cf"} {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := &postfix{log: queue + "/log"}
	master := strings.TrimSpace(run(t, "postconf", "-h", "daemon_directory")) + "/master"
	cmd := exec.Command(master, "-w")
	cmd.Env = append(os.Environ(), "MAIL_CONFIG=/etc/postfix")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("master: %v\n%s%s", err, out, p.lines(t))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Postfix said:\n%s", p.complaints(t))
		}
	})
	return p
}

// writeChain gives Postfix a certificate for STARTTLS.
func writeChain(t testing.TB, ca *authority, cert *tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "/etc/postfix/cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))+ca.PEM())
	write(t, "/etc/postfix/key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

// openPostfix connects to Postfix as a client whose mail it relays.
func openPostfix(t testing.TB) *smtp.ClientConn {
	t.Helper()
	conn, err := net.Dial("tcp", postfixHost+":25")
	if err != nil {
		t.Fatal(err)
	}
	client := smtp.Client{Hostname: "client.signed"}
	k, err := client.Open(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// account returns the numbers of Postfix's user and of the group that may submit.
func account(t testing.TB) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	g, err := user.LookupGroup("postdrop")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(g.Gid)
	return uid, gid
}

func folder(t testing.TB, path string, mode os.FileMode, uid, gid int) {
	t.Helper()
	if err := os.MkdirAll(path, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(program(t, name), args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, &said)
	}
	return string(out)
}

func (p *postfix) lines(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// complaints are the lines of the log that are not routine.
func (p *postfix) complaints(t testing.TB) string {
	var b strings.Builder
	for line := range strings.Lines(p.lines(t)) {
		if strings.Contains(line, "warning:") || strings.Contains(line, "fatal:") || strings.Contains(line, "error") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// await waits until the log has what seen finds in it.
func (p *postfix) await(t testing.TB, what string, seen func(log string) bool) {
	t.Helper()
	awaitTrue(t, what, func() bool { return seen(p.lines(t)) })
}

// awaitTrue waits for something that another process does.
func awaitTrue(t testing.TB, what string, seen func() bool) {
	t.Helper()
	const patience, pause = 60 * time.Second, 20 * time.Millisecond
	try := time.NewTicker(pause)
	defer try.Stop()
	for late := time.After(patience); !seen(); {
		select {
		case <-late:
			t.Fatalf("%s did not come about in %v", what, patience)
		case <-try.C:
		}
	}
}

// startUnbound starts unbound as the validating resolver of this process's
// resolv.conf, below our own root.
func startUnbound(t testing.TB, anchor string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "unbound.conf")
	write(t, filepath.Join(dir, "anchor"), anchor)
	write(t, file, fmt.Sprintf(`server:
 interface: %s
 directory: %q
 chroot: ""
 username: ""
 pidfile: ""
 use-syslog: no
 do-ip6: no
 do-not-query-localhost: no
 module-config: "validator iterator"
 trust-anchor-file: "anchor"
 val-log-level: 1
 val-bogus-ttl: 1
remote-control:
 control-enable: no
forward-zone:
 name: "."
 forward-addr: %s
`, unboundHost, dir, strings.Replace(rootServer, ":", "@", 1)))
	var output bytes.Buffer
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program(t, "unbound"), "-d", "-p", "-c", file)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("unbound said:\n%s", &output)
		}
	})
	awaitTrue(t, "unbound's port", func() bool {
		c, err := net.Dial("tcp", unboundHost+":53")
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}
