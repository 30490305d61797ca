// Package daemon is waxseal serve: it reads the configuration, wires the servers to
// the two walks and carries on when the configuration changes. It is the only
// package that knows them all.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/metrics"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/internal/socketmap"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/internal/systemd"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
)

// Database is the file in the state directory.
const Database = "waxseal.db"

// How often MTA-STS policies are looked through for those due to be fetched, and how
// many are dealt with then: more than 50,000 a day.
const (
	refreshEvery = 5 * time.Minute
	refreshBatch = 200
)

// Daemon serves by a configuration file.
type Daemon struct {
	ConfigFile string
	// Credentials is the folder that systemd names in CREDENTIALS_DIRECTORY.
	Credentials string
	// Log takes one record for each verdict and whatever goes wrong; required.
	Log *slog.Logger
	// Ready is called once all listeners are open, with their addresses in the
	// order milter, TLS policy, MTA-STS host, its HTTP, metrics; nil means that nobody
	// waits.
	Ready func(addrs []net.Addr)
	// Notify is told how the daemon is; nil means that nobody is.
	Notify *systemd.Notifier
	// Sockets are listeners that a service manager has opened, under SocketNames. They
	// take the place of the addresses in the configuration.
	Sockets map[string][]net.Listener
	// Build is what the metrics say of the program.
	Build metrics.Build

	state    atomic.Pointer[state]
	store    mtasts.Store
	index    mtasts.Index
	host     *hosting
	meter    *metrics.Set
	health   health
	filters  *milter.Server
	policies *socketmap.Server
}

// Check reads the configuration and all that it names, and serves nothing.
func (d *Daemon) Check() (*config.Config, error) {
	c, err := config.Load(d.ConfigFile)
	if err != nil {
		return nil, err
	}
	_, err = newState(c, nil, d.Credentials, nil)
	return c, err
}

// reload is Reload without telling anybody.
func (d *Daemon) reload() error {
	old := d.state.Load()
	c, err := config.Load(d.ConfigFile)
	if err != nil {
		return err
	}
	was := old.config
	if c.Milter.Listen != was.Milter.Listen || c.Milter.Connections != was.Milter.Connections || c.Milter.Drain != was.Milter.Drain ||
		c.TLSPolicy.Listen != was.TLSPolicy.Listen || c.Metrics != was.Metrics || c.State != was.State || c.Log != was.Log {
		return errors.New("daemon: milter.listen, milter.connections, milter.drain, tls_policy.listen, metrics, state and log cannot change without a restart")
	}
	if c.MTASTS.Fixed() != was.MTASTS.Fixed() {
		return errors.New("daemon: mta_sts.listen, mta_sts.connections and mta_sts.acme cannot change without a restart")
	}
	s, err := newState(c, old, d.Credentials, d.store)
	if err != nil {
		return err
	}
	d.enter(s)
	d.host.changed()
	return nil
}

// Run serves until ctx ends, then lets the messages under way finish. It returns
// earlier, and does the same, if a server fails.
func (d *Daemon) Run(ctx context.Context) error {
	c, err := config.Load(d.ConfigFile)
	if err != nil {
		return err
	}
	if c.State.Directory != "" {
		db, err := store.Open(ctx, filepath.Join(c.State.Directory, Database))
		switch {
		case err != nil && ctx.Err() != nil: // told to stop before there was anything to end
			d.Log.Info("stopped")
			return nil
		case err != nil:
			return err
		}
		defer db.Close()
		d.store, d.index = db.MTASTS(), db.MTASTS()
	} else {
		m := new(mtasts.MemoryStore)
		d.store, d.index = m, m
	}
	s, err := newState(c, nil, d.Credentials, d.store)
	if err != nil {
		return err
	}
	if d.host, err = d.newHosting(c); err != nil {
		return err
	}
	d.meter = metrics.New(d.Build, d.sample)
	servers, err := d.listen(c)
	if err != nil {
		return err
	}
	d.meter.Loaded(time.Now())
	d.enter(s)
	return d.serve(ctx, servers)
}

// server is one server with its listener.
type server struct {
	name     string
	listener net.Listener
	serve    func(ctx context.Context, l net.Listener) error
	last     bool // ends when the others have
}

// listen opens all listeners, or none.
func (d *Daemon) listen(c *config.Config) ([]server, error) {
	d.filters = &milter.Server{
		Handler: &filter{state: d.state.Load, log: d.Log, meter: d.meter},
		Limits:  milter.Limits{Connections: c.Milter.Connections, Drain: c.Milter.Drain.Time()},
		Report:  d.milterFault,
	}
	d.policies = &socketmap.Server{
		Planner: planner{d}, Drain: c.Milter.Drain.Time(),
		Default:  func() socketmap.Level { return socketmap.Level(d.state.Load().config.TLSPolicy.Default) },
		Answered: d.answered, Report: d.policyFault,
	}
	var all []server
	for _, s := range []struct {
		at config.Listen
		server
	}{
		{c.Milter.Listen, server{name: "milter", serve: d.filters.Serve}},
		{c.TLSPolicy.Listen, server{name: "tls_policy", serve: d.policies.Serve}},
		{c.MTASTS.Listen, server{name: "mta_sts", serve: d.host.serve}},
		{c.MTASTS.ACME.HTTPListen, server{name: "mta_sts.acme.http", serve: d.host.serveChallenges}},
		{c.Metrics.Listen, server{name: "metrics", serve: d.serveHealth, last: true}},
	} {
		ls, err := d.listenersOf(s.name, s.at)
		if err != nil {
			for _, o := range all {
				_ = o.listener.Close()
			}
			return nil, err
		}
		for _, l := range ls {
			s.listener = l
			all = append(all, s.server)
		}
	}
	d.unused(all)
	return all, nil
}

// open listens; a socket that a dead process has left is removed.
func open(at config.Listen) (net.Listener, error) {
	network, address := at.Network()
	l, err := net.Listen(network, address)
	if network != "unix" || !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	if conn, dialErr := net.Dial(network, address); dialErr == nil {
		_ = conn.Close()
		return nil, err // somebody serves there
	}
	if info, statErr := os.Lstat(address); statErr != nil || info.Mode().Type() != os.ModeSocket {
		return nil, err // the file of somebody who has made a mistake
	}
	if err := os.Remove(address); err != nil {
		return nil, err
	}
	return net.Listen(network, address)
}

// refresh fetches MTA-STS policies again before they end.
func (d *Daemon) refresh(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var done []mtasts.Refreshed
		var err error
		d.contain("refreshing MTA-STS policies", func() { done, err = d.state.Load().sts.Refresh(ctx, d.index, refreshBatch) })
		d.meter.Refreshed(done, err)
		if err != nil && ctx.Err() == nil {
			d.Log.Error("refreshing MTA-STS policies", "error", err.Error())
		}
		for _, r := range done {
			d.warnOfDowngrade(r.Domain, r.Downgrade)
			for _, e := range r.Errors {
				logPanic(d.Log, "refreshing MTA-STS policies", "", e)
			}
		}
	}
}

// planner plans with the state of the moment.
type planner struct{ *Daemon }

// Plan implements socketmap.Planner.
func (p planner) Plan(ctx context.Context, domain string) *outbound.Plan {
	plan := p.state.Load().planner.Plan(ctx, domain)
	if err := plan.Faults(); err != nil {
		p.meter.Panic(metrics.InPolicy)
		logPanic(p.Log, "planning", "", err)
	}
	return plan
}
