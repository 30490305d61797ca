package mtasts_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
)

// overtaken is a resolver whose next answer for the record comes late: meanwhile
// something else happens.
type overtaken struct {
	resolver.Resolver
	meanwhile func()
}

func (o *overtaken) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	a, err := o.Resolver.Lookup(ctx, name, t)
	if f := o.meanwhile; f != nil && name == "_mta-sts.example" {
		o.meanwhile = nil
		f()
	}
	return a, err
}

// TestTouchKeepsNewer holds that who notes that a policy was used does not put it
// in the place of one that was fetched meanwhile, by this process or another.
func TestTouchKeepsNewer(t *testing.T) {
	for _, name := range []string{"same-process", "other-process"} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			slow := &overtaken{Resolver: b.zone}
			b.cache.Fetcher.Resolver = slow
			b.publish("version: STSv1\nmode: enforce\nmx: mx.example\nmax_age: 999999\n")
			b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
			b.pass(25 * time.Hour) // its use is worth a note
			other := b.cache
			if name == "other-process" {
				other = b.process(b.cache.Fetcher)
			}
			slow.meanwhile = func() {
				b.record("v=STSv1; id=2;")
				b.publish(withMode(mtasts.Testing))
				if ev := other.Policy(t.Context(), "example"); ev.ID != "2" {
					t.Errorf("got id %q, want 2: %v", ev.ID, ev.Errors)
				}
			}
			b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 2) // asked before the change
			if e, err := b.store.Load(t.Context(), "example"); err != nil || e.ID != "2" {
				t.Errorf("the store has %+v, %v, want id 2", e, err)
			}
			b.want(mtasts.Valid, mtasts.Testing, mtasts.FromCache, 2)
		})
	}
}

// TestReloadKeepsNewer holds the same for who asks the store while another fetches.
func TestReloadKeepsNewer(t *testing.T) {
	b := newBed(t)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	b.pass(2 * time.Minute)
	s := &lateStore{Store: b.store}
	b.cache.Store = s
	s.meanwhile = func() {
		b.record("v=STSv1; id=2;")
		b.publish(withMode(mtasts.Testing))
		b.want(mtasts.Valid, mtasts.Testing, mtasts.FromNetwork, 2)
	}
	b.want(mtasts.Valid, mtasts.Testing, mtasts.FromCache, 2)
}

// lateStore is a store whose next answer comes late.
type lateStore struct {
	mtasts.Store
	meanwhile func()
}

func (s *lateStore) Load(ctx context.Context, domain string) (*mtasts.Entry, error) {
	e, err := s.Store.Load(ctx, domain)
	if f := s.meanwhile; f != nil {
		s.meanwhile = nil
		f()
	}
	return e, err
}

// TestRefreshSlowHosts: who runs many policy hosts that are slow must not keep the
// policies of others from being renewed. Here no fetch ends before all have begun.
func TestRefreshSlowHosts(t *testing.T) {
	const domains = 20
	b := newBed(t)
	var text strings.Builder
	for i := range domains {
		domain := fmt.Sprintf("d%d.example", i)
		fmt.Fprintf(&text, "_mta-sts.%s. TXT \"v=STSv1; id=1;\"\nmta-sts.%s. A 127.0.0.1\n", domain, domain)
		e := &mtasts.Entry{Domain: domain, ID: "1", Expires: b.now.Add(time.Hour), Used: b.now, Refresh: b.now.Add(-time.Minute)}
		if err := b.store.Save(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	b.zone.set(text.String())
	var begun sync.WaitGroup
	begun.Add(domains)
	b.cache.Fetcher.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		begun.Done()
		begun.Wait()
		return nil, errors.New("slow")
	}
	ended := make(chan int)
	go func() {
		out, err := b.cache.Refresh(t.Context(), b.store, domains)
		if err != nil {
			t.Error(err)
		}
		ended <- len(out)
	}()
	select {
	case n := <-ended:
		if n != domains {
			t.Errorf("%d were dealt with, want %d", n, domains)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("one host waits for another")
	}
}

// mined is a resolver that panics at a question.
type mined struct {
	resolver.Resolver
	name string
}

func (m mined) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	if name == m.name && t == resolver.TypeAAAA {
		panic("mine")
	}
	return m.Resolver.Lookup(ctx, name, t)
}

// TestFetchPanic holds that a fault in a fetch is a temporary failure of that fetch,
// for those who ask and in the background.
func TestFetchPanic(t *testing.T) {
	b := newBed(t)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	b.cache.Fetcher.Resolver = mined{b.zone, "mta-sts.example"}
	b.pass(23 * time.Hour)
	out, err := b.cache.Refresh(t.Context(), b.store, 10)
	if err != nil || len(out) != 1 || len(out[0].Errors) != 1 || out[0].Errors[0].Reason != mtasts.Faulted {
		t.Errorf("got %+v, %v", out, err)
	}
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1)
	b.pass(2 * time.Hour)
	ev := b.want(mtasts.TempError, "", "", 1, mtasts.Faulted)
	var caught *panics.Panic
	if !errors.As(ev.Errors[0], &caught) || !strings.Contains(string(caught.Stack), "mined.Lookup") {
		t.Errorf("no stack of the place: %v", ev.Errors[0])
	}
}
