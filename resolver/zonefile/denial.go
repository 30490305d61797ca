package zonefile

import (
	"sort"
	"strings"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// span is one NSEC record and where its owner stands in the canonical order.
type span struct {
	key string
	set *rrset
}

// hashes are the NSEC3 records of a zone, by hash, and how names are hashed.
type hashes struct {
	params *dns.NSEC3
	list   []span
}

// spans returns the NSEC records in canonical order (RFC 4034, Section 6.1).
func (zn *zone) spans() []span {
	var l []span
	for name, n := range zn.nodes {
		if s := n.set(dns.TypeNSEC); s != nil {
			l = append(l, span{canonicalKey(name), s})
		}
	}
	sortSpans(l)
	return l
}

// hashes returns the NSEC3 records. A zone has one chain here: of records with
// other parameters than the NSEC3PARAM's or, without one, the first's in order
// of the names, nothing is used.
func (zn *zone) hashes() hashes {
	var h hashes
	for name, n := range zn.nodes {
		if s := n.set(dns.TypeNSEC3); s != nil {
			label, _, _ := strings.Cut(name, ".")
			h.list = append(h.list, span{label, s})
		}
	}
	if len(h.list) == 0 {
		return h
	}
	sortSpans(h.list)
	h.params = h.list[0].set.rrs[0].(*dns.NSEC3)
	if s := zn.nodes[zn.apex].set(dns.TypeNSEC3PARAM); s != nil {
		p := s.rrs[0].(*dns.NSEC3PARAM)
		h.params = &dns.NSEC3{Hash: p.Hash, Iterations: p.Iterations, Salt: p.Salt}
	}
	all := h.list
	h.list = h.list[:0:0]
	for _, s := range all {
		r := s.set.rrs[0].(*dns.NSEC3)
		if r.Hash == h.params.Hash && r.Iterations == h.params.Iterations && strings.EqualFold(r.Salt, h.params.Salt) {
			h.list = append(h.list, s)
		}
	}
	return h
}

func sortSpans(l []span) { sort.Slice(l, func(i, j int) bool { return l[i].key < l[j].key }) }

// canonicalKey returns a text whose byte order is the canonical order of names:
// the labels from the right, each ended so that it sorts before its extensions.
func canonicalKey(name string) string {
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(dns.Fqdn(name), wire, 0, nil, false)
	if err != nil {
		return ""
	}
	var starts []int
	for i := 0; i < n && wire[i] != 0; i += int(wire[i]) + 1 {
		starts = append(starts, i)
	}
	key := make([]byte, 0, n+8)
	for i := len(starts) - 1; i >= 0; i-- {
		at := starts[i]
		for _, c := range wire[at+1 : at+1+int(wire[at])] {
			if c == 0 {
				key = append(key, 0, 1)
				continue
			}
			key = append(key, c)
		}
		key = append(key, 0, 0)
	}
	return string(key)
}

// at returns the span that begins at key or covers it, nil without any. The
// last one covers what is before the first.
func at(l []span, key string) (s *span, match bool) {
	if len(l) == 0 {
		return nil, false
	}
	i := sort.Search(len(l), func(i int) bool { return l[i].key > key })
	if i == 0 {
		return &l[len(l)-1], false
	}
	return &l[i-1], l[i-1].key == key
}

// hash returns the key of name in the NSEC3 chain.
func (h *hashes) hash(name string) string {
	return strings.ToLower(dns.HashName(dns.Fqdn(name), h.params.Hash, h.params.Iterations, h.params.Salt))
}

// proof adds the record that matches or covers name.
func (zn *zone) proof(m *dns.Msg, name string) (match bool) {
	var s *span
	if zn.nsec3.params != nil {
		s, match = at(zn.nsec3.list, zn.nsec3.hash(name))
	} else {
		s, match = at(zn.nsec, canonicalKey(name))
	}
	if s == nil {
		return false
	}
	for _, rr := range m.Ns {
		if rr == s.set.rrs[0] {
			return match
		}
	}
	m.Ns = append(append(m.Ns, s.set.rrs...), s.set.sigs...)
	return match
}

// matches reports whether the NSEC3 chain has name.
func (zn *zone) matches(name string) bool {
	_, match := at(zn.nsec3.list, zn.nsec3.hash(name))
	return match
}

// proveNoData proves that name exists without the type (RFC 4035, Section
// 3.1.3.1; RFC 5155, Sections 7.2.3 and 7.2.4).
func (zn *zone) proveNoData(m *dns.Msg, name string) {
	if zn.nsec3.params == nil || zn.matches(name) {
		zn.proof(m, name)
		return
	}
	// An opt-out span: the chain lacks the name, and proves that instead.
	next := name
	for up := parent(name); up != ""; up = parent(up) {
		if zn.matches(up) {
			zn.proof(m, up)
			zn.proof(m, next)
			return
		}
		if up == zn.apex {
			return
		}
		next = up
	}
}

// proveNoName proves that neither name nor a wildcard for it exists (RFC 4035,
// Section 3.1.3.2; RFC 5155, Section 7.2.2).
func (zn *zone) proveNoName(m *dns.Msg, name, encloser string) {
	zn.proveExpansion(m, name, encloser)
	if zn.nsec3.params != nil {
		zn.proof(m, encloser)
	}
	zn.proof(m, under("*", encloser))
}

// proveExpansion proves that nothing closer than the wildcard exists (RFC 4035,
// Section 3.1.3.3; RFC 5155, Section 7.2.6).
func (zn *zone) proveExpansion(m *dns.Msg, name, encloser string) {
	if zn.nsec3.params == nil {
		zn.proof(m, name)
		return
	}
	zn.proof(m, nextCloser(name, encloser))
}

// proveWildcardNoData proves that the wildcard has no such type and that nothing
// is closer (RFC 4035, Section 3.1.3.4; RFC 5155, Section 7.2.5).
func (zn *zone) proveWildcardNoData(m *dns.Msg, name, encloser string) {
	zn.proveNoName(m, name, encloser)
}

// nextCloser returns the ancestor of name one label below its encloser (RFC
// 5155, Section 1.3).
func nextCloser(name, encloser string) string {
	for n := name; n != ""; n = parent(n) {
		if parent(n) == encloser {
			return n
		}
	}
	return resolver.CanonicalName(name)
}
