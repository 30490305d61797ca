package dnssec

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// Times of RFC 5011.
const (
	addHoldDown    = 30 * 24 * time.Hour // Section 2.4.1
	removeHoldDown = 30 * 24 * time.Hour // Section 2.4.2
	minRefresh     = time.Hour           // Section 2.3
	maxRefresh     = 15 * 24 * time.Hour // Section 2.3
)

// KeyState is where a key is in the life that RFC 5011, Section 4 describes.
type KeyState string

// The states of keys that are remembered; START and REMOVED are to be forgotten.
const (
	AddPend KeyState = "addpend" // seen, not trusted before its hold-down time is over
	Valid   KeyState = "valid"
	Missing KeyState = "missing" // trusted, though the zone does not show it
	Revoked KeyState = "revoked" // never trusted again
)

// TrackedKey is one key of a trust point.
type TrackedKey struct {
	Key   string    `json:"key"` // the DNSKEY record in zone format, without the REVOKE flag
	State KeyState  `json:"state"`
	Until time.Time `json:"until,omitzero"` // the end of the hold-down time, in AddPend and Revoked
}

// Tracker follows the keys of one trust anchor through their changes (RFC 5011).
// It is a value without clock or file: the caller stores it (it is made for
// JSON), asks for the zone's DNSKEY when NextQuery comes, and hands the reply to
// Observe.
type Tracker struct {
	Zone      string       `json:"zone"`
	DS        []string     `json:"ds"` // configured anchors not yet seen as keys, in zone format
	Keys      []TrackedKey `json:"keys"`
	NextQuery time.Time    `json:"next_query"`
}

// NewTracker begins with the anchors that are configured for the zone.
func NewTracker(zone string, anchors *Anchors) (*Tracker, error) {
	n, ok := parseName(zone)
	if !ok || len(anchors.zones[n]) == 0 {
		return nil, fmt.Errorf("dnssec: no trust anchor is configured for %q", zone)
	}
	return &Tracker{Zone: n.String(), DS: zoneLines(anchors.zones[n])}, nil
}

