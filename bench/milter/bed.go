package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The addresses of the bed. The client's is one that the sender's SPF record lists;
// it must not be on 127.0.0.0/8, which filters do not check.
const (
	postfixHost   = "192.0.2.25"
	clientHost    = "192.0.2.1"
	resolverHost  = "127.0.0.53"
	nameServer    = "127.0.0.1:5300"
	waxsealAddr   = "127.0.0.1:8890"
	opendkimAddr  = "127.0.0.1:8891"
	opendmarcAddr = "127.0.0.1:8893"
	otherAddr     = "127.0.0.1:8895"
	passAddr      = "127.0.0.1:8894"
	sinkAddr      = "127.0.0.1:2600" // takes what is measured, and forgets it
	captureAddr   = "127.0.0.1:2601" // keeps what is looked at
)

// patience is how long a program may take to answer.
const patience = 30 * time.Second

// bed is all that runs.
type bed struct {
	*options
	letter  []byte // the message, with LF line ends as smtp-source wants it
	names   interface{ Close() error }
	running map[string]*process
}

// newBed starts everything but the filters.
func newBed(o *options) (*bed, error) {
	b := &bed{options: o, running: map[string]*process{}}
	for _, step := range []func() error{b.network, b.world, b.unbound, b.sinks, b.postfix} {
		if err := step(); err != nil {
			b.stop()
			return nil, err
		}
	}
	return b, nil
}

// network makes addresses and the resolver's address of this namespace.
func (b *bed) network() error {
	if os.Getpid() != 1 {
		return fmt.Errorf("not in namespaces of its own: run milter.sh")
	}
	for _, args := range []string{
		"link set lo up",
		"address add " + clientHost + "/32 dev lo",
		"address add " + postfixHost + "/32 dev lo",
		"route change local " + postfixHost + " dev lo table local src " + clientHost,
	} {
		if err := run("ip", strings.Fields(args)...); err != nil {
			return err
		}
	}
	at, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		return err
	}
	if err := b.write("resolv.conf", "nameserver "+resolverHost+"\noptions edns0\n"); err != nil {
		return err
	}
	return syscall.Mount(b.file("resolv.conf"), at, "", syscall.MS_BIND, "")
}

func (b *bed) file(name string) string { return filepath.Join(b.dir, name) }

func (b *bed) write(name, text string) error {
	return os.WriteFile(b.file(name), []byte(text), 0o644)
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// process is a program of the bed.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
}

// start runs a program until stop and waits until it takes connections at addr.
func (b *bed) start(name, addr string, argv ...string) error {
	p := &process{name: name, log: b.file(name + ".log"), cmd: exec.Command(argv[0], argv[1:]...)}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w (see bench/README.md for the packages)", name, err)
	}
	b.running[name] = p
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s does not answer: %w\n%s", name, err, text)
		}
		time.Sleep(20 * time.Millisecond) // a foreign program has nothing to wait on
	}
}

// end lets a program finish and waits for it.
func (b *bed) end(name string) {
	p := b.running[name]
	if p == nil {
		return
	}
	delete(b.running, name)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait()
}

// stop ends what runs; the namespace takes what these have started with it.
func (b *bed) stop() {
	for name := range b.running {
		b.end(name)
	}
	if b.names != nil {
		_ = b.names.Close()
	}
}
