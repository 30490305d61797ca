package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// Limits of the question whether the daemon is ready.
const (
	dnsLately  = 30 * time.Second // how old an answer of DNS may be to count as proof that DNS works
	probeTime  = 3 * time.Second  // for the lookup that is made where there is none
	probeEvery = 5 * time.Second  // how long what was found out holds
)

// health finds out whether the daemon can do what it is there for.
type health struct {
	Time func() time.Time // nil means time.Now

	draining atomic.Bool
	lastDNS  atomic.Int64 // when an answer last came, in nanoseconds of Unix time

	mu      sync.Mutex // held while it is found out, so that this happens once
	checked time.Time
	failing []string
}

func (h *health) now() time.Time {
	if h.Time != nil {
		return h.Time()
	}
	return time.Now()
}

// answered notes that DNS works.
func (h *health) answered(at time.Time) { h.lastDNS.Store(at.UnixNano()) }

// failures returns a line for each condition that fails. That all listeners are open is
// none of them: the daemon opens all before it serves one, and when one fails it
// drains.
func (h *health) failures(ctx context.Context, s *state) []string {
	if h.draining.Load() {
		return []string{"stopping: no new connections are taken"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if age := now.Sub(h.checked); !h.checked.IsZero() && age >= 0 && age < probeEvery {
		return h.failing
	}
	h.failing = nil
	if err := writable(s.config.State.Directory); err != nil {
		h.failing = append(h.failing, "state: "+oneLine(err.Error()))
	}
	if err := h.dns(ctx, s, now); err != nil {
		h.failing = append(h.failing, "dns: "+oneLine(err.Error()))
	}
	h.checked = h.now()
	return h.failing
}

func oneLine(s string) string { return cut(strings.Join(strings.Fields(s), " ")) }

// probeFile is written into the state directory and removed. Its name is always the
// same: what a process that was killed has left goes with the next.
const probeFile = ".ready"

// writable tries to write into the state directory, for a full or read-only one is
// only found that way.
func writable(dir string) error {
	if dir == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, probeFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 4096)) // a block
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// dns reports why no answer came lately, and asks for one if there was nobody else
// who did. The cache is left out: it would go on answering.
func (h *health) dns(ctx context.Context, s *state, now time.Time) error {
	last := time.Unix(0, h.lastDNS.Load())
	if age := now.Sub(last); age >= 0 && age < dnsLately || len(s.config.DNS.Zones) > 0 {
		return nil // zone files are no network that could fail
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
	defer cancel()
	_, err := s.resolver.Resolver.Lookup(ctx, ".", resolver.TypeSOA)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer within %s", probeTime)
	}
	var failure *resolver.Error
	if errors.As(err, &failure) && failure.Reason == resolver.NoDNSSEC {
		err = fmt.Errorf("%w; name a server in dns.servers that passes signatures on, or set recursive = true under [dns]", err)
	}
	if h.lastDNS.Load() == 0 {
		return fmt.Errorf("no lookup has been answered yet: %w", err)
	}
	return fmt.Errorf("no lookup has been answered for %s: %w", now.Sub(last).Round(time.Second), err)
}
