package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/internal/systemd"
)

// run runs a daemon and returns its addresses, what tells it to stop, and how it ended.
func run(t *testing.T, d *Daemon) (addrs []net.Addr, stop func(), ended chan error) {
	t.Helper()
	ready := make(chan []net.Addr, 1)
	d.Ready = func(addrs []net.Addr) { ready <- addrs }
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	ended = make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	select {
	case addrs = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return addrs, cancel, ended
}

// within waits for the end of a daemon.
func within(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still running")
	}
}

// TestDrain holds that a message under way gets its verdict after the daemon was
// told to stop, that the daemon says meanwhile that it is not ready, and that it takes
// nobody new.
func TestDrain(t *testing.T) {
	addrs, stop, ended := run(t, newSite(t, withMetrics).daemon())
	under := dialMTA(t, addrs[0], "203.0.113.9")
	under.begin("joe@bank.example", "From: boss@bank.example\n")
	idle := dialMTA(t, addrs[0], "203.0.113.9")
	stop()
	_ = idle.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := idle.conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection between messages is not closed: %d, %v", n, err)
	}
	for {
		resp, body := get(t, "GET", addrs[2], "/readyz")
		if resp.StatusCode == 503 {
			if body != "stopping: no new connections are taken\n" {
				t.Errorf("not ready, for %q", body)
			}
			break
		}
	}
	if resp, _ := get(t, "GET", addrs[2], "/healthz"); resp.StatusCode != 200 {
		t.Error("not healthy while draining")
	}
	for begin := time.Now(); ; {
		conn, err := net.Dial(addrs[0].Network(), addrs[0].String())
		if err != nil {
			break
		}
		conn.Close()
		if time.Since(begin) > 20*time.Second {
			t.Fatal("still takes somebody new")
		}
	}
	if got := under.judgement(under.end()); got.Reply != "accept" {
		t.Errorf("got %+v, want an accept", got)
	}
	within(t, ended)
}

// TestDrainEnds holds that a message that does not end does not keep the daemon.
func TestDrainEnds(t *testing.T) {
	s := newSite(t, "")
	config, err := os.ReadFile(s.dir + "/waxseal.toml")
	if err != nil {
		t.Fatal(err)
	}
	s.write("waxseal.toml", strings.Replace(string(config), "[milter]\n", "[milter]\ndrain = \"50ms\"\n", 1))
	addrs, stop, ended := run(t, s.daemon())
	dialMTA(t, addrs[0], "203.0.113.9").begin("joe@bank.example", "From: boss@bank.example\n")
	stop()
	within(t, ended)
}

// TestStopEarly holds that it is no failure to be told to stop while starting, which
// takes a while where another process writes into the database.
func TestStopEarly(t *testing.T) {
	s := newSite(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.daemon().Run(ctx); err != nil {
		t.Error(err)
	}
	if !strings.Contains(s.log.String(), `"msg":"stopped"`) {
		t.Errorf("the log says nothing:\n%s", s.log.String())
	}
}

// TestSockets holds that listeners from the service manager take the place of the
// configured ones, and that those that no server wants are closed.
func TestSockets(t *testing.T) {
	listen := func(network, address string) net.Listener {
		t.Helper()
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	s := newSite(t, withMetrics)
	d := s.daemon()
	one, two := listen("tcp", "127.0.0.1:0"), listen("unix", s.dir+"/milter")
	health, unused := listen("tcp", "127.0.0.1:0"), listen("tcp", "127.0.0.1:0")
	d.Sockets = map[string][]net.Listener{"milter": {one, two}, "metrics": {health}, "mta_sts": {unused}}
	addrs, stop, ended := run(t, d)
	want := []string{one.Addr().String(), s.dir + "/milter", s.dir + "/policy", health.Addr().String()}
	for i, a := range addrs {
		if i >= len(want) || a.String() != want[i] {
			t.Errorf("listens on %v, want %v", addrs, want)
			break
		}
	}
	dialMTA(t, addrs[0], "203.0.113.9")
	dialMTA(t, addrs[1], "203.0.113.9")
	if resp, _ := get(t, "GET", health.Addr(), "/healthz"); resp.StatusCode != 200 {
		t.Error("metrics are not served on the socket")
	}
	if _, err := unused.Accept(); err == nil {
		t.Error("a socket without a server is still open")
	}
	stop()
	within(t, ended)
}

// TestNotify holds that the service manager hears what the daemon does.
func TestNotify(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	_ = manager.SetReadDeadline(time.Now().Add(20 * time.Second))
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", strconv.Itoa(int(time.Hour/time.Microsecond)))
	n, err := systemd.TakeNotifier()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, "")
	s.replace("[milter]\n", "[milter]\ndrain = \"50ms\"\n")
	d := s.daemon()
	d.Notify = n
	addrs, stop, ended := run(t, d)
	alive := false
	expect := func(patterns ...string) {
		t.Helper()
		b := make([]byte, 1000)
		for len(patterns) > 0 {
			n, err := manager.Read(b)
			if err != nil {
				t.Fatalf("%v, still waiting for %q", err, patterns)
			}
			if string(b[:n]) == "WATCHDOG=1" { // it comes when it comes
				alive = true
				continue
			}
			if !regexp.MustCompile("^" + patterns[0] + "$").Match(b[:n]) {
				t.Errorf("got %q, want %q", b[:n], patterns[0])
			}
			patterns = patterns[1:]
		}
	}
	const serving = `READY=1\nSTATUS=serving; SPF monitor, DMARC monitor`
	expect(serving)
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	expect(`RELOADING=1\nMONOTONIC_USEC=\d+`, serving)
	s.write("waxseal.toml", "hostname = ")
	if err := d.Reload(); err == nil {
		t.Error("a broken configuration is taken over")
	}
	expect(`RELOADING=1\nMONOTONIC_USEC=\d+`, `READY=1\nSTATUS=the configuration was not reloaded, the old one stays in force: .*`)
	dialMTA(t, addrs[0], "203.0.113.9").begin("joe@bank.example", "From: boss@bank.example\n")
	stop()
	expect(`STOPPING=1\nSTATUS=stopping; messages under way may finish`)
	s.replace("hostname = ", "hostname = \"mx.example.org\"\n")
	if err := d.Reload(); err == nil || err.Error() != "daemon: stopping" {
		t.Errorf("got %v from a reload while it stops", err)
	}
	within(t, ended)
	_ = manager.SetReadDeadline(time.Now())
	if n, err := manager.Read(make([]byte, 100)); err == nil {
		if alive = n == len("WATCHDOG=1"); !alive {
			t.Errorf("%d bytes were said after STOPPING", n)
		}
	}
	_ = manager.SetReadDeadline(time.Now().Add(20 * time.Second))
	if !alive {
		n, err := manager.Read(make([]byte, 100))
		if err != nil || n != len("WATCHDOG=1") {
			t.Errorf("the watchdog heard nothing: %d bytes, %v", n, err)
		}
	}
}
