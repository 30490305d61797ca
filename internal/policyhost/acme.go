package policyhost

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/waxseal/waxseal/internal/panics"
)

// acmeProtocol is the ALPN name of the challenge tls-alpn-01 (RFC 8737, Section 3). A
// server that speaks it proves control of its name on the port that senders ask.
const acmeProtocol = "acme-tls/1"

// How long after a failure a certificate is ordered again: the double each time. Let's
// Encrypt takes five failed validations of a name in an hour.
const (
	firstRetry = 5 * time.Minute
	lastRetry  = 6 * time.Hour
)

// challengeConnections is how many may ask for challenges at a time. An authority asks
// from a handful of places.
const challengeConnections = 100

// stopTime is how long a look at certificates that is under way may hold up the end.
const stopTime = 5 * time.Second

// ACME gets certificates from an authority (RFC 8555) and renews them. Its fields must
// not change once the Server serves. Proxies are taken from the environment, as
// net/http does.
type ACME struct {
	Folder    string // keeps account, keys and certificates
	Email     string // of the account; required
	Directory string // URL
	// RootCAs are the CAs that the directory's own server is trusted by; nil means
	// the system's.
	RootCAs *x509.CertPool
	// HTTPPort is that of ServeChallenges' listener, for the challenge http-01; 0
	// means that there is none.
	HTTPPort int
	// Log takes what an operator should know; nil means that nobody reads it.
	Log *slog.Logger
	// Retry is how long to wait after the first failure; 0 means five minutes.
	Retry time.Duration
	// Renew is how often certificates are looked through for those to be renewed; 0
	// means ten minutes.
	Renew time.Duration

	cache  *certmagic.Cache
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer

	ctx     context.Context
	work    sync.WaitGroup
	mu      sync.Mutex
	managed map[string]order
}

// order is a host whose certificate is looked after.
type order struct {
	stop context.CancelFunc
	now  chan struct{} // makes it try at once
}

// start begins to look after certificates for a server that listens at addr, and
// returns what ends it.
func (a *ACME) start(ctx context.Context, addr net.Addr) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	logger := newZap(a.log())
	a.ctx, a.managed = ctx, map[string]order{}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil },
		RenewCheckInterval: a.Renew,
		Logger:             logger,
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: a.Folder},
		// Mail servers do not ask for it, and it would be one more way out.
		OCSP:    certmagic.OCSPConfig{DisableStapling: true},
		OnEvent: a.event,
		Logger:  logger,
	})
	host, port, _ := net.SplitHostPort(addr.String())
	tlsPort, _ := net.LookupPort("tcp", port)
	a.issuer = certmagic.NewACMEIssuer(a.config, certmagic.ACMEIssuer{
		CA: a.Directory, Email: a.Email, Agreed: true, TrustedRoots: a.RootCAs, Logger: logger,
		// Where it would listen itself if nobody did: on our own listeners, which it
		// finds taken.
		ListenHost: host, AltTLSALPNPort: tlsPort,
		AltHTTPPort: a.HTTPPort, DisableHTTPChallenge: a.HTTPPort == 0,
	})
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	return func() {
		cancel()
		a.work.Wait()
		ended := make(chan struct{})
		go func() { a.cache.Stop(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(stopTime):
		}
	}
}

// manage looks after the certificates of these hosts and of no others; those that are
// waited for are tried at once.
func (a *ACME) manage(hosts []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wanted := map[string]bool{}
	for _, host := range hosts {
		wanted[host] = true
		if o, ok := a.managed[host]; ok {
			select {
			case o.now <- struct{}{}:
			default:
			}
			continue
		}
		ctx, stop := context.WithCancel(a.ctx)
		o := order{stop, make(chan struct{}, 1)}
		a.managed[host] = o
		a.work.Go(func() { a.obtain(ctx, host, o.now) })
	}
	for host, o := range a.managed {
		if !wanted[host] {
			o.stop()
			delete(a.managed, host)
			a.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: host}})
		}
	}
}

// obtain tries until there is a certificate; from then on the cache renews it.
func (a *ACME) obtain(ctx context.Context, host string, now <-chan struct{}) {
	for wait := cmp.Or(a.Retry, firstRetry); ; wait = min(2*wait, lastRetry) {
		err := a.order(ctx, host)
		if err == nil || ctx.Err() != nil {
			return
		}
		a.log().Error("MTA-STS host: no certificate", "host", host, "error", err.Error(), "again_in", wait.String())
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-now:
			again.Stop()
		case <-again.C:
		}
	}
}

// order gets a certificate, or finds the one that is stored. A panic over what the
// authority says fails this order alone.
func (a *ACME) order(ctx context.Context, host string) (err error) {
	defer func() {
		if p := panics.Of(recover()); p != nil {
			err = p
		}
	}()
	return a.config.ManageSync(ctx, []string{host})
}

// certificate returns the certificate of a host, nil if there is none yet.
func (a *ACME) certificate(host string, now time.Time) *tls.Certificate {
	var best *tls.Certificate
	for _, c := range a.cache.AllMatchingCertificates(host) {
		if best == nil || outOfTime(best.Leaf, now) != "" || c.Leaf.NotAfter.After(best.Leaf.NotAfter) {
			best = &c.Certificate
		}
	}
	return best
}

// challenge returns the certificate that proves control of a name, if that is being
// asked for by us: a stranger's question should cost nothing.
func (a *ACME) challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if _, ok := certmagic.GetACMEChallenge(hello.ServerName); !ok {
		return nil, nil
	}
	return a.config.GetCertificate(hello)
}

// ServeChallenges serves a listener for the challenge http-01, until ctx ends. The
// Server must serve too.
func (a *ACME) ServeChallenges(ctx context.Context, l net.Listener) error {
	web := newWeb(a, a.log())
	limited := &limited{Listener: l, most: challengeConnections, life: connectionTime, refused: new(atomic.Int64)}
	return serveWeb(ctx, web, func() error { return web.Serve(limited) })
}

// ServeHTTP answers the challenge http-01, and nothing else: policies are not served
// without TLS, and senders follow no redirect.
func (a *ACME) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, ok := certmagic.GetACMEChallenge(hostOf(r.Host)); ok && a.issuer.HandleHTTPChallenge(w, r) {
		return
	}
	refuse(w, http.StatusNotFound)
}

// event tells of what came of an order.
func (a *ACME) event(_ context.Context, name string, values map[string]any) error {
	switch name {
	case "cert_obtained":
		a.log().Info("MTA-STS host: certificate obtained", "host", values["identifier"], "renewal", values["renewal"], "issuer", values["issuer"])
	case "cert_failed":
		if values["renewal"] == true { // of the others obtain tells
			a.log().Error("MTA-STS host: certificate not renewed", "host", values["identifier"],
				"remaining", fmt.Sprint(values["remaining"]), "error", fmt.Sprint(values["error"]))
		}
	}
	return nil
}

func (a *ACME) log() *slog.Logger {
	if a.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return a.Log
}
