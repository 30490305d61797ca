package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/resolver"
)

// failing is a resolver that fails as long as it is told to.
type failing struct{ err *atomic.Pointer[error] }

func (f failing) Lookup(context.Context, string, resolver.Type) (*resolver.Answer, error) {
	return &resolver.Answer{}, *f.err.Load()
}

// TestWatch holds that the log says when the daemon cannot do its work, once, from
// the start on, and when it can again.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(lines)
		var fault atomic.Pointer[error]
		set := func(err error) { fault.Store(&err) }
		set(&resolver.Error{Reason: resolver.NoDNSSEC, Name: ".", Type: resolver.TypeSOA})
		d := &Daemon{Log: slog.New(slog.NewTextHandler(log, nil))}
		d.state.Store(&state{config: &config.Config{}, resolver: &resolver.Cache{Resolver: failing{&fault}}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.watch(ctx)
		said := func(want ...string) {
			t.Helper()
			synctest.Wait()
			got := log.all()
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
		if got := log.all(); !strings.Contains(got[0], "recursive = true") {
			t.Errorf("no word on what to do: %s", got)
		}
		time.Sleep(3 * watchEvery)
		said(down)
		set(nil)
		time.Sleep(watchEvery)
		said(down, again)
		set(errors.New("no server answers"))
		time.Sleep(watchEvery)
		said(down, again, `msg="not ready"`)
	})
}

// TestWatchPanic holds that a panic in what the daemon asks DNS by itself is logged, and
// that it goes on asking.
func TestWatchPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(lines)
		d := &Daemon{Log: slog.New(slog.NewTextHandler(log, nil))}
		mine := func(word string) {
			d.state.Store(&state{config: &config.Config{}, resolver: &resolver.Cache{Resolver: mined{word}}})
		}
		mine(".")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.watch(ctx)
		synctest.Wait()
		mine("no such word")
		time.Sleep(watchEvery)
		synctest.Wait()
		if got := log.all(); len(got) != 1 || !strings.Contains(got[0], `msg="internal fault" in="watching whether the daemon is ready"`) {
			t.Errorf("got %q", got)
		}
	})
}
