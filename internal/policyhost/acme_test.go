package policyhost

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"go.uber.org/zap"
)

// pebble is an ACME server that proves names on one port of this host.
type pebble struct {
	t      testing.TB
	web    *httptest.Server
	ca     *ca.CAImpl
	orders atomic.Int64
	down   atomic.Bool
	stuck  atomic.Bool // it takes questions and answers none

	reached chan struct{} // each question while it is stuck

	mu  sync.Mutex
	due *big.Int // serial number of the certificate that is to be renewed at once
}

const worldZone = "*.example. A 127.0.0.1\n"

// newPebble starts an ACME server; a port of 0 takes no challenges of that kind.
func newPebble(t testing.TB, httpPort, tlsPort int) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	names, err := zonefile.Serve("127.0.0.1:0", zonefile.FromText(worldZone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { names.Close() })
	quiet, store := log.New(io.Discard, "", 0), db.NewMemoryStore()
	p := &pebble{t: t, reached: make(chan struct{}, 100), ca: ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "for tests"}})}
	authority := va.New(quiet, httpPort, tlsPort, true, names.Addr(), store)
	front := wfe.New(quiet, store, authority, p.ca, []string{"ca.example"}, true, false, 1, 1)
	handler := front.Handler()
	p.web = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case p.down.Load():
			panic(http.ErrAbortHandler)
		case p.stuck.Load():
			p.reached <- struct{}{}
			<-r.Context().Done()
			return
		case strings.Contains(r.URL.Path, "/renewalInfo/"):
			p.renewalInfo(w, r)
			return
		case r.URL.Path == "/order-plz":
			p.orders.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(p.web.Close)
	return p
}

