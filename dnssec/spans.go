package dnssec

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// maxRememberedHashes bounds the hashing that an attempt to answer from memory
// costs on top of a real question.
const maxRememberedHashes = 16

// spans are the proofs of absence remembered of one zone (RFC 8198).
type spans struct {
	mu     sync.Mutex
	since  time.Time // the latest time as of which one of them was proven
	nsecs  []nsec    // by owner
	params hashParams
	nsec3s []nsec3 // by owner, none with opt-out (RFC 8198, Section 5.2)
}

// remember keeps the records of a reply that proved something.
func (l *lookup) remember(c *cut, d *denials) {
	if l.v.NoAggressive {
		return
	}
	s, ok := l.v.spans.get(c.zone)
	if !ok {
		s = new(spans)
		l.v.spans.put(c.zone, s, 1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.now.After(s.since) {
		s.since = l.now
	}
	if len(s.nsecs)+len(s.nsec3s) >= maxSpansPerZone {
		s.nsecs, s.nsec3s = nil, nil
	}
	for _, n := range d.nsecs {
		i, found := slices.BinarySearchFunc(s.nsecs, n.owner, func(e nsec, o name) int { return compare(e.owner, o) })
		if found {
			s.nsecs[i] = n
		} else {
			s.nsecs = slices.Insert(s.nsecs, i, n)
		}
	}
	if len(d.nsec3s.all) > 0 && s.params != d.nsec3s.params {
		s.params, s.nsec3s = d.nsec3s.params, nil
	}
	for _, n := range d.nsec3s.all {
		i, found := searchNSEC3(s.nsec3s, n.owner)
		switch {
		case n.optOut:
		case found:
			s.nsec3s[i] = n
		default:
			s.nsec3s = slices.Insert(s.nsec3s, i, n)
		}
	}
}

func searchNSEC3(all []nsec3, h string) (int, bool) {
	return slices.BinarySearchFunc(all, h, func(e nsec3, h string) int { return strings.Compare(e.owner, h) })
}

// remembered answers from what is known to be absent, if that suffices.
func (l *lookup) remembered(n name) (resolver.RCode, bool) {
	if l.v.NoAggressive || l.v.KeepProof || l.typ == dns.TypeANY {
		return 0, false
	}
	owner := n
	if l.typ == dns.TypeDS && n != root {
		owner = n.parent()
	}
	c := l.knownZone(owner)
	if c == nil {
		return 0, false
	}
	s, ok := l.v.spans.get(c.zone)
	if !ok {
		return 0, false
	}
	d, ok := s.deny(l, c.zone, n)
	if !ok || d.optOut || !l.now.Before(d.expires) {
		return 0, false
	}
	l.v.stats.aggressive.Add(1)
	l.part(c, resolver.Secure, nil, earlier(d.expires, l.now.Add(maxNegativeTTL)))
	if d.nxdomain {
		return resolver.NXDomain, true
	}
	return resolver.NoError, true
}

// knownZone returns the zone of n if it is signed, going by what is known
// already.
func (l *lookup) knownZone(n name) *cut {
	top, ok := l.v.anchors.closest(n)
	if !ok {
		return nil
	}
	if nta, zone := l.v.nta(n, l.now); nta != nil && len(zone) >= len(top) {
		return nil
	}
	var cur *cut
	for i := top.labels(); i <= n.labels(); i++ {
		c := l.known(n.ancestor(i))
		if c == nil {
			continue
		}
		switch c.kind {
		case signedZone:
			cur = c
		case notCut:
		case nothingBelow:
			return cur
		default:
			return nil
		}
	}
	return cur
}

func (s *spans) deny(l *lookup, zone, n name) (denied, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.now.Before(s.since) {
		return denied{}, false
	}
	if d, ok := s.denyNSEC(l.now, n, l.typ); ok {
		return d, true
	}
	if len(s.nsec3s) == 0 {
		return denied{}, false
	}
	b := budget{hashes: maxRememberedHashes}
	c := l.v.newChecker(l.now, &b)
	all := nsec3s{checker: &c, zone: zone, params: s.params, all: s.nsec3s, sorted: true}
	d, ok, f := all.deny(n, l.typ)
	l.v.stats.hashes.Add(uint64(maxRememberedHashes - b.hashes))
	return d, ok && f == nil
}

// denyNSEC picks the record at or before n and the one for the wildcard that
// could have answered instead.
func (s *spans) denyNSEC(now time.Time, n name, t uint16) (denied, bool) {
	first := s.before(n)
	if first == nil || !now.Before(first.expires) {
		return denied{}, false
	}
	picked := []nsec{*first}
	if first.owner != n {
		encloser := commonAncestor(n, first.owner)
		if other := commonAncestor(n, first.next); len(other) > len(encloser) {
			encloser = other
		}
		if wild, ok := encloser.wildcardOf(); ok {
			if w := s.before(wild); w != nil {
				picked = append(picked, *w)
			}
		}
	}
	return nsecDeny(picked, n, t)
}

// before returns the record of n or of the last owner before it.
func (s *spans) before(n name) *nsec {
	i, found := slices.BinarySearchFunc(s.nsecs, n, func(e nsec, o name) int { return compare(e.owner, o) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return &s.nsecs[i]
}
