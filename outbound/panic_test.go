package outbound_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// mined is a resolver that panics at one question.
type mined struct {
	resolver.Resolver
	question string // "name TYPE"
}

func (m mined) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	if name+" "+t.String() == m.question {
		panic("mine at " + m.question)
	}
	return m.Resolver.Lookup(ctx, name, t)
}

// TestPlanPanic holds that a fault in any lookup of a plan defers that plan and
// leaves the process and the next plan alone, whichever goroutine it is in.
func TestPlanPanic(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	for _, row := range []struct{ name, question, domain, want string }{
		{"mx", "dane.signed MX", "dane.signed", "defer none 451 4.3.0"},
		{"address", "mx.dane.signed A", "dane.signed", "defer none 451 4.3.0"},
		{"address-v6", "mx.dane.signed AAAA", "dane.signed", "defer none 451 4.3.0"},
		{"tlsa", "_25._tcp.mx.dane.signed TLSA", "dane.signed", "defer none 451 4.3.0"},
		{"one-host-of-two", "mx.plain AAAA", "mixed.signed", "defer none 451 4.3.0"},
		{"sts-record", "_mta-sts.a.plain TXT", "a.plain", "defer none 451 4.3.0"},
		{"sts-host", "mta-sts.a.plain A", "a.plain", "defer none 451 4.4.3; mx.plain opportunistic defer"},
		{"sts-host-v6", "mta-sts.a.plain AAAA", "a.plain", "defer none 451 4.4.3; mx.plain opportunistic defer"},
		{"another-domain", "mx.plain A", "dane.signed", "deliver dane; mx.dane.signed dane use"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := w.resolver(t)
			bad := &resolver.Cache{Resolver: mined{r, row.question}, Time: r.Time}
			p := &outbound.Planner{Resolver: bad, STS: &mtasts.Cache{Fetcher: &mtasts.Fetcher{Resolver: bad}}}
			plan := p.Plan(t.Context(), row.domain)
			if diff := cmp.Diff(short(plan), row.want); diff != "" {
				t.Errorf("%s\n%s", diff, plan.Reason)
			}
			if plan.Outcome == outbound.Deliver {
				return
			}
			if !strings.Contains(plan.Reason, "mine at "+row.question) {
				t.Errorf("the reason does not name it: %s", plan.Reason)
			}
			var caught *panics.Panic
			if !errors.As(plan.Faults(), &caught) || !strings.Contains(string(caught.Stack), "mined.Lookup") {
				t.Errorf("no stack of the place: %v", plan.Faults())
			}
		})
	}
}
