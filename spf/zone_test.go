package spf

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// zone answers from zone text and keeps what it was asked.
type zone struct {
	resolver.Unvalidated
	mu    sync.Mutex
	asked []question
}

// newZone serves zone text, a record a line, with any indentation.
func newZone(text string) *zone { return zoneOf(zones(text)) }

func zones(text string) *zonefile.Zones {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return zonefile.FromText(b.String())
}

// zoneOf serves zones that are the whole world.
func zoneOf(z *zonefile.Zones) *zone {
	return &zone{Unvalidated: resolver.Unvalidated{Source: z, Status: resolver.Insecure}}
}

func (z *zone) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	z.mu.Lock()
	z.asked = append(z.asked, question{name, t})
	z.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return z.Unvalidated.Lookup(ctx, name, t)
}

// questions returns what was asked, sorted.
func (z *zone) questions() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	var qs []string
	for _, q := range z.asked {
		qs = append(qs, q.name+" "+q.t.String())
	}
	slices.Sort(qs)
	return qs
}

// memory is a resolver over a map and nothing else.
type memory map[question]*resolver.Answer

// remember asks z for the TXT records of names.
func remember(t testing.TB, z *zone, names ...string) memory {
	t.Helper()
	m := memory{}
	for _, n := range names {
		a, err := z.Lookup(context.Background(), n, resolver.TypeTXT)
		if err != nil {
			t.Fatal(err)
		}
		m[question{n, resolver.TypeTXT}] = a
	}
	return m
}

func (m memory) Lookup(_ context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	if a := m[question{name, t}]; a != nil {
		return a, nil
	}
	return &resolver.Answer{Name: name, Type: t, RCode: resolver.NXDomain}, nil
}

// known is a resolver that knows all.
type known struct{ memory }

func (k known) Peek(name string, t resolver.Type) (*resolver.Answer, bool) {
	a := k.memory[question{name, t}]
	return a, a != nil
}

// forgetful is a resolver that knows nothing before it is asked. Lookups of
// names that start with "together" wait for each other until there are party of
// them.
type forgetful struct {
	*zone
	party   int
	waiting atomic.Int32
	all     chan struct{} // closed when the party is complete
}

func newForgetful(z *zone, party int) *forgetful {
	return &forgetful{zone: z, party: party, all: make(chan struct{})}
}

func (f *forgetful) Peek(string, resolver.Type) (*resolver.Answer, bool) { return nil, false }

func (f *forgetful) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	if strings.HasPrefix(name, "together") {
		if f.waiting.Add(1) == int32(f.party) {
			close(f.all)
		}
		select {
		case <-f.all:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return f.zone.Lookup(ctx, name, t)
}
