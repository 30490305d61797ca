package outbound_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// now is when all tests of plans take place.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// world is a root with two zones below it: signed. is signed, plain. is not.
type world struct {
	*zonesign.World
	signed *zonesign.Signed
	root   string // DS records of the root
}

func newWorld(t testing.TB, signed, plain string) *world {
	t.Helper()
	w := new(world)
	var err error
	if w.World, w.signed, w.root, err = zonesign.SignedAndPlain(now, signed, plain); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) resolver(t testing.TB) *resolver.Cache {
	t.Helper()
	anchors, err := dnssec.ParseAnchors(strings.NewReader(w.root))
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	return &resolver.Cache{Resolver: &dnssec.Validator{Source: w, Anchors: anchors, Time: clock}, Time: clock}
}

// planner returns a planner whose MTA-STS cache holds the policies, given as
// "domain mode mx mx...". Their records are to be in the zones, with id 1.
func (w *world) planner(t testing.TB, policies ...string) *outbound.Planner {
	r := w.resolver(t)
	store := new(mtasts.MemoryStore)
	for _, p := range policies {
		words := strings.Fields(p)
		if len(words) == 0 {
			continue
		}
		store.Save(t.Context(), &mtasts.Entry{
			Domain: words[0], ID: "1", Expires: now.Add(time.Hour), Used: now,
			Policy: mtasts.Policy{Version: "STSv1", Mode: mtasts.Mode(words[1]), MX: words[2:], MaxAge: 3600},
		})
	}
	return &outbound.Planner{
		Resolver: r,
		STS:      &mtasts.Cache{Fetcher: &mtasts.Fetcher{Resolver: r}, Store: store, Time: func() time.Time { return now }},
		Shuffle:  func(int, func(int, int)) {},
	}
}
