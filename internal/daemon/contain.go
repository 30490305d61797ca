package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/waxseal/waxseal/internal/panics"
)

// contain does a piece of background work: a panic in it is logged, and the next
// piece comes all the same.
func (d *Daemon) contain(what string, work func()) {
	defer func() {
		if p := panics.Of(recover()); p != nil {
			logPanic(d.Log, what, "", p)
		}
	}()
	work()
}

// logPanic logs the panic that err is or wraps, if it is one, with the stack of where
// it happened; queueID is that of the message that met it, if one did.
func logPanic(log *slog.Logger, in, queueID string, err error) {
	var p *panics.Panic
	if errors.As(err, &p) {
		log.Error("internal fault", "in", in, "queue_id", queueID, "error", cut(p.Error()), "stack", string(p.Stack))
	}
}

// follow follows the trust anchors of the state of the moment.
func (d *Daemon) follow(ctx context.Context) {
	tick := time.NewTicker(anchorsEvery)
	defer tick.Stop()
	for {
		if a := d.state.Load().anchored; a != nil {
			d.contain("following trust anchors", func() { a.follow(ctx, d.Log) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