// Anchors returns the keys that are trusted now. It is empty after all have been
// revoked: then the zone is as if it had no anchor (RFC 5011, Section 5).
func (t *Tracker) Anchors() (*Anchors, error) {
	a := &Anchors{zones: make(map[name][]*dns.DS)}
	lines := slices.Clone(t.DS)
	for _, k := range t.Keys {
		if k.State == Valid || k.State == Missing {
			lines = append(lines, k.Key)
		}
	}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil || rr == nil {
			return nil, fmt.Errorf("dnssec: trust anchor state of %s: %q is no record", t.Zone, line)
		}
		if err := a.add(rr); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Trust returns the tracker with further anchors for its zone, as a new release may
// bring them: the keys that they name are trusted from now on. One that has been
// revoked stays so.
func (t *Tracker) Trust(further *Anchors) *Tracker {
	out := *t
	out.DS, out.Keys = slices.Clone(t.DS), slices.Clone(t.Keys)
	zone, ok := parseName(t.Zone)
	if !ok {
		return &out
	}
	for _, ds := range further.zones[zone] {
		known := slices.IndexFunc(out.Keys, func(k TrackedKey) bool {
			rr, err := dns.NewRR(k.Key)
			key, ok := rr.(*dns.DNSKEY)
			return err == nil && ok && dsMatches(zone, ds, key)
		})
		switch {
		case known >= 0 && out.Keys[known].State == AddPend:
			out.Keys[known] = TrackedKey{Key: out.Keys[known].Key, State: Valid}
		case known < 0 && !slices.Contains(out.DS, ds.String()):
			out.DS = append(out.DS, ds.String())
		}
	}
	return &out
}

// Failed returns the tracker after a query that brought no reply: it is asked
// again after the shortest time that RFC 5011, Section 2.3 allows.
func (t *Tracker) Failed(now time.Time) *Tracker {
	out := *t
	out.NextQuery = now.Add(minRefresh)
	return &out
}

// observation is one DNSKEY RRset as seen at one time.
type observation struct {
	checker
	set      *rrset
	proven   bool // a trusted key signed the set
	zone     name
	selfSign map[string]bool // revoked keys that signed the set, without the flag
}

// Observe returns the tracker after a reply to a DNSKEY question at the zone.
// The error says that the reply proves nothing; then only the time of the next
// query changes.
func (t *Tracker) Observe(now time.Time, reply *resolver.Reply) (*Tracker, error) {
	zone, ok := parseName(t.Zone)
	anchors, err := t.Anchors()
	if err != nil || !ok {
		return t.Failed(now), err
	}
	answer, f := group(reply.Msg.Answer)
	if f != nil {
		return t.Failed(now), fmt.Errorf("dnssec: keys of %s: %s", t.Zone, f.text)
	}
	set := answer.records(zone, dns.TypeDNSKEY)
	if set == nil {
		return t.Failed(now), fmt.Errorf("dnssec: %s shows no keys", t.Zone)
	}
	b := newBudget()
	o := &observation{checker: checker{now: now, budget: &b}, set: set, zone: zone}
	o.selfSign = o.revoked()
	f = o.prove(anchors.zones[zone])
	if f != nil && !t.revokedBy(o) {
		return t.Failed(now), fmt.Errorf("dnssec: keys of %s: %s", t.Zone, f.text)
	}
	return t.after(o), nil
}

// prove checks that a trusted key signed the set.
func (o *observation) prove(ds []*dns.DS) *fault {
	v := &Validator{}
	usable, f := v.usableDS(o.zone, ds)
	if f != nil {
		return f
	}
	_, _, f = v.acceptKeys(&o.checker, usable, o.set, true)
	o.proven = f == nil
	return f
}

// after applies the transitions of RFC 5011, Section 4.1.
func (t *Tracker) after(o *observation) *Tracker {
	out := &Tracker{Zone: t.Zone, DS: slices.Clone(t.DS), NextQuery: o.nextQuery()}
	shown := make(map[string]*dns.DNSKEY)
	for _, rr := range o.set.rrs {
		if k, ok := rr.(*dns.DNSKEY); ok && k.Flags&dns.SEP != 0 && k.Flags&dns.ZONE != 0 && k.Protocol == 3 {
			shown[plainKey(k)] = k
		}
	}
	known := make(map[string]bool)
	for _, k := range t.Keys {
		known[k.Key] = true
		if next, keep := o.step(k, shown[k.Key]); keep {
			out.Keys = append(out.Keys, next)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(shown)) {
		if !known[line] {
			out.meet(o, line, shown[line])
		}
	}
	return out
}

// meet takes in a key that was not known: a configured one is trusted at once,
// another one waits.
func (t *Tracker) meet(o *observation, line string, k *dns.DNSKEY) {
	plain := dns.Copy(k).(*dns.DNSKEY)
	plain.Flags &^= dns.REVOKE
	names := o.names(plain)
	configured := slices.ContainsFunc(t.DS, names)
	revoked := o.selfSign[line]
	switch {
	case configured && revoked:
		t.DS = slices.DeleteFunc(t.DS, names)
		t.Keys = append(t.Keys, TrackedKey{line, Revoked, o.now.Add(removeHoldDown)})
	case !o.proven || k.Flags&dns.REVOKE != 0:
	case configured:
		t.DS = slices.DeleteFunc(t.DS, names)
		t.Keys = append(t.Keys, TrackedKey{Key: line, State: Valid})
	default:
		// Section 2.4.1: thirty days, or the TTL of the set if that is longer.
		t.Keys = append(t.Keys, TrackedKey{line, AddPend, o.now.Add(max(addHoldDown, seconds(o.set.ttl())))})
	}
}

// step moves a known key on; false forgets it. Shown is nil if the zone does not
// show it.
func (o *observation) step(k TrackedKey, shown *dns.DNSKEY) (TrackedKey, bool) {
	if o.selfSign[k.Key] && k.State != Revoked {
		if k.State == AddPend {
			return k, false
		}
		return TrackedKey{k.Key, Revoked, o.now.Add(removeHoldDown)}, true
	}
	present := shown != nil && shown.Flags&dns.REVOKE == 0
	switch {
	case k.State == Revoked:
		return k, o.now.Before(k.Until)
	case !o.proven: // only a revocation proves itself
		return k, true
	case k.State == AddPend && !present:
		return k, false
	case k.State == AddPend && !o.now.Before(k.Until):
		return TrackedKey{Key: k.Key, State: Valid}, true
	case k.State == Valid && !present:
		k.State = Missing
	case k.State == Missing && present:
		k.State = Valid
	}
	return k, true
}

// nextQuery follows RFC 5011, Section 2.3. A set that only a revocation speaks for may
// have been made up around it, with times that keep us from asking.
func (o *observation) nextQuery() time.Time {
	if !o.proven {
		return o.now.Add(minRefresh)
	}
	wait := min(maxRefresh, seconds(o.set.ttl())/2)
	for _, sig := range o.set.sigs {
		if left := o.date(sig.Expiration).Sub(o.now); left > 0 {
			wait = min(wait, left/2)
		}
	}
	return o.now.Add(max(wait, minRefresh))
}
