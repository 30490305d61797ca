package iterative

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// delegation is what a parent zone says about a child (RFC 1034, Section
// 4.2.1). The NS records that the child has of itself are not believed: a zone
// that was taken away would live on for ever by them.
type delegation struct {
	zone    string
	server  string // who referred
	hosts   []string
	glue    map[string][]netip.Addr
	ds      []dns.RR // DS records with their signatures
	denial  []dns.RR // NSEC or NSEC3 records with theirs, where there are no DS
	expires time.Time
}

// zoneAbove returns the closest zone at or above n whose servers are known.
func (s *Source) zoneAbove(n string) *delegation {
	now := s.now()
	for ; n != "."; n = parent(n) {
		if d, ok := s.delegations.get(n); ok && now.Before(d.expires) {
			return d
		}
	}
	h := s.Hints
	if h == nil {
		h = RootHints()
	}
	return &delegation{zone: ".", hosts: h.hosts, glue: h.addrs}
}

func parent(n string) string {
	i, end := dns.NextLabel(n, 0)
	if end {
		return "."
	}
	return n[i:]
}

// ancestor returns the name with that many labels at or above n.
func ancestor(n string, labels int) string {
	for i := dns.CountLabel(n); i > labels; i-- {
		n = parent(n)
	}
	return n
}

// referral reads a reply of a server of zone as a delegation on the way to n;
// nil if it is none.
func (s *Source) referral(m *dns.Msg, zone, n string) *delegation {
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) > 0 {
		return nil
	}
	d := &delegation{glue: make(map[string][]netip.Addr)}
	ttl := uint32(maxTTL / time.Second)
	for _, rr := range m.Ns {
		ns, ok := rr.(*dns.NS)
		if _, soa := rr.(*dns.SOA); soa {
			return nil
		}
		if !ok || ns.Hdr.Class != dns.ClassINET {
			continue
		}
		owner := dns.CanonicalName(ns.Hdr.Name)
		// Only downward, and only towards the name that was asked.
		if owner == zone || !dns.IsSubDomain(zone, owner) || !dns.IsSubDomain(owner, n) || d.zone != "" && owner != d.zone {
			continue
		}
		d.zone = owner
		ttl = min(ttl, ns.Hdr.Ttl)
		if host := dns.CanonicalName(ns.Ns); len(d.hosts) < maxHostsInNS && !slices.Contains(d.hosts, host) {
			d.hosts = append(d.hosts, host)
		}
	}
	if d.zone == "" {
		return nil
	}
	d.takeGlue(m.Extra, zone)
	d.takeProof(m.Ns, zone)
	d.expires = s.now().Add(time.Duration(ttl) * time.Second)
	return d
}

// takeGlue keeps the addresses of the name servers that lie in the zone whose
// server spoke: of others it knows nothing (RFC 2181, Section 5.4.1).
func (d *delegation) takeGlue(extra []dns.RR, zone string) {
	for _, rr := range extra {
		host := dns.CanonicalName(rr.Header().Name)
		a, ok := address(rr)
		if !ok || !dns.IsSubDomain(zone, host) || !slices.Contains(d.hosts, host) || len(d.glue[host]) == maxAddrsPerHost {
			continue
		}
		d.glue[host] = append(d.glue[host], a)
	}
}

// takeProof keeps what the referral says about DS records (RFC 4035, Section
// 3.1.4). Whether it is true is for the validator.
func (d *delegation) takeProof(authority []dns.RR, zone string) {
	for _, rr := range authority {
		h := rr.Header()
		t := h.Rrtype
		if sig, ok := rr.(*dns.RRSIG); ok {
			t = sig.TypeCovered
		}
		owner := dns.CanonicalName(h.Name)
		switch {
		case t == dns.TypeDS && owner == d.zone:
			d.ds = append(d.ds, rr)
		case (t == dns.TypeNSEC || t == dns.TypeNSEC3) && dns.IsSubDomain(zone, owner):
			d.denial = append(d.denial, rr)
		}
	}
	if len(d.ds)+len(d.denial) > maxProofInNS {
		d.ds, d.denial = nil, nil
	}
}

// dsReply answers a DS question from the referral, if it said something.
func (d *delegation) dsReply() *dns.Msg {
	if len(d.ds) == 0 && len(d.denial) == 0 {
		return nil
	}
	m := new(dns.Msg)
	m.SetQuestion(d.zone, dns.TypeDS)
	m.Response = true
	if len(d.ds) > 0 {
		m.Answer = d.ds
	} else {
		m.Ns = d.denial
	}
	return m
}

// trim leaves in a reply what a server of zone may speak of.
func trim(m *dns.Msg, zone string) *dns.Msg {
	out := *m
	in := func(section []dns.RR) []dns.RR {
		var kept []dns.RR
		for _, rr := range section {
			if dns.IsSubDomain(zone, dns.CanonicalName(rr.Header().Name)) {
				kept = append(kept, rr)
			}
		}
		return kept
	}
	out.Answer, out.Ns, out.Extra = in(m.Answer), in(m.Ns), nil
	if opt := m.IsEdns0(); opt != nil {
		out.Extra = []dns.RR{opt} // for its extended error
	}
	return &out
}
