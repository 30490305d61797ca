package dnssec

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

type cutKind uint8

const (
	signedZone   cutKind = iota
	insecureZone         // proven: an unsigned zone begins here
	bogusZone            // what is known of the zone contradicts itself
	unprovenZone         // the source serves no DNSSEC
	notCut               // the name belongs to the zone above
	nothingBelow         // the same, and no name below it exists
)

// cut is what is known about one name as the top of a zone.
type cut struct {
	kind    cutKind
	zone    name
	keys    *keySet
	fault   *fault // why the kind is what it is; nil if signed
	chain   []resolver.Link
	since   time.Time // the time as of which it was judged
	expires time.Time
}

func (c *cut) status() resolver.Status {
	switch c.kind {
	case signedZone:
		return resolver.Secure
	case insecureZone:
		return resolver.Insecure
	case bogusZone:
		return resolver.Bogus
	}
	return resolver.Indeterminate
}

// linkSize is the memory of a resolver.Link without what it points to.
const linkSize = 112

// size estimates the memory of the cut, the chain above it not counted.
func (c *cut) size() int {
	n := 256 + 2*len(c.zone)
	if len(c.chain) > 0 {
		link := &c.chain[len(c.chain)-1]
		n += len(c.chain)*linkSize + len(link.Reason)
		for _, line := range append(slices.Clone(link.DS), link.Keys...) {
			n += 16 + 4*len(line) // the record and its parsed key beside the line
		}
	}
	return n
}

// below returns the chain with one zone more.
func below(parent *cut, link resolver.Link) []resolver.Link {
	var above []resolver.Link
	if parent != nil {
		above = parent.chain
	}
	return append(slices.Clip(slices.Clone(above)), link)
}

func zoneLines[R dns.RR](rrs []R) []string {
	lines := make([]string, len(rrs))
	for i, rr := range rrs {
		lines[i] = rr.String()
	}
	return lines
}

// known returns what is remembered of a name as the top of a zone.
func (l *lookup) known(n name) *cut {
	c, ok := l.v.zones.get(n)
	if !ok || l.now.Before(c.since) || !l.now.Before(c.expires) {
		return nil
	}
	return c
}

// zoneOf walks down from the closest anchor above owner to target and returns
// the last zone on the way; nil if no anchor rules the name. Walking stops at
// the first zone that is not signed. Signed says that target is what a signature
// names as its zone.
func (l *lookup) zoneOf(ctx context.Context, owner, target name, signed bool) (*cut, error) {
	v := l.v
	nta, ntaZone := v.nta(owner, l.now)
	top, ok := v.anchors.closest(owner)
	if nta != nil && (!ok || len(ntaZone) >= len(top)) {
		return ntaCut(nta, ntaZone), nil
	}
	if !ok {
		return nil, nil
	}
	if signed && !v.NoLookAhead && l.known(target) == nil {
		defer l.lookAhead(ctx, top, target)()
	}
	cur, err := l.enter(ctx, top, nil)
	if err != nil {
		return nil, err
	}
	for i := top.labels() + 1; cur.kind == signedZone && i <= target.labels(); i++ {
		next, err := l.enter(ctx, target.ancestor(i), cur)
		if err != nil {
			return nil, err
		}
		switch next.kind {
		case notCut:
		case nothingBelow:
			return cur, nil
		default:
			cur = next
		}
	}
	return cur, nil
}

func ntaCut(t *NTA, zone name) *cut {
	text := "a negative trust anchor says not to validate " + zone.String()
	if t.Reason != "" {
		text += " (" + t.Reason + ")"
	}
	if !t.Expires.IsZero() {
		text += " until " + t.Expires.UTC().Format(time.DateOnly)
	}
	link := resolver.Link{Zone: zone.String(), Status: resolver.Insecure, DS: []string{}, Keys: []string{}, Reason: text}
	return &cut{
		kind: insecureZone, zone: zone, chain: []resolver.Link{link},
		fault: unsupportedf(dns.ExtendedErrorCodeOther, "%s", text), expires: t.Expires,
	}
}

// flights are the zone cuts being looked up: each once, however many wait.
type flights struct {
	mu      sync.Mutex
	running map[name]*flight
}

// under reports whether the zone is being looked up.
func (f *flights) under(zone name) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running[zone] != nil
}

type flight struct {
	done  chan struct{}
	cut   *cut
	err   error
	spent budget

	panicked *panics.Panic
}

// enter returns what is known about zone as a cut below parent; parent is nil
// at an anchor. The search goes on when one of those who wait gives up.
func (l *lookup) enter(ctx context.Context, zone name, parent *cut) (*cut, error) {
	v := l.v
	if c := l.known(zone); c != nil {
		return c, nil
	}
	if l.budget.fetches <= 0 {
		return nil, l.limit("the lookup needs more than %d queries", maxFetches)
	}
	v.flights.mu.Lock()
	f, running := v.flights.running[zone]
	if !running {
		f = &flight{done: make(chan struct{})}
		v.flights.running[zone] = f
		go v.fly(context.WithoutCancel(ctx), f, zone, parent, l.now)
	}
	v.flights.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.done:
	}
	f.panicked.Throw() // to where the caller's own recover is
	if !running {      // the work is on the account of who began it
		l.budget.spend(f.spent)
	}
	return f.cut, f.err
}

func (v *Validator) fly(ctx context.Context, f *flight, zone name, parent *cut, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	defer func() {
		f.panicked = panics.Of(recover())
		v.flights.mu.Lock()
		delete(v.flights.running, zone)
		v.flights.mu.Unlock()
		close(f.done)
	}()
	b := zoneBudget()
	s := &survey{v: v, zone: zone, parent: parent, checker: v.newChecker(now, &b)}
	f.cut, f.err = s.runTwice(ctx)
	f.spent = zoneBudget().less(b)
	if f.cut != nil && f.err == nil {
		f.cut.since = now
		v.zones.put(zone, f.cut, f.cut.size())
	}
}