// renewalInfo says when a certificate should be renewed (RFC 9773): in a month, or an
// hour ago.
func (p *pebble) renewalInfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	start := time.Now().Add(30 * 24 * time.Hour)
	// RFC 9773, Section 4.1: the serial number is behind the dot, as DER has it, which
	// may begin with a zero.
	serial, err := base64.RawURLEncoding.DecodeString(r.URL.Path[strings.LastIndexByte(r.URL.Path, '.')+1:])
	if err == nil && p.due != nil && p.due.Cmp(new(big.Int).SetBytes(serial)) == 0 {
		start = time.Now().Add(-3 * time.Hour)
	}
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"suggestedWindow": {"start": %q, "end": %q}}`, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339))
}

// roots are the CAs of the certificates that it issues.
func (p *pebble) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.ca.GetRootCert(0).Cert)
	return pool
}

// client returns an ACME that orders from it.
func (p *pebble) client(folder string, log *slog.Logger) *ACME {
	trusted := x509.NewCertPool()
	trusted.AddCert(p.web.Certificate())
	return &ACME{
		Folder: folder, Email: "hostmaster@a.example", Directory: p.web.URL + "/dir", RootCAs: trusted, Log: log,
		Retry: 50 * time.Millisecond, Renew: 50 * time.Millisecond,
	}
}

// freePort returns a port that nobody listens on at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// keep returns a folder for ACME. The last of certmagic's work may still write there
// for a moment when the server has stopped, which t.TempDir does not take well.
func keep(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "acme")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { until(t, "the folder to be removed", func() bool { return os.RemoveAll(folder) == nil }) })
	return filepath.Join(folder, "acme")
}

// orderingHost is a host whose certificates come from p, listening at the port that p
// proves names on. More hostings may have files.
func orderingHost(t testing.TB, p *pebble, of domain.Name, folder string, l net.Listener, more ...Hosting) (h *host, stop func()) {
	t.Helper()
	h = &host{t: t, dir: t.TempDir(), ca: newAuthority(t)}
	h.s = &Server{Site: h.now, Log: h.log.logger(), ACME: p.client(folder, h.log.logger())}
	h.set(append(more, Hosting{Policy: policy(t, of, mtasts.Testing)})...)
	return h, h.serveAt(l)
}

func listenTCP(t testing.TB) (net.Listener, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, l.Addr().(*net.TCPAddr).Port
}

// until waits for something to become true, over more than one of the minutes that
// certmagic lets pass before it tries a renewal again.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(4 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited for: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// fetch has our own sender fetch the policy.
func (h *host) fetch(of domain.Name, roots *x509.CertPool) error {
	h.t.Helper()
	_, port, err := net.SplitHostPort(h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		h.t.Fatal(err)
	}
	zones := &resolver.Unvalidated{Source: zonefile.FromText(worldZone), Status: resolver.Insecure}
	_, _, err = (&mtasts.Fetcher{Resolver: zones, RootCAs: roots, Port: n}).Fetch(h.t.Context(), string(of))
	return err
}

// TestACME orders, serves, starts again without ordering, and stops looking after a
// host that is gone.
func TestACME(t *testing.T) {
	l, port := listenTCP(t)
	p := newPebble(t, freePort(t), port)
	folder := keep(t)
	h, stop := orderingHost(t, p, "a.example", folder, l)
	until(t, "a certificate", func() bool { return h.fetch("a.example", p.roots()) == nil })
	if !h.log.has("certificate obtained") {
		t.Error("the log says nothing of it")
	}
	// A stranger who asks for a challenge that nobody waits for.
	if _, err := h.handshake("mta-sts.a.example", func(c *tls.Config) { c.NextProtos = []string{acmeProtocol} }); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("a challenge is answered: %v", err)
	}
	stop()
	wantPrivate(t, folder)

	l, err := net.Listen("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	again, stop := orderingHost(t, p, "a.example", folder, l)
	until(t, "the stored certificate", func() bool { return again.fetch("a.example", p.roots()) == nil })
	if got := p.orders.Load(); got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
	again.ca.write(t, filesIn(again.dir, "b"), 80, "mta-sts.b.example")
	again.set(Hosting{policy(t, "b.example", mtasts.Testing), filesIn(again.dir, "b")})
	again.s.Changed()
	if again.s.ACME.certificate("mta-sts.a.example", time.Now()) != nil {
		t.Error("the host is gone, its certificate is not")
	}
	if err := again.fetch("b.example", again.ca.Pool()); err != nil {
		t.Error(err)
	}
	again.set(Hosting{Policy: policy(t, "a.example", mtasts.Testing)})
	again.s.Changed()
	until(t, "the certificate once more", func() bool { return again.fetch("a.example", p.roots()) == nil })
	stop()
	if got := p.orders.Load(); got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
	again.s.Changed() // after the end
}

// wantPrivate holds that nobody else may read what is in the folder; its locks say
// nothing but when they were taken.
func wantPrivate(t testing.TB, folder string) {
	t.Helper()
	keys := 0
	err := filepath.WalkDir(folder, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "locks" {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %s", name, info.Mode())
		}
		if strings.HasSuffix(name, ".key") {
			keys++
		}
		return err
	})
	if err != nil || keys != 2 {
		t.Errorf("%d keys, %v", keys, err)
	}
}

// TestACMERenewal has the authority ask for another certificate.
func TestACMERenewal(t *testing.T) {
	// certmagic remembers for the whole process which names it could not renew, and
	// an end in the middle of a renewal counts: this name is no other test's.
	of := domain.Name(fmt.Sprintf("n%d.example", time.Now().UnixNano()))
	l, port := listenTCP(t)
	p := newPebble(t, freePort(t), port)
	h, stop := orderingHost(t, p, of, keep(t), l)
	defer stop()
	until(t, "a certificate", func() bool { return h.fetch(of, p.roots()) == nil })
	first := h.s.ACME.certificate("mta-sts."+string(of), time.Now())
	p.mu.Lock()
	p.due = first.Leaf.SerialNumber
	p.mu.Unlock()
	until(t, "another certificate", func() bool {
		cert, err := h.handshake("mta-sts."+string(of), func(c *tls.Config) { c.RootCAs = p.roots() })
		if err != nil {
			t.Fatalf("no certificate while it is renewed: %v", err)
		}
		return cert.SerialNumber.Cmp(first.Leaf.SerialNumber) != 0
	})
	if got := p.orders.Load(); got != 2 {
		t.Errorf("%d orders, want 2", got)
	}
}

// TestACMEDown starts without the ACME server: it serves what it can, says so, and gets
// the certificate when the server is back.
func TestACMEDown(t *testing.T) {
	l, port := listenTCP(t)
	p := newPebble(t, freePort(t), port)
	p.down.Store(true)
	ca, files := newAuthority(t), filesIn(t.TempDir(), "b")
	ca.write(t, files, 80, "mta-sts.b.example")
	h, stop := orderingHost(t, p, "a.example", keep(t), l, Hosting{policy(t, "b.example", mtasts.Enforce), files})
	defer stop()
	if err := h.fetch("b.example", ca.Pool()); err != nil {
		t.Errorf("the other domain: %v", err)
	}
	if _, err := h.handshake("mta-sts.a.example", nil); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("got %v", err)
	}
	until(t, "a word in the log", func() bool { return h.log.has("no certificate") })
	p.down.Store(false)
	h.s.Changed()
	until(t, "a certificate", func() bool { return h.fetch("a.example", p.roots()) == nil })
	if got := p.orders.Load(); got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
}

// TestACMEStops holds that an order under way does not hold up the end.
func TestACMEStops(t *testing.T) {
	l, port := listenTCP(t)
	p := newPebble(t, freePort(t), port)
	p.stuck.Store(true)
	_, stop := orderingHost(t, p, "a.example", keep(t), l)
	<-p.reached
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestACMEOverHTTP proves the name over HTTP: where the authority looks for TLS, nobody
// is.
func TestACMEOverHTTP(t *testing.T) {
	l, _ := listenTCP(t)
	web, httpPort := listenTCP(t)
	p := newPebble(t, httpPort, freePort(t))
	h := &host{t: t, dir: t.TempDir()}
	h.s = &Server{Site: h.now, Log: h.log.logger(), ACME: p.client(keep(t), h.log.logger())}
	h.s.ACME.HTTPPort = httpPort
	h.set(Hosting{Policy: policy(t, "a.example", mtasts.Testing)})
	stopHTTP := h.background(func(ctx context.Context) error { return h.s.ACME.ServeChallenges(ctx, web) })
	defer stopHTTP()
	stop := h.serveAt(l)
	defer stop()
	until(t, "a certificate", func() bool { return h.fetch("a.example", p.roots()) == nil })
	for _, path := range []string{"/", wellKnown, "/.well-known/acme-challenge/x", "/.well-known/acme-challenge/"} {
		resp, err := http.Get("http://" + web.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, resp.StatusCode)
		}
	}
}

// TestBridge holds what of certmagic's log comes through to ours, and how.
func TestBridge(t *testing.T) {
	var n notes
	log := newZap(slog.New(slog.NewJSONHandler(&n, &slog.HandlerOptions{
		Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))).Named("renew").With(zap.String("host", "a.example"))
	log.Debug("not this")
	log.Info("nor this")
	log.Warn("but this", zap.Int("n", 1))
	log.With(zap.Bool("x", true)).Error("and this", zap.Error(io.EOF))
	const want = `{"level":"INFO","msg":"MTA-STS host: acme: but this","part":"renew","fields":{"host":"a.example","n":1}}
{"level":"WARN","msg":"MTA-STS host: acme: and this","part":"renew","fields":{"error":"EOF","host":"a.example","x":true}}
`
	if got := n.text.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
