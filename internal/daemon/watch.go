package daemon

import (
	"context"
	"strings"
	"time"
)

// watchEvery is how often the daemon looks by itself whether it can do its work, so
// that the log says so where nobody asks for /readyz.
const watchEvery = 30 * time.Second

// watch logs when a condition begins to fail, and when none does any more, until ctx
// ends.
func (d *Daemon) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	was := ""
	for {
		var failing []string
		found := false
		d.contain("watching whether the daemon is ready", func() {
			failing = d.health.failures(ctx, d.state.Load())
			found = true
		})
		if ctx.Err() != nil {
			return
		}
		switch now := conditions(failing); {
		case !found, now == was:
		case now == "":
			d.Log.Info("ready again")
			was = now
		default:
			d.Log.Error("not ready", "failing", failing)
			was = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// conditions are the first words of failures; what follows changes with the time.
func conditions(failing []string) string {
	var all []string
	for _, line := range failing {
		word, _, _ := strings.Cut(line, ":")
		all = append(all, word)
	}
	return strings.Join(all, " ")
}
