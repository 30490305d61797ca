package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// lookup is a Resolver made of a function.
type lookup func(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error)

func (l lookup) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	return l(ctx, name, t)
}

func zoneCache(text string) *resolver.Cache {
	return &resolver.Cache{Resolver: &resolver.Unvalidated{Source: zonefile.FromText(text), Status: resolver.Insecure}}
}

func TestCacheExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		failures := map[string]resolver.Reason{
			"bogus.": resolver.BogusAnswer, "servfail.": resolver.ServerFailed,
			"timeout.": resolver.Timeout, "nodnssec.": resolver.NoDNSSEC,
		}
		zone := zonefile.FromText(". SOA a. b. 1 2 3 4 20\nten. 10 A 192.0.2.1\nzero. 0 A 192.0.2.1\n")
		u := &resolver.Unvalidated{Source: zone}
		c := &resolver.Cache{Resolver: lookup(func(ctx context.Context, name string, typ resolver.Type) (*resolver.Answer, error) {
			asked[name]++
			if r := failures[name+"."]; r != "" {
				return nil, &resolver.Error{Reason: r, Name: name, Type: typ}
			}
			return u.Lookup(ctx, name, typ)
		})}
		for _, tt := range []struct {
			name string
			keep time.Duration
		}{
			{"ten", 10 * time.Second},
			{"zero", 0},
			{"none", 20 * time.Second},
			{"bogus", resolver.BogusTTL},
			{"servfail", resolver.FailureTTL},
			{"timeout", resolver.TimeoutTTL},
			{"nodnssec", 0},
		} {
			ask := func() int {
				_, _ = c.Lookup(t.Context(), tt.name, resolver.TypeA)
				return asked[tt.name]
			}
			ask()
			want := 2
			if tt.keep > 0 {
				time.Sleep(tt.keep - time.Nanosecond)
				want = 1
			}
			if got := ask(); got != want {
				t.Errorf("%s: asked %d times before it expires, want %d", tt.name, got, want)
			}
			time.Sleep(time.Nanosecond)
			if got := ask(); got != want+1 {
				t.Errorf("%s: asked %d times after it expired, want %d", tt.name, got, want+1)
			}
		}
	})
}

func TestCacheNames(t *testing.T) {
	c := zoneCache(". SOA a. b. 1 2 3 4 20\nmx.example. A 192.0.2.1\na\\032b.example. A 192.0.2.2\n")
	for _, name := range []string{"MX.example", "mx.Example.", "mx.example", "a b.example", `a\032B.example`} {
		if _, err := c.Lookup(t.Context(), name, resolver.TypeA); err != nil {
			t.Fatal(err)
		}
	}
	st := c.Stats()
	if got, want := [3]uint64{st.Hits, st.Misses, uint64(st.Entries)}, [3]uint64{3, 2, 2}; got != want {
		t.Errorf("got hits, misses, entries %v, want %v", got, want)
	}
	if _, ok := c.Peek("mx.example", resolver.TypeA); !ok {
		t.Error("Peek missed what Lookup found")
	}
	if _, ok := c.Peek("mx.example", resolver.TypeMX); ok {
		t.Error("Peek found what nobody asked")
	}
	if _, err := c.Lookup(t.Context(), "a..b", resolver.TypeA); err == nil {
		t.Error("a..b was looked up")
	}
}

func TestCacheBound(t *testing.T) {
	const limit = 300 << 10
	c := &resolver.Cache{MaxBytes: limit, Resolver: &resolver.Unvalidated{Source: zonefile.FromText("*.example. TXT \"" + strings.Repeat("x", 200) + "\"\n")}}
	for i := range 3000 {
		for _, name := range []string{fmt.Sprintf("n%d.example", i), "often.example"} {
			if _, err := c.Lookup(t.Context(), name, resolver.TypeTXT); err != nil {
				t.Fatal(err)
			}
		}
	}
	st := c.Stats()
	if st.Bytes > limit || st.Bytes < limit/2 || st.Evictions < 1000 {
		t.Errorf("got %+v with a limit of %d bytes", st, limit)
	}
	if st.Hits < 2990 {
		t.Errorf("the name asked often was evicted: %d hits of 2999", st.Hits)
	}
}

