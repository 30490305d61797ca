package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// dnsAddr is where the name server of the tree listens.
const dnsAddr = "127.53.1.1"

// process is a name server or resolver that is measured from outside.
type process struct {
	name string
	cmd  *exec.Cmd
	log  bytes.Buffer
	addr string
}

// start runs a program until stop, and waits until it answers for the name.
func start(name, addr, answers string, args ...string) (*process, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath(filepath.Join("/usr/sbin", name)); err != nil {
			return nil, fmt.Errorf("%s is not installed: %w", name, err)
		}
	}
	p := &process{name: filepath.Base(name), cmd: exec.Command(path, args...), addr: addr}
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if _, err = ask(addr, []string{answers}, false); err == nil {
			return p, nil
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s: %w\n%s", name, err, p.log.String())
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// cpu returns the time that the threads of the process have run.
func (p *process) cpu() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, fmt.Errorf("%s: no /proc", p.name))
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// rss returns the resident memory in bytes.
func (p *process) rss() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10, err
}

// startKnot serves the tree.
func (tr *dnsTree) startKnot(port int) (*process, error) {
	var conf strings.Builder
	fmt.Fprintf(&conf, "server:\n    rundir: %[1]q\n    listen: %s@%d\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"+
		"database:\n    storage: %[1]q\nlog:\n  - target: stderr\n    any: warning\n"+
		"template:\n  - id: default\n    journal-content: none\n    zonefile-sync: -1\nzone:\n", tr.dir, dnsAddr, port)
	for i, origin := range tr.origins {
		fmt.Fprintf(&conf, "  - domain: %q\n    file: %q\n", origin, tr.files[i])
	}
	if err := os.WriteFile(tr.file("knot.conf"), []byte(conf.String()), 0o600); err != nil {
		return nil, err
	}
	return start("knotd", fmt.Sprintf("%s:%d", dnsAddr, port), tr.names[0], "-c", tr.file("knot.conf"))
}

// startUnbound validates the tree, with caches that hold all of it.
func (tr *dnsTree) startUnbound(port, own int) (*process, error) {
	conf := fmt.Sprintf(`server:
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
 module-config: "validator iterator"
 trust-anchor-file: %[3]q
 qname-minimisation: no
 msg-cache-size: 64m
 rrset-cache-size: 128m
 key-cache-size: 16m
remote-control:
 control-enable: no
stub-zone:
 name: "."
 stub-addr: %[4]s@%[5]d
 stub-prime: no
`, own, tr.dir, tr.file("anchor"), dnsAddr, port)
	if err := os.WriteFile(tr.file("unbound.conf"), []byte(conf), 0o600); err != nil {
		return nil, err
	}
	return start("unbound", fmt.Sprintf("127.0.0.1:%d", own), "org.", "-d", "-c", tr.file("unbound.conf"))
}

// startWaxseal does the same with the given program.
func (tr *dnsTree) startWaxseal(program string, port, own int) (*process, error) {
	at := fmt.Sprintf("127.0.0.1:%d", own)
	return start(program, at, "org.", "dns", "--serve", at, "--recursive", "--no-qmin", "--root-hints", tr.file("hints"),
		"--dns-port", strconv.Itoa(port), "--trust-anchor", tr.file("anchor"), "--dnssec", "require")
}
