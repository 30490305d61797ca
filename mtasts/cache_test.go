package mtasts_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
)

// bed is a policy domain with its zone, its policy host, a clock and a store.
type bed struct {
	t     *testing.T
	zone  *zone
	store *mtasts.MemoryStore
	cache *mtasts.Cache

	mu      sync.Mutex
	now     time.Time
	body    string // "" = 404
	fetches int
}

func newBed(t *testing.T) *bed {
	ca := newAuthority(t)
	b := &bed{t: t, zone: new(zone), store: new(mtasts.MemoryStore), now: time.Now(), body: policyText}
	cert := ca.issue(t, "mta-sts.example", time.Now().AddDate(9, 0, 0))
	port := serve(t, cert, func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.fetches++
		if b.body == "" {
			http.NotFound(w, r)
			return
		}
		text("text/plain", b.body)(w, r)
	})
	b.record("v=STSv1; id=1;")
	b.cache = b.process(&mtasts.Fetcher{Resolver: b.zone, RootCAs: ca.Pool(), Port: port})
	return b
}

// process returns a cache as a new process would have it.
func (b *bed) process(f *mtasts.Fetcher) *mtasts.Cache {
	return &mtasts.Cache{Fetcher: f, Store: b.store, Random: func() float64 { return 0.5 }, Time: func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.now
	}}
}

func (b *bed) restart() { b.cache = b.process(b.cache.Fetcher) }

// record publishes the TXT record; "" removes it.
func (b *bed) record(txt string) {
	z := hostZone
	if txt != "" {
		z += fmt.Sprintf("\n_mta-sts.example. TXT %q", txt)
	}
	b.zone.set(z)
}

func (b *bed) publish(body string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.body = body
}

func (b *bed) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// want asks for the policy and compares what came of it, and the number of fetches
// so far.
func (b *bed) want(status mtasts.Status, mode mtasts.Mode, source mtasts.Source, fetches int, reasons ...mtasts.Reason) *mtasts.Evaluation {
	b.t.Helper()
	ev := b.cache.Policy(b.t.Context(), "example")
	type outcome struct {
		Status  mtasts.Status
		Mode    mtasts.Mode
		Source  mtasts.Source
		Fetches int
		Reasons []mtasts.Reason
	}
	got := outcome{Status: ev.Status, Source: ev.Source, Fetches: b.fetches}
	if ev.Policy != nil {
		got.Mode = ev.Policy.Mode
	}
	for _, e := range ev.Errors {
		got.Reasons = append(got.Reasons, e.Reason)
	}
	if diff := cmp.Diff(got, outcome{status, mode, source, fetches, reasons}); diff != "" {
		b.t.Error(diff)
	}
	return ev
}

func withMode(m mtasts.Mode) string {
	return (&mtasts.Policy{Version: "STSv1", Mode: m, MX: []string{"mx.example"}, MaxAge: 86400}).String()
}

func TestCacheHolds(t *testing.T) {
	b := newBed(t)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	if got := b.cache.Len(); got != 1 {
		t.Errorf("holds %d domains, want 1", got)
	}
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1)
	b.restart()
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1)
	b.record("")
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1, mtasts.NoRecord)
	b.record("v=STSv1; id=!;")
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1, mtasts.RecordInvalid)
	b.zone.set("fail _mta-sts.example TXT")
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1, mtasts.RecordLookup)
	b.zone.set("_mta-sts.example. TXT \"v=STSv1; id=1;\"\n_mta-sts.example. TXT \"v=STSv1; id=2;\"")
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1, mtasts.ManyRecords)
	b.pass(25 * time.Hour)
	b.want(mtasts.Malformed, "", "", 1, mtasts.ManyRecords)
}

func TestCacheNewID(t *testing.T) {
	b := newBed(t)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	b.publish(withMode(mtasts.Testing))
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1)
	b.record("v=STSv1; id=2;")
	ev := b.want(mtasts.Valid, mtasts.Testing, mtasts.FromNetwork, 2)
	if ev.ID != "2" || ev.Downgrade != mtasts.Testing {
		t.Errorf("got id %q, downgrade %q, want 2, testing", ev.ID, ev.Downgrade)
	}
	b.record("v=STSv1; id=3;")
	b.publish(withMode(mtasts.NoMode))
	b.want(mtasts.Valid, mtasts.NoMode, mtasts.FromNetwork, 3)
}

