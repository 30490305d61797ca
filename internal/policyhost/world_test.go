package policyhost

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/testca"
	"github.com/waxseal/waxseal/mtasts"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Two belong to certmagic, which never ends the one and looks only every five
	// seconds whether it should end the other; pebble never ends the third.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// authority is a CA of the tests.
type authority struct{ *testca.Authority }

func newAuthority(t testing.TB) *authority {
	return &authority{testca.New(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the CA of a test"}, NotAfter: time.Now().AddDate(10, 0, 0),
	})}
}

// write makes a certificate for names with these days left of 90, and writes it into
// the folder. It returns its serial number.
func (a *authority) write(t testing.TB, f Files, days int, names ...string) *big.Int {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().AddDate(0, 0, days)
	key, cert := a.Sign(t, &x509.Certificate{
		SerialNumber: serial, DNSNames: names, NotBefore: end.AddDate(0, 0, -90), NotAfter: end,
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, f.Certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	writeFile(t, f.Key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return serial
}

// writeFile writes a file; its time is always another one than before, however fast a
// test is.
func writeFile(t testing.TB, name, text string) {
	t.Helper()
	before, statErr := os.Stat(name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if statErr != nil {
		return
	}
	later := before.ModTime().Add(time.Second)
	if err := os.Chtimes(name, later, later); err != nil {
		t.Fatal(err)
	}
}

func filesIn(dir, name string) Files {
	return Files{filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")}
}

func policy(t testing.TB, of domain.Name, mode mtasts.Mode) Policy {
	t.Helper()
	text := (&mtasts.Policy{Version: "STSv1", Mode: mode, MX: []string{"mx." + string(of)}, MaxAge: 86400}).String()
	p, err := mtasts.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Policy{of, p}
}

// notes is a log that can be read while it is written.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

// take returns the messages at and above warnings, with the error, since the last time.
func (n *notes) take(t testing.TB) []string {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for line := range bytes.Lines(n.text.Bytes()) {
		var one struct{ Level, Msg, Error string }
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		if one.Level != "INFO" && one.Level != "DEBUG" {
			all = append(all, strings.TrimSuffix(one.Msg+": "+one.Error, ": "))
		}
	}
	n.text.Reset()
	return all
}

func (n *notes) has(word string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Contains(n.text.Bytes(), []byte(word))
}

func (n *notes) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(n, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// host is a server that serves two domains, each with a certificate of its own.
type host struct {
	t    testing.TB
	dir  string
	ca   *authority
	log  notes
	site *Site
	mu   sync.Mutex
	s    *Server
	addr string
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), ca: newAuthority(t)}
	h.ca.write(t, filesIn(h.dir, "a"), 80, "mta-sts.a.example")
	h.ca.write(t, filesIn(h.dir, "b"), 80, "mta-sts.b.example")
	h.s = &Server{Site: h.now, Log: h.log.logger()}
	h.set(
		Hosting{policy(t, "a.example", mtasts.Testing), filesIn(h.dir, "a")},
		Hosting{policy(t, "b.example", mtasts.Enforce), filesIn(h.dir, "b")},
	)
	return h
}

func (h *host) now() *Site {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.site
}

func (h *host) set(all ...Hosting) {
	h.t.Helper()
	site, err := NewSite(all, h.now())
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.site = site
}

// serve starts the server; it stops with the test, or when it is told.
func (h *host) serve() (stop func()) {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	return h.serveAt(l)
}

func (h *host) serveAt(l net.Listener) (stop func()) {
	h.addr = l.Addr().String()
	return h.background(func(ctx context.Context) error { return h.s.Serve(ctx, l) })
}

// background runs serve until the test ends, or until it is told.
func (h *host) background(serve func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// handshake returns the certificate that a client of a name gets.
func (h *host) handshake(name string, change func(*tls.Config)) (*x509.Certificate, error) {
	c := &tls.Config{RootCAs: h.ca.Pool(), ServerName: name}
	if change != nil {
		change(c)
	}
	conn, err := tls.Dial("tcp", h.addr, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func writeCA(t testing.TB, name string, ca *authority) {
	t.Helper()
	writeFile(t, name, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Cert.Raw})))
}
