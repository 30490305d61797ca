package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// serve runs the servers. When ctx ends or one of them does, all stop taking
// connections and drain; the last ones, which tell of it, end when the others have.
func (d *Daemon) serve(ctx context.Context, servers []server) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var addrs []net.Addr
	faults := make([]error, len(servers))
	var first, last sync.WaitGroup
	for i, s := range servers {
		addrs = append(addrs, s.listener.Addr())
		d.Log.Info("listening", "server", s.name, "address", s.listener.Addr().String(), "from", d.from(s.name))
		until, group := ctx, &first
		if s.last {
			until, group = late, &last
		}
		group.Go(func() {
			defer stop()
			if err := s.serve(until, s.listener); err != nil {
				faults[i] = fmt.Errorf("%s: %w", s.name, err)
			}
		})
	}
	first.Go(func() { d.refresh(ctx) })
	first.Go(func() { d.watch(ctx) })
	first.Go(func() { d.follow(ctx) })
	last.Go(func() { d.Notify.Watch(late, d.alive, d.tell) })
	d.tell(d.Notify.Ready(d.status()))
	first.Go(func() { // only now: that we are ready must not be the last word of one that stops
		<-ctx.Done()
		d.stopping()
	})
	if d.Ready != nil {
		d.Ready(addrs)
	}
	first.Wait()
	end()
	last.Wait()
	d.Log.Info("stopped")
	return errors.Join(faults...)
}

// stopping says that the daemon has begun to end.
func (d *Daemon) stopping() {
	d.health.draining.Store(true)
	d.Log.Info("stopping", "drain_ms", d.state.Load().config.Milter.Drain.Time().Milliseconds())
	d.tell(d.Notify.Stopping("stopping; messages under way may finish"))
}