func TestCacheFailedFetch(t *testing.T) {
	b := newBed(t)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	b.record("v=STSv1; id=2;")
	b.publish("")
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 2, mtasts.BadStatus)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 2, mtasts.BadStatus, mtasts.BackingOff)
	b.pass(mtasts.Backoff)
	b.publish("version: STSv1\nmode: enforce\nmax_age: 1\n")
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 3, mtasts.PolicyInvalid)
	// Another id is another chance.
	b.record("v=STSv1; id=3;")
	b.publish(policyText)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 4)
}

func TestCacheNothing(t *testing.T) {
	b := newBed(t)
	b.record("")
	b.want(mtasts.None, "", "", 0, mtasts.NoRecord)
	b.zone.set("fail _mta-sts.example TXT")
	b.want(mtasts.TempError, "", "", 0, mtasts.RecordLookup)
	b.record("v=STSv1; id=1;")
	b.publish("")
	b.want(mtasts.Unfetched, "", "", 1, mtasts.BadStatus)
	b.pass(mtasts.Backoff)
	b.publish("no policy")
	b.want(mtasts.Malformed, "", "", 2, mtasts.PolicyInvalid)
}

func TestCachePurge(t *testing.T) {
	b := newBed(t)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	if err := b.store.Delete(t.Context(), "example"); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Minute) // another process has purged it; this one sees it soon
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 2)
}

// Many who ask at once cause one fetch.
func TestCacheOneFetch(t *testing.T) {
	b := newBed(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { b.cache.Policy(t.Context(), "example") })
	}
	wg.Wait()
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, b.fetches)
	if b.fetches > 2 {
		t.Errorf("got %d fetches, want 1", b.fetches)
	}
}

func TestRefresh(t *testing.T) {
	b := newBed(t)
	refresh := func() []mtasts.Refreshed {
		t.Helper()
		out, err := b.cache.Refresh(t.Context(), b.store, 10)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	wantAction := func(want ...mtasts.Action) {
		t.Helper()
		var got []mtasts.Action
		for _, r := range refresh() {
			got = append(got, r.Action)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Error(diff)
		}
	}
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	wantAction()
	b.pass(12 * time.Hour)
	wantAction(mtasts.Fetch)
	wantAction()
	// The fetch has renewed the age.
	b.pass(20 * time.Hour)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 2)
	// The host is down; the policy holds and is tried again.
	b.publish("")
	wantAction(mtasts.Fetch)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 3)
	b.pass(time.Hour)
	b.publish(withMode(mtasts.NoMode))
	if out := refresh(); len(out) != 1 || out[0].Downgrade != mtasts.NoMode {
		t.Errorf("got %+v, want a downgrade", out)
	}
	b.pass(25 * time.Hour)
	wantAction(mtasts.Delete)
	if e, _ := b.store.Load(t.Context(), "example"); e != nil {
		t.Errorf("got %+v, want nothing", e)
	}
}

