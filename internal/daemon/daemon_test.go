package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/inbound"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// certmagic looks only every five seconds whether it should end this one.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

const zone = `
bank.example.        TXT "v=spf1 ip4:192.0.2.1 -all"
bank.example.        MX 10 mx.bank.example.
mx.bank.example.     A 192.0.2.1
_dmarc.bank.example. TXT "v=DMARC1; p=reject"
mild.example.        TXT "v=spf1 -all"
_dmarc.mild.example. TXT "v=DMARC1; p=quarantine"
`

// site is a folder with a configuration, a zone and a key.
type site struct {
	t   testing.TB
	dir string
	log bytes.Buffer
}

func newSite(t testing.TB, extra string) *site {
	s := &site{t: t, dir: t.TempDir()}
	s.write("zone", zone)
	s.write("key", strings.Repeat("k", 32))
	s.write("waxseal.toml", `hostname = "mx.example.org"
[dns]
zones = ["`+s.dir+`/zone"]
[milter]
listen = "127.0.0.1:0"
trusted_relays = ["10.0.0.0/8"]
[tls_policy]
listen = "unix:`+s.dir+`/policy"
[state]
directory = "`+s.dir+`"
[[domain]]
name = "example.org"
selector = "wax1"
key = "`+s.dir+`/key"
`+extra)
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// replace changes a part of the configuration.
func (s *site) replace(old, with string) {
	s.t.Helper()
	text, err := os.ReadFile(s.dir + "/waxseal.toml")
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("%q is not in the configuration", old)
	}
	s.write("waxseal.toml", strings.Replace(string(text), old, with, 1))
}

func (s *site) daemon() *Daemon {
	return &Daemon{ConfigFile: s.dir + "/waxseal.toml", Log: slog.New(slog.NewJSONHandler(&s.log, nil))}
}

func TestCheck(t *testing.T) {
	for _, row := range []struct{ name, broken, want string }{
		{"good", "", ""},
		{"no-key", "key", "the key of example.org: open "},
		{"no-zone", "zone", "open "},
		{"no-config", "waxseal.toml", "open "},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, "")
			if row.broken != "" {
				os.Remove(filepath.Join(s.dir, row.broken))
			}
			_, err := s.daemon().Check()
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// start runs a daemon and returns its addresses and the function that stops it.
func start(t *testing.T, d *Daemon) ([]net.Addr, func()) {
	t.Helper()
	ready := make(chan []net.Addr, 1)
	d.Ready = func(addrs []net.Addr) { ready <- addrs }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	select {
	case addrs := <-ready:
		return addrs, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	case err := <-ended:
		cancel()
		t.Fatal(err)
		return nil, nil
	}
}

// TestListenOnFile holds that a file in the place of a socket is left alone.
func TestListenOnFile(t *testing.T) {
	s := newSite(t, "")
	s.write("policy", "precious")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // it must not come that far
	defer cancel()
	if err := s.daemon().Run(ctx); err == nil || !strings.HasPrefix(err.Error(), "tls_policy.listen: ") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(s.dir + "/policy"); string(text) != "precious" {
		t.Errorf("the file has %q now, %v", text, err)
	}
}

func ask(t *testing.T, at net.Addr, query string) string {
	t.Helper()
	conn, err := net.Dial(at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%d:%s,", len(query), query)
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestRun(t *testing.T) {
	s := newSite(t, "")
	// A socket that a dead process has left.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.dir + "/policy", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	addrs, stop := start(t, s.daemon())
	if got := ask(t, addrs[1], "policy bank.example"); got != "6:OK may," {
		t.Errorf("got %q", got)
	}
	if err := s.second(); err == nil {
		t.Error("a second daemon took over the socket")
	}
	stop()
	if _, err := net.Dial(addrs[0].Network(), addrs[0].String()); err == nil {
		t.Error("still listening")
	}
}

// second runs another daemon beside one that runs.
func (s *site) second() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := s.daemon()
	d.Log = slog.New(slog.DiscardHandler)
	d.Ready = func([]net.Addr) { cancel() }
	return d.Run(ctx)
}

func TestReload(t *testing.T) {
	s := newSite(t, "")
	d := s.daemon()
	_, stop := start(t, d)
	defer stop()
	good, err := os.ReadFile(d.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	before := d.state.Load()
	for _, bad := range []string{
		"hostname = ", string(good) + "typo = 1\n", strings.Replace(string(good), "127.0.0.1:0", "127.0.0.1:1", 1),
		strings.Replace(string(good), "/key", "/none", 1),
	} {
		s.write("waxseal.toml", bad)
		if err := d.Reload(); err == nil || d.state.Load() != before {
			t.Errorf("took over %.40q: %v", bad, err)
		}
	}
	s.write("waxseal.toml", string(good)+"[policy]\nmode = \"enforce\"\n")
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	after := d.state.Load()
	if after.policy.DMARC != inbound.Enforce || after.resolver != before.resolver {
		t.Errorf("mode %s, cache kept %t", after.policy.DMARC, after.resolver == before.resolver)
	}
}
