// Package daemon is waxseal serve: it reads the configuration, wires the servers to
// the two walks and carries on when the configuration changes. It is the only
// package that knows them all.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/internal/socketmap"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
)

// Database is the file in the state directory.
const Database = "waxseal.db"

// How often MTA-STS policies are looked through for those due to be fetched, and
// how many are fetched at a time.
const (
	refreshEvery = 5 * time.Minute
	refreshBatch = 50
)

// Daemon serves by a configuration file.
type Daemon struct {
	ConfigFile string
	// Credentials is the folder that systemd names in CREDENTIALS_DIRECTORY.
	Credentials string
	// Log takes one record for each verdict and whatever goes wrong; required.
	Log *slog.Logger
	// Ready is called once all listeners are open, with their addresses in the
	// order milter, TLS policy, MTA-STS host, its HTTP; nil means that nobody waits.
	Ready func(addrs []net.Addr)

	state atomic.Pointer[state]
	store mtasts.Store
	index mtasts.Index
	host  *hosting
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

// Reload reads the configuration again. With an error nothing changes; messages
// under way keep the configuration that they began with. What is listened on and
// the state directory cannot change.
func (d *Daemon) Reload() error {
	old := d.state.Load()
	if old == nil {
		return errors.New("daemon: not running")
	}
	c, err := config.Load(d.ConfigFile)
	if err != nil {
		return err
	}
	was := old.config
	if c.Milter.Listen != was.Milter.Listen || c.Milter.Connections != was.Milter.Connections ||
		c.TLSPolicy != was.TLSPolicy || c.State != was.State || c.Log != was.Log {
		return errors.New("daemon: milter.listen, milter.connections, tls_policy, state and log cannot change without a restart")
	}
	if c.MTASTS.Fixed() != was.MTASTS.Fixed() {
		return errors.New("daemon: mta_sts.listen, mta_sts.connections and mta_sts.acme cannot change without a restart")
	}
	s, err := newState(c, old, d.Credentials, d.store)
	if err != nil {
		return err
	}
	d.state.Store(s)
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
		if err != nil {
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
	d.state.Store(s)
	servers, err := d.listen(c)
	if err != nil {
		return err
	}
	return d.serve(ctx, servers)
}

// server is one server with its listener.
type server struct {
	name     string
	listener net.Listener
	serve    func(ctx context.Context, l net.Listener) error
}

// listen opens all listeners, or none.
func (d *Daemon) listen(c *config.Config) ([]server, error) {
	filters := &milter.Server{
		Handler: &filter{state: d.state.Load, log: d.Log},
		Limits:  milter.Limits{Connections: c.Milter.Connections},
		Report:  d.milterFault,
	}
	policies := &socketmap.Server{
		Planner:  planner{d},
		Answered: d.answered,
		Report:   func(err error) { d.Log.Warn("tls policy", "error", err.Error()) },
	}
	var all []server
	for _, s := range []struct {
		at config.Listen
		server
	}{
		{c.Milter.Listen, server{name: "milter", serve: filters.Serve}},
		{c.TLSPolicy.Listen, server{name: "tls_policy", serve: policies.Serve}},
		{c.MTASTS.Listen, server{name: "mta_sts", serve: d.host.serve}},
		{c.MTASTS.ACME.HTTPListen, server{name: "mta_sts.acme.http", serve: d.host.serveChallenges}},
	} {
		if s.at == "" {
			continue
		}
		l, err := open(s.at)
		if err != nil {
			for _, o := range all {
				_ = o.listener.Close()
			}
			return nil, fmt.Errorf("%s.listen: %w", s.name, err)
		}
		s.listener = l
		all = append(all, s.server)
	}
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
	if err := os.Remove(address); err != nil {
		return nil, err
	}
	return net.Listen(network, address)
}

// serve runs the servers; when one ends, all do.
func (d *Daemon) serve(ctx context.Context, servers []server) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var addrs []net.Addr
	faults := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		addrs = append(addrs, s.listener.Addr())
		d.Log.Info("listening", "server", s.name, "address", s.listener.Addr().String())
		wg.Go(func() {
			defer stop()
			if err := s.serve(ctx, s.listener); err != nil {
				faults[i] = fmt.Errorf("%s: %w", s.name, err)
			}
		})
	}
	wg.Go(func() { d.refresh(ctx) })
	if d.Ready != nil {
		d.Ready(addrs)
	}
	wg.Wait()
	d.Log.Info("stopped")
	return errors.Join(faults...)
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
		done, err := d.state.Load().sts.Refresh(ctx, d.index, refreshBatch)
		if err != nil && ctx.Err() == nil {
			d.Log.Error("refreshing MTA-STS policies", "error", err.Error())
		}
		for _, r := range done {
			d.warnOfDowngrade(r.Domain, r.Downgrade)
		}
	}
}

// planner plans with the state of the moment.
type planner struct{ *Daemon }

// Plan implements socketmap.Planner.
func (p planner) Plan(ctx context.Context, domain string) *outbound.Plan {
	return p.state.Load().planner.Plan(ctx, domain)
}

func (d *Daemon) answered(l socketmap.Lookup) {
	if l.Plan == nil {
		return // a key that no plan is made for
	}
	d.Log.Info("tls policy", "domain", l.Key, "reply", l.Reply, "reason", l.Plan.Reason, "ms", l.Took.Milliseconds())
	d.warnOfPolicy(l.Plan.STS)
}

func (d *Daemon) milterFault(m *milter.Message, err error) {
	args := []any{"error", err.Error()}
	if m != nil {
		args = append(args, "queue_id", m.QueueID(), "client", m.Client.Addr.String(), "mail_from", m.From)
	}
	d.Log.Warn("milter", args...)
}
