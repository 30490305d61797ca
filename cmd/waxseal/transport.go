package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// stateFile is the database in a state directory.
const stateFile = "waxseal.db"

// transportFlags are the flags of the commands that send mail or ask how it would
// be sent.
type transportFlags struct {
	dns       dnsFlags
	ca        string
	state     string
	httpsPort uint16
	port      uint16
	public    bool
}

func (f *transportFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.ca, "ca", "", "the CAs in this PEM `FILE` count, and no others (default: the system's)")
	fs.StringVar(&f.state, "state", "", "keep MTA-STS policies in this `DIR`, as RFC 8461 asks of a sender (default: forget them)")
	fs.Uint16Var(&f.httpsPort, "https-port", 443, "fetch MTA-STS policies at this `PORT`, for a test bed")
	fs.BoolVar(&f.public, "public-only", false, "connect to no loopback, private or otherwise reserved address, whatever DNS says")
	f.dns.register(cmd)
}

func (f *transportFlags) registerPort(cmd *cobra.Command) {
	cmd.Flags().Uint16Var(&f.port, "port", 25, "the SMTP `PORT` of the MX hosts; others than 25 are for a test bed")
}

// transport is what the flags ask for.
type transport struct {
	resolver resolver.Resolver
	sts      *mtasts.Cache
	planner  *outbound.Planner
	roots    *x509.CertPool // nil: the system's
	clock    func() time.Time
	close    func()
}

// open builds what the flags ask for.
func (f *transportFlags) open(ctx context.Context) (*transport, error) {
	t := &transport{close: func() {}}
	if f.httpsPort == 0 {
		return nil, usage(errors.New("--https-port 0 is no port"), "policies are at port 443; leave the flag out")
	}
	var err error
	if t.clock, err = f.dns.clock(); err != nil {
		return nil, err
	}
	if t.roots, err = loadCAs(f.ca); err != nil {
		return nil, err
	}
	if t.resolver, err = f.dns.resolver(); err != nil {
		return nil, err
	}
	t.sts = &mtasts.Cache{
		Fetcher: &mtasts.Fetcher{Resolver: t.resolver, RootCAs: t.roots, Port: int(f.httpsPort), Time: t.clock},
		Time:    t.clock,
	}
	t.planner = &outbound.Planner{Resolver: t.resolver, STS: t.sts, Port: f.port}
	if f.public {
		t.sts.Fetcher.Forbid, t.planner.Forbid = outbound.NotPublic, outbound.NotPublic
	}
	if f.state != "" {
		err = t.openState(ctx, f.state)
	}
	return t, err
}

// openState keeps policies in the directory, which is made if it is not there.
func (t *transport) openState(ctx context.Context, dir string) error {
	const hint = "--state takes a folder that this user can write to"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err, hint)
	}
	db, err := store.Open(ctx, filepath.Join(dir, stateFile))
	if err != nil {
		return fail(err, hint)
	}
	t.sts.Store = db.MTASTS()
	t.close = func() { db.Close() }
	return nil
}

// loadCAs reads the certificates of --ca; without it the system's count.
func loadCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	certs, err := loadCertificates(path, "--ca takes a PEM file with the certificates of CAs")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

// interrupted is the error of a command whose context has ended.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fail(fmt.Errorf("interrupted"))
}

// stamp writes a time for a person.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// span writes a long time for a person.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d > day && d%day == 0, d > 3*day:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}
