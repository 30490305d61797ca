package zonesign

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// Answer returns what an authoritative server with only this zone says (RFC
// 1034, Section 4.3.2; RFC 4035, Section 3.1; RFC 5155, Section 7.2), records of
// DNSSEC included. Names outside of the zone are refused.
func (s *Signed) Answer(name string, t uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.CanonicalName(name), t)
	m.Response, m.Authoritative = true, true
	n := dns.CanonicalName(name)
	if !dns.IsSubDomain(s.origin, n) {
		m.Rcode = dns.RcodeRefused
		return m
	}
	for range 12 {
		next := s.step(m, n, t)
		if next == "" || !dns.IsSubDomain(s.origin, next) {
			break
		}
		n = next
	}
	return m
}

// step answers for one name and returns the name that an alias leads to.
func (s *Signed) step(m *dns.Msg, n string, t uint16) string {
	if cut, below := s.cutAbove(n); below && (n != cut || t != dns.TypeDS) {
		s.refer(m, cut)
		return ""
	}
	for a := parent(n); n != s.origin && dns.IsSubDomain(s.origin, a); a = parent(a) {
		if set := s.sets[setKey{a, dns.TypeDNAME}]; set != nil {
			return s.dname(m, n, a, set[0].(*dns.DNAME))
		}
		if a == "." {
			break
		}
	}
	if _, ok := s.exists[n]; ok {
		return s.at(m, n, n, t)
	}
	encloser := parent(n)
	for !s.has(encloser) {
		encloser = parent(encloser)
	}
	wild := "*." + strings.TrimPrefix(encloser, ".")
	if s.has(wild) {
		return s.at(m, n, wild, t)
	}
	m.Rcode = dns.RcodeNameError
	s.soa(m)
	s.deny(m, n, encloser)
	s.denyOne(m, wild)
	return ""
}

func (s *Signed) has(n string) bool { _, ok := s.exists[n]; return ok }

// at answers for n from the records of owner: n itself or a wildcard.
func (s *Signed) at(m *dns.Msg, n, owner string, t uint16) string {
	found := false
	for key := range s.sets {
		if key.owner == owner && (key.typ == t || t == dns.TypeANY && key.typ != dns.TypeNSEC3) {
			found = true
			m.Answer = append(m.Answer, s.set(key, n)...)
		}
	}
	next := ""
	if set := s.sets[setKey{owner, dns.TypeCNAME}]; !found && set != nil {
		found = true
		m.Answer = append(m.Answer, s.set(setKey{owner, dns.TypeCNAME}, n)...)
		next = dns.CanonicalName(set[0].(*dns.CNAME).Target)
	}
	if found {
		if n != owner {
			s.denyOne(m, s.nextCloser(n, parent(owner)))
		}
		return next
	}
	s.soa(m)
	if n != owner {
		s.deny(m, n, parent(owner))
	}
	if !s.matching(m, owner) {
		// An empty non-terminal in an NSEC zone, or one hidden by opt-out.
		s.deny(m, owner, s.provenEncloser(owner))
	}
	return ""
}

// set returns a set and its signatures as they appear at n.
func (s *Signed) set(key setKey, n string) []dns.RR {
	var out []dns.RR
	for _, rr := range s.sets[key] {
		out = append(out, renamed(rr, n))
	}
	for _, sig := range s.sigs[key] {
		out = append(out, renamed(sig, n))
	}
	return out
}

func renamed(rr dns.RR, n string) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Name = n
	return rr
}

func (s *Signed) dname(m *dns.Msg, n, owner string, d *dns.DNAME) string {
	m.Answer = append(m.Answer, s.set(setKey{owner, dns.TypeDNAME}, owner)...)
	target := strings.TrimSuffix(n, owner) + dns.CanonicalName(d.Target)
	m.Answer = append(m.Answer, &dns.CNAME{
		Hdr:    dns.RR_Header{Name: n, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl},
		Target: target,
	})
	return target
}

// refer adds a referral: NS, and DS or the proof that there is none.
func (s *Signed) refer(m *dns.Msg, cut string) {
	if len(m.Answer) == 0 {
		m.Authoritative = false
	}
	m.Ns = append(m.Ns, s.sets[setKey{cut, dns.TypeNS}]...)
	if ds := (setKey{cut, dns.TypeDS}); s.sets[ds] != nil {
		m.Ns = append(m.Ns, s.set(ds, cut)...)
	} else if !s.matching(m, cut) {
		s.deny(m, cut, s.provenEncloser(cut))
	}
	for _, rr := range s.sets[setKey{cut, dns.TypeNS}] {
		host := dns.CanonicalName(rr.(*dns.NS).Ns)
		if dns.IsSubDomain(cut, host) {
			m.Extra = append(m.Extra, s.sets[setKey{host, dns.TypeA}]...)
			m.Extra = append(m.Extra, s.sets[setKey{host, dns.TypeAAAA}]...)
		}
	}
}

