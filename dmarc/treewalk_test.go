package dmarc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// names returns the names that the walk from the author went by.
func names(e *Evaluation) string {
	var b []string
	for _, s := range e.Walk {
		b = append(b, strings.TrimPrefix(s.Name, "_dmarc."))
	}
	return strings.Join(b, " ")
}

func TestWalkNames(t *testing.T) {
	for _, tt := range []struct{ name, zone, from, want string }{
		{"three-labels", "", "mail.example.com", "mail.example.com example.com com"},
		{"one-label", "", "com", "com"},
		{"seven-labels", "", "a.b.c.d.e.example.com", "a.b.c.d.e.example.com b.c.d.e.example.com c.d.e.example.com d.e.example.com e.example.com example.com com"},
		{"eight-labels", "", "a.b.c.d.e.f.example.com", "a.b.c.d.e.f.example.com b.c.d.e.f.example.com c.d.e.f.example.com d.e.f.example.com e.f.example.com f.example.com example.com com"},
		{"thirteen-labels", "", "a.b.c.d.e.f.g.h.i.j.mail.example.com", "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com example.com com"},
		{"stops-at-psd-n", `_dmarc.example.com. TXT "v=DMARC1; p=none; psd=n"`, "a.example.com", "a.example.com example.com"},
		{"stops-at-psd-y", `_dmarc.example.com. TXT "v=DMARC1; p=none; psd=y"`, "a.example.com", "a.example.com example.com"},
		{"goes-past-psd-u", `_dmarc.example.com. TXT "v=DMARC1; p=none; psd=u"`, "a.example.com", "a.example.com example.com com"},
		{"goes-past-two-psd-n", "_dmarc.example.com. TXT \"v=DMARC1; p=none; psd=n\"\n_dmarc.example.com. TXT \"v=DMARC1; psd=n\"", "a.example.com", "a.example.com example.com com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := newZone(t, tt.zone)
			e := (&Evaluator{Resolver: z}).Evaluate(context.Background(), author(tt.from), nil)
			if got := names(&e); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if n := len(z.askedNames()); len(e.Walk) > MaxQueries || n > MaxQueries {
				t.Errorf("%d steps, %d lookups, want at most %d", len(e.Walk), n, MaxQueries)
			}
		})
	}
}

func TestNothingAskedTwice(t *testing.T) {
	z := newZone(t, simple)
	e := (&Evaluator{Resolver: z}).Evaluate(context.Background(), author("mail.example.com"),
		ids("spf:a.mail.example.com dkim:a.mail.example.com dkim:b.example.com dkim:evil.example.net dkim:evil.com"))
	if e.Result != Pass {
		t.Errorf("got %s, want pass", e.Result)
	}
	want := "_dmarc.a.mail.example.com _dmarc.b.example.com _dmarc.com _dmarc.example.com _dmarc.mail.example.com"
	if got := strings.Join(z.askedNames(), " "); got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
}

func TestWalkCap(t *testing.T) {
	z := newZone(t, simple)
	var many strings.Builder
	for c := 'a'; c <= 'z'; c++ {
		many.WriteString("dkim:" + string(c) + ".x.example.com=temperror ")
	}
	many.WriteString("dkim:example.com")
	e := (&Evaluator{Resolver: z}).Evaluate(context.Background(), author("example.com"), ids(many.String()))
	if e.Result != Pass || len(z.askedNames()) > 4*maxWalks {
		t.Errorf("got %s after %d lookups, want pass after at most %d", e.Result, len(z.askedNames()), 4*maxWalks)
	}
}

// TestParallel checks that the names of a message are asked side by side, those
// that Expect announced included.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := slowResolver{newZone(t, simple), time.Second}
		start := time.Now()
		p := (&Evaluator{Resolver: slow}).Begin(t.Context(), author("a.mail.example.com"))
		p.Expect(t.Context(), "b.example.com")
		p.Expect(t.Context(), "evil.example.net")
		p.Expect(t.Context(), "not a name")
		e := p.Conclude(t.Context(), ids("dkim:b.example.com"))
		if e.Result != Pass || time.Since(start) != time.Second {
			t.Errorf("got %s after %v, want pass after 1s", e.Result, time.Since(start))
		}
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e := (&Evaluator{Resolver: slowResolver{newZone(t, simple), time.Hour}}).Evaluate(ctx, author("example.com"), nil)
		want := "lookup of _dmarc.example.com failed: context deadline exceeded"
		if e.Result != TempError || e.Reason != want {
			t.Errorf("got %s: %s, want temperror: %s", e.Result, e.Reason, want)
		}
	})
}

type slowResolver struct {
	*zone
	wait time.Duration
}

func (s slowResolver) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	select {
	case <-time.After(s.wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.zone.Lookup(ctx, name, t)
}

type panicking struct{}

func (panicking) Lookup(context.Context, string, resolver.Type) (*resolver.Answer, error) {
	panic(errors.New("boom"))
}

func TestPanicIsTempError(t *testing.T) {
	e := (&Evaluator{Resolver: panicking{}}).Evaluate(context.Background(), author("example.com"), nil)
	if e.Result != TempError || !strings.Contains(e.Reason, "boom") {
		t.Errorf("got %s: %s, want temperror with the cause", e.Result, e.Reason)
	}
}