func TestDecide(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name string
		e    mtasts.Entry
		want mtasts.Action
	}{
		{"used", mtasts.Entry{Expires: now.Add(1), Used: now}, mtasts.Fetch},
		{"unused", mtasts.Entry{Expires: now.Add(1), Used: now.Add(-31 * 24 * time.Hour)}, mtasts.Keep},
		{"expired", mtasts.Entry{Expires: now, Used: now}, mtasts.Delete},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mtasts.Decide(&tt.e, now); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRefreshAfter(t *testing.T) {
	for _, tt := range []struct{ life, least, most time.Duration }{
		{mtasts.MaxAge, 12 * time.Hour, 24 * time.Hour},
		{time.Hour, 15 * time.Minute, 30 * time.Minute},
		{0, 0, 0},
	} {
		for _, r := range []float64{0, 0.999} {
			if got := mtasts.RefreshAfter(tt.life, r); got < tt.least || got > tt.most {
				t.Errorf("%s: got %s, want %s to %s", tt.life, got, tt.least, tt.most)
			}
		}
	}
}

func TestErrorJSON(t *testing.T) {
	e := &mtasts.Error{Reason: mtasts.BadStatus, Domain: "example", Detail: "404"}
	got, _ := e.MarshalText()
	if want := "example: the policy host did not answer 200: 404"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.As(error(e), new(*mtasts.Error)) {
		t.Error("not an *Error")
	}
}

func BenchmarkPolicyCached(b *testing.B) {
	z := &zone{text: "_mta-sts.example. TXT \"v=STSv1; id=1;\""}
	now := time.Now()
	c := &mtasts.Cache{Fetcher: &mtasts.Fetcher{Resolver: z}, Store: new(mtasts.MemoryStore)}
	c.Store.Save(b.Context(), &mtasts.Entry{Domain: "example", ID: "1", Expires: now.Add(time.Hour), Used: now})
	b.ReportAllocs()
	for b.Loop() {
		if c.Policy(b.Context(), "example").Status != mtasts.Valid {
			b.Fatal("no policy")
		}
	}
}

// Who asks does not wait for a slow policy host longer than the context lasts, is not
// told that there is no policy, and the fetch serves those who ask next.
func TestCacheSlowHost(t *testing.T) {
	b := newBed(t)
	ca := newAuthority(t)
	asked, release := make(chan struct{}), make(chan struct{})
	var first sync.Once // who asks just before the first fetch is kept fetches again
	port := serve(t, ca.issue(t, "mta-sts.example", time.Now().AddDate(9, 0, 0)), func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { close(asked) })
		<-release
		text("text/plain", policyText)(w, r)
	})
	b.cache = b.process(&mtasts.Fetcher{Resolver: b.zone, RootCAs: ca.Pool(), Port: port})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	ev := b.cache.Policy(ctx, "example")
	close(release)
	if len(ev.Errors) != 1 || ev.Errors[0].Reason != mtasts.NotAwaited {
		t.Errorf("got errors %v, want %q", ev.Errors, mtasts.NotAwaited)
	}
	got := []mtasts.Status{ev.Status, b.cache.Policy(t.Context(), "example").Status}
	if want := []mtasts.Status{mtasts.TempError, mtasts.Valid}; !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCacheForgedID holds that a live policy waits only so long for the one of a new id,
// and that the new one serves who asks next.
func TestCacheForgedID(t *testing.T) {
	b := newBed(t)
	ca := newAuthority(t)
	var slow atomic.Bool
	release := make(chan struct{})
	port := serve(t, ca.issue(t, "mta-sts.example", time.Now().AddDate(9, 0, 0)), func(w http.ResponseWriter, r *http.Request) {
		if slow.Load() {
			<-release
		}
		text("text/plain", policyText)(w, r)
	})
	b.cache = b.process(&mtasts.Fetcher{Resolver: b.zone, RootCAs: ca.Pool(), Port: port})
	b.cache.Wait = time.Millisecond
	show := func(ev *mtasts.Evaluation) string {
		s := fmt.Sprint(ev.Status, " ", ev.Source, " ", ev.ID)
		for _, err := range ev.Errors {
			s += " " + string(err.Reason)
		}
		return s
	}
	got := []string{show(b.cache.Policy(t.Context(), "example"))}
	slow.Store(true)
	b.record("v=STSv1; id=2;")
	got = append(got, show(b.cache.Policy(t.Context(), "example")))
	close(release)
	b.cache.Wait = time.Minute
	last := b.cache.Policy(t.Context(), "example") // which is fetched, or was just now
	want := []string{"valid fetched 1", "valid cache 1 " + string(mtasts.NotAwaited)}
	if !slices.Equal(got, want) || last.Status != mtasts.Valid || last.ID != "2" {
		t.Errorf("got %q and then %s, want %q and id 2", got, show(last), want)
	}
}
