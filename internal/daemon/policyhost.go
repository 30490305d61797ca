package daemon

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/policyhost"
)

// acmeFolder is where ACME keeps account and certificates, in the state directory.
const acmeFolder = "acme"

// senderPort is the port that senders ask for policies (RFC 8461, Section 3.3).
const senderPort = 443

// What DNS says of our policies is looked up again each day, and no longer than this
// for each.
const (
	inspectEvery = 24 * time.Hour
	inspectTime  = time.Minute
)

// hosting is the host of our MTA-STS policies.
type hosting struct {
	daemon   *Daemon
	server   *policyhost.Server
	reloaded chan struct{}
}

// newPolicySite reads what the configuration names for the host of policies.
func newPolicySite(c *config.Config, old *state, credentials string) (*policyhost.Site, error) {
	var all []policyhost.Hosting
	for _, p := range c.MTASTS.Policies {
		h := policyhost.Hosting{Policy: policyhost.Policy{Domain: domain.Name(p.Domain), Policy: p.Policy()}}
		certificate, key := c.MTASTS.CertificateFiles(p)
		if certificate != "" {
			var err error
			if h.Files.Certificate, err = certificate.Path(credentials); err != nil {
				return nil, fmt.Errorf("the certificate of %s: %w", h.Host(), err)
			}
			if h.Files.Key, err = key.Path(credentials); err != nil {
				return nil, fmt.Errorf("the key of %s: %w", h.Host(), err)
			}
		}
		all = append(all, h)
	}
	if _, err := acmeRoots(c.MTASTS.ACME); err != nil {
		return nil, err
	}
	var before *policyhost.Site
	if old != nil {
		before = old.site
	}
	site, err := policyhost.NewSite(all, before)
	if err != nil {
		return nil, fmt.Errorf("mta_sts: %w", err)
	}
	return site, nil
}

// acmeRoots reads the CAs of the ACME server itself, nil for those of the system.
func acmeRoots(a config.ACME) (*x509.CertPool, error) {
	if a.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(a.CA)
	if err != nil {
		return nil, fmt.Errorf("mta_sts.acme.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("mta_sts.acme.ca: %s: no certificate in it", a.CA)
	}
	return pool, nil
}

// newHosting returns the host for a configuration; it serves what the state of the
// moment has.
func (d *Daemon) newHosting(c *config.Config) (*hosting, error) {
	h := &hosting{daemon: d, reloaded: make(chan struct{}, 1)}
	h.server = &policyhost.Server{
		Site: func() *policyhost.Site { return d.state.Load().site }, Connections: c.MTASTS.Connections, Log: d.Log, Answered: h.answered,
	}
	a := c.MTASTS.ACME
	if !a.Configured() {
		return h, nil
	}
	roots, err := acmeRoots(a)
	if err != nil {
		return nil, err
	}
	h.server.ACME = &policyhost.ACME{
		Folder: filepath.Join(c.State.Directory, acmeFolder), Email: a.Email, Directory: a.Directory, RootCAs: roots, Log: d.Log,
		HTTPPort: portOf(a.HTTPListen),
	}
	return h, nil
}

// portOf returns the port of an address, 0 for none.
func portOf(at config.Listen) int {
	_, address := at.Network()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return 0
	}
	return n
}

// serve serves the policies and follows what DNS says of them.
func (h *hosting) serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() { defer close(followed); h.follow(ctx, l.Addr()) }()
	err := h.server.Serve(ctx, l)
	stop()
	<-followed
	return err
}

// serveChallenges serves what proves to an ACME server that the names are ours.
func (h *hosting) serveChallenges(ctx context.Context, l net.Listener) error {
	return h.server.ACME.ServeChallenges(ctx, l)
}

// changed takes over another state. It waits for no DNS, as follow may do just now: an
// operator who reloads has certificates in mind.
func (h *hosting) changed() {
	h.server.Changed()
	h.announce()
	select {
	case h.reloaded <- struct{}{}:
	default: // one is waiting, and will see this state too
	}
}

// follow tells what to publish, and what DNS says that should be otherwise, until ctx
// ends. Nothing waits for it: a host that cannot look names up can still serve.
func (h *hosting) follow(ctx context.Context, addr net.Addr) {
	log := h.daemon.Log
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.Port != senderPort {
		log.Warn("MTA-STS host: senders ask port 443 alone, it must lead here", "address", addr.String())
	}
	tick := time.NewTicker(inspectEvery)
	defer tick.Stop()
	h.announce()
	for {
		h.daemon.contain("inspecting MTA-STS policies", func() { h.inspect(ctx) })
		select {
		case <-ctx.Done():
			return
		case <-h.reloaded:
		case <-tick.C:
		}
	}
}

// announce writes a line for each policy with the record to publish.
func (h *hosting) announce() {
	for _, p := range h.daemon.state.Load().site.Policies() {
		h.daemon.Log.Info("MTA-STS policy", "domain", string(p.Domain), "mode", string(p.Policy.Mode), "record", p.Record())
	}
}

// inspect compares the policies with DNS as it is now: what our cache remembers may be
// what the operator has just changed.
func (h *hosting) inspect(ctx context.Context) {
	s := h.daemon.state.Load()
	for _, p := range s.site.Policies() {
		one, cancel := context.WithTimeout(ctx, inspectTime)
		problems := policyhost.Inspect(one, s.resolver.Resolver, p)
		cancel()
		if ctx.Err() != nil || h.daemon.state.Load() != s { // of others it will be told soon
			return
		}
		for _, problem := range problems {
			h.daemon.Log.Warn("MTA-STS policy: "+problem, "domain", string(p.Domain), "record", p.Record())
		}
	}
}

func (h *hosting) answered(r policyhost.Request) {
	h.daemon.meter.PolicyRequest(r.Status)
	h.daemon.Log.Debug("MTA-STS host", "host", cut(r.Host), "method", cut(r.Method), "path", cut(r.Path), "status", r.Status, "client", r.Client, "agent", cut(r.Agent))
}