// TestCacheEstimate holds the estimate of an entry's size against the heap.
func TestCacheEstimate(t *testing.T) {
	const n = 5000
	c := &resolver.Cache{Resolver: &resolver.Unvalidated{Source: source(func(_ context.Context, q resolver.Question) (*resolver.Reply, error) {
		rr, err := dns.NewRR(q.Name + ". TXT \"v=DKIM1; k=rsa; p=" + strings.Repeat("M", 200) + "\"")
		return &resolver.Reply{Msg: &dns.Msg{Answer: []dns.RR{rr}}}, err
	})}}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range n {
		if _, _, err := resolver.LookupTXT(t.Context(), c, fmt.Sprintf("selector._domainkey.n%d.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	ratio := float64(heap()-before) / float64(c.Stats().Bytes)
	t.Logf("heap / estimate = %.2f", ratio)
	if ratio < 0.5 || ratio > 1.5 {
		t.Errorf("the heap grew by %.2f times the estimate", ratio)
	}
	runtime.KeepAlive(c)
}

func TestCacheSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		zone := &resolver.Unvalidated{Source: zonefile.FromText("a. A 192.0.2.1\n")}
		c := &resolver.Cache{Resolver: lookup(func(ctx context.Context, name string, typ resolver.Type) (*resolver.Answer, error) {
			asked.Add(1)
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second):
			}
			return zone.Lookup(ctx, name, typ)
		})}
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			ctx := t.Context()
			if i == 0 {
				ctx = first
			}
			wg.Go(func() { _, errs[i] = c.Lookup(ctx, "a", resolver.TypeA) })
			synctest.Wait()
		}
		leave() // the one whose call made the flight
		wg.Wait()
		for i, err := range errs {
			want := error(nil)
			if i == 0 {
				want = context.Canceled
			}
			if !errors.Is(err, want) {
				t.Errorf("caller %d: got %v, want %v", i, err, want)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times, want 1", n)
		}

		// When all leave, the lookup ends, and the next one begins anew.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Lookup(ctx, "a", resolver.TypeMX); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if _, err := c.Lookup(t.Context(), "a", resolver.TypeMX); err != nil {
			t.Error(err)
		}
	})
}

func TestCacheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &resolver.Cache{Resolver: lookup(func(ctx context.Context, _ string, _ resolver.Type) (*resolver.Answer, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})}
		_, err := c.Lookup(t.Context(), "a", resolver.TypeA)
		if want := "resolver: a A: timeout: no answer within 10s"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestCachePanic(t *testing.T) {
	c := &resolver.Cache{Resolver: lookup(func(context.Context, string, resolver.Type) (*resolver.Answer, error) {
		panic("boom")
	})}
	defer func() {
		if got := panics.Of(recover()); got == nil || got.Value != "boom" {
			t.Errorf("got %v, want boom", got)
		}
	}()
	_, _ = c.Lookup(t.Context(), "a", resolver.TypeA)
}

func TestCacheConcurrent(t *testing.T) {
	c := &resolver.Cache{MaxBytes: 64 << 10, Resolver: &resolver.Unvalidated{Source: zonefile.FromText("*.example. 1 TXT x\n")}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				if _, _, err := resolver.LookupTXT(t.Context(), c, fmt.Sprintf("n%d.example", i%500)); err != nil {
					t.Error(err)
					return
				}
				c.Stats()
			}
		})
	}
	wg.Wait()
}

func TestCacheHitAllocates(t *testing.T) {
	c := zoneCache("k._domainkey.example. TXT \"v=DKIM1; p=\"\n")
	if n := testing.AllocsPerRun(100, func() { hit(t, c) }); n != 0 {
		t.Errorf("a hit allocates %v times, want 0", n)
	}
}

func hit(tb testing.TB, c *resolver.Cache) {
	txt, _, err := resolver.LookupTXT(context.Background(), c, "k._domainkey.example")
	if err != nil || len(txt) != 1 {
		tb.Fatal(txt, err)
	}
}

func BenchmarkCacheHit(b *testing.B) {
	c := zoneCache("k._domainkey.example. TXT \"v=DKIM1; p=\"\n")
	b.ReportAllocs()
	for b.Loop() {
		hit(b, c)
	}
}

func BenchmarkCacheHitParallel(b *testing.B) {
	c := zoneCache("k._domainkey.example. TXT \"v=DKIM1; p=\"\n")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			hit(b, c)
		}
	})
}

func BenchmarkCacheMiss(b *testing.B) {
	c := zoneCache("*.example. 0 TXT \"v=DKIM1; p=\"\n")
	b.ReportAllocs()
	for b.Loop() {
		hit(b, c)
	}
}
