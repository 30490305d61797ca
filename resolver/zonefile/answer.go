package zonefile

import (
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// answer adds to m what the zones say about name (RFC 1034, Section 4.3.2) and
// returns the name to go on with: the target of an alias, else "".
func (z *Zones) answer(m *dns.Msg, name string, typ uint16) string {
	zn := z.zoneOf(name, typ)
	if zn == nil || z.Authoritative && zn.loose && zn.nodes[name] == nil {
		z.outside(m)
		return ""
	}
	encloser := "" // the deepest name on the way down that exists
	path := ancestors(name, zn.apex)
	for i := len(path) - 1; i >= 0; i-- {
		n := zn.nodes[path[i]]
		if n == nil {
			break
		}
		encloser = path[i]
		last := i == 0
		if zn.cut(path[i], n) && !(last && typ == dns.TypeDS) {
			z.refer(m, zn, path[i])
			return ""
		}
		if s := n.set(dns.TypeDNAME); s != nil && !last {
			return z.redirect(m, s, name)
		}
	}
	if encloser == name {
		return z.exact(m, zn, name, typ)
	}
	return z.wildcard(m, zn, name, encloser, typ)
}

// outside answers for a name that no zone contains.
func (z *Zones) outside(m *dns.Msg) {
	switch {
	case !z.Authoritative:
		m.Rcode = dns.RcodeNameError
	case len(m.Answer) == 0:
		m.Rcode, m.Authoritative = dns.RcodeRefused, false
	}
}

// ancestors returns name and the names above it up to the apex.
func ancestors(name, apex string) []string {
	path := make([]string, 0, 8)
	for n := name; n != ""; n = parent(n) {
		path = append(path, n)
		if n == apex {
			break
		}
	}
	return path
}

// cut reports whether the zone hands name to another one.
func (zn *zone) cut(name string, n *node) bool {
	return !zn.loose && name != zn.apex && n.set(dns.TypeNS) != nil
}

// exact answers for a name that exists.
func (z *Zones) exact(m *dns.Msg, zn *zone, name string, typ uint16) string {
	n := zn.nodes[name]
	if typ == dns.TypeANY && len(n.sets) > 0 {
		for i := range n.sets {
			appendSet(m, &n.sets[i])
		}
		return ""
	}
	if typ == dns.TypeRRSIG {
		found := false
		for _, s := range n.sets {
			m.Answer = append(m.Answer, s.sigs...)
			found = found || len(s.sigs) > 0
		}
		if found {
			return ""
		}
	}
	if s := n.set(typ); s != nil {
		appendSet(m, s)
		return ""
	}
	if s := n.set(dns.TypeCNAME); s != nil {
		appendSet(m, s)
		return target(m, s.rrs[0].(*dns.CNAME).Target)
	}
	m.Ns = append(m.Ns, zn.soa...)
	zn.proveNoData(m, name)
	return ""
}

// wildcard answers for a name that does not exist, from the wildcard at its
// closest encloser if there is one (RFC 4592, Section 3.3.1).
func (z *Zones) wildcard(m *dns.Msg, zn *zone, name, encloser string, typ uint16) string {
	star := under("*", encloser)
	n := zn.nodes[star]
	if n == nil {
		m.Rcode = dns.RcodeNameError
		m.Ns = append(m.Ns, zn.soa...)
		zn.proveNoName(m, name, encloser)
		return ""
	}
	if typ == dns.TypeANY && len(n.sets) > 0 {
		for i := range n.sets {
			appendSet(m, expand(&n.sets[i], name))
		}
		zn.proveExpansion(m, name, encloser)
		return ""
	}
	if s := n.set(typ); s != nil {
		appendSet(m, expand(s, name))
		zn.proveExpansion(m, name, encloser)
		return ""
	}
	if s := n.set(dns.TypeCNAME); s != nil {
		appendSet(m, expand(s, name))
		zn.proveExpansion(m, name, encloser)
		return target(m, s.rrs[0].(*dns.CNAME).Target)
	}
	m.Ns = append(m.Ns, zn.soa...)
	zn.proveWildcardNoData(m, name, encloser)
	return ""
}

// under returns label.name.
func under(label, name string) string {
	if name == "." {
		return label
	}
	return label + "." + name
}

// expand returns a wildcard's set with the name asked as its owner.
func expand(s *rrset, name string) *rrset {
	e := &rrset{typ: s.typ}
	for _, rr := range s.rrs {
		e.rrs = append(e.rrs, renamed(rr, name))
	}
	for _, rr := range s.sigs {
		e.sigs = append(e.sigs, renamed(rr, name))
	}
	return e
}

func renamed(rr dns.RR, name string) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Name = dns.Fqdn(name)
	return rr
}

// redirect follows a DNAME above name (RFC 6672, Section 3.1).
func (z *Zones) redirect(m *dns.Msg, s *rrset, name string) string {
	d := s.rrs[0].(*dns.DNAME)
	appendSet(m, s)
	owner := resolver.CanonicalName(d.Hdr.Name)
	prefix := name
	if owner != "." {
		prefix = name[:len(name)-len(owner)-1]
	}
	to := under(prefix, resolver.CanonicalName(d.Target))
	if _, ok := dns.IsDomainName(to); !ok {
		m.Rcode = dns.RcodeYXDomain
		return ""
	}
	m.Answer = append(m.Answer, &dns.CNAME{
		Hdr:    dns.RR_Header{Name: dns.Fqdn(name), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl},
		Target: dns.Fqdn(to),
	})
	return target(m, to)
}

// target returns the name an alias leads to; "" if the chain has been there.
func target(m *dns.Msg, name string) string {
	name = resolver.CanonicalName(name)
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeCNAME && resolver.CanonicalName(rr.Header().Name) == name {
			return ""
		}
	}
	return name
}

// refer adds a referral to the zone at cut, with glue.
func (z *Zones) refer(m *dns.Msg, zn *zone, cut string) {
	if len(m.Answer) == 0 {
		m.Authoritative = false
	}
	n := zn.nodes[cut]
	ns := n.set(dns.TypeNS)
	m.Ns = append(m.Ns, ns.rrs...)
	if ds := n.set(dns.TypeDS); ds != nil {
		m.Ns = append(append(m.Ns, ds.rrs...), ds.sigs...)
	} else {
		zn.proveNoData(m, cut)
	}
	for _, rr := range ns.rrs {
		host := zn.nodes[resolver.CanonicalName(rr.(*dns.NS).Ns)]
		for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if s := host.set(typ); s != nil {
				m.Extra = append(m.Extra, s.rrs...)
			}
		}
	}
}

func appendSet(m *dns.Msg, s *rrset) {
	m.Answer = append(append(m.Answer, s.rrs...), s.sigs...)
}