func (s *Signed) soa(m *dns.Msg) {
	m.Ns = append(m.Ns, s.set(setKey{s.origin, dns.TypeSOA}, s.origin)...)
}

func (s *Signed) nextCloser(n, encloser string) string {
	for parent(n) != encloser {
		n = parent(n)
	}
	return n
}

// provenEncloser is the closest ancestor of n with an NSEC3 record.
func (s *Signed) provenEncloser(n string) string {
	for n = parent(n); n != s.origin && s.Denial != NSEC; n = parent(n) {
		if slices.Contains(s.hashed, s.hashedName(n)) {
			break
		}
	}
	return n
}

func (s *Signed) hashedName(n string) string {
	return strings.ToLower(s.Hash(n)) + "." + strings.TrimPrefix(s.origin, ".")
}

// deny adds the proof that n does not exist below encloser.
func (s *Signed) deny(m *dns.Msg, n, encloser string) {
	if s.Denial == NSEC {
		s.denyOne(m, n)
		return
	}
	s.matching(m, encloser)
	s.denyOne(m, s.nextCloser(n, encloser))
}

// matching adds the NSEC or NSEC3 record at n, if there is one.
func (s *Signed) matching(m *dns.Msg, n string) bool {
	key := setKey{n, dns.TypeNSEC}
	if s.Denial != NSEC {
		key = setKey{s.hashedName(n), dns.TypeNSEC3}
	}
	if s.sets[key] == nil {
		return len(s.Keys) == 0
	}
	s.authority(m, key)
	return true
}

// denyOne adds the record whose span n lies in.
func (s *Signed) denyOne(m *dns.Msg, n string) {
	if s.Denial == NSEC {
		last := ""
		for _, o := range s.names {
			if s.sets[setKey{o, dns.TypeNSEC}] != nil && (last == "" || compare(o, n) < 0) {
				last = o
			}
		}
		if last != "" {
			s.authority(m, setKey{last, dns.TypeNSEC})
		}
		return
	}
	if len(s.hashed) == 0 {
		return
	}
	h := s.hashedName(n)
	i, _ := slices.BinarySearch(s.hashed, h)
	s.authority(m, setKey{s.hashed[(i+len(s.hashed)-1)%len(s.hashed)], dns.TypeNSEC3})
}

// authority adds a set once.
func (s *Signed) authority(m *dns.Msg, key setKey) {
	for _, rr := range m.Ns {
		if rr.Header().Name == key.owner && rr.Header().Rrtype == key.typ {
			return
		}
	}
	m.Ns = append(m.Ns, s.set(key, key.owner)...)
}

// World is zones that answer together as a resolver.Source: each question goes
// to the zone that has the name, as if it had been found from the root down.
type World struct {
	Zones []*Signed
	// Tamper may change a reply on its way; nil leaves all as they are.
	Tamper  func(q resolver.Question, m *dns.Msg) *dns.Msg
	queries atomic.Int64
}

// Queries returns how many questions were asked so far.
func (w *World) Queries() int { return int(w.queries.Load()) }

// Answer answers as one server that has all the zones: from the zone closest to
// the name, for DS from the one above it.
func (w *World) Answer(name string, t uint16) *dns.Msg {
	n := dns.CanonicalName(name)
	var best *Signed
	for _, z := range w.Zones {
		above := t == dns.TypeDS && n == z.origin && n != "."
		if !dns.IsSubDomain(z.origin, n) || above && best != nil {
			continue
		}
		if best == nil || len(z.origin) > len(best.origin) || t == dns.TypeDS && best.origin == n {
			best = z
		}
	}
	if best == nil {
		m := new(dns.Msg)
		m.SetQuestion(n, t)
		m.Response, m.Rcode = true, dns.RcodeRefused
		return m
	}
	return best.Answer(n, t)
}

// Fetch implements resolver.Source.
func (w *World) Fetch(_ context.Context, q resolver.Question) (*resolver.Reply, error) {
	w.queries.Add(1)
	m := w.Answer(q.Name, uint16(q.Type))
	if w.Tamper != nil {
		m = w.Tamper(q, m)
	}
	return &resolver.Reply{Msg: m, Server: "zonesign"}, nil
}
