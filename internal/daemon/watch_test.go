package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/resolver"
)

// TestWatch holds that the log says when the daemon cannot do its work, once, from
// the start on, and when it can again.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		root := &rootServer{err: &resolver.Error{Reason: resolver.NoDNSSEC, Name: ".", Type: resolver.TypeSOA}}
		d := &Daemon{Log: slog.New(slog.NewTextHandler(&log, nil))}
		d.state.Store(&state{config: &config.Config{}, resolver: &resolver.Cache{Resolver: root}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.watch(ctx)
		said := func(want ...string) {
			t.Helper()
			synctest.Wait()
			got := strings.Split(strings.TrimSpace(log.String()), "\n")
			if len(got) == 1 && got[0] == "" {
				got = nil
			}
			if len(got) != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i := range want {
				if !strings.Contains(got[i], want[i]) {
					t.Errorf("got %q, want %q", got[i], want[i])
				}
			}
		}
		const (
			down  = `msg="not ready" failing="[dns: no lookup has been answered yet: `
			again = `msg="ready again"`
		)
		said(down)
		if !strings.Contains(log.String(), "recursive = true") {
			t.Errorf("no word on what to do: %s", log.String())
		}
		time.Sleep(3 * watchEvery)
		said(down)
		root.err = nil
		time.Sleep(watchEvery)
		said(down, again)
		root.err = errors.New("no server answers")
		time.Sleep(watchEvery)
		said(down, again, `msg="not ready"`)
	})
}
