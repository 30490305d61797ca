package zonefile

import (
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// zone is what one SOA record covers, or the records that no zone covers.
type zone struct {
	apex  string
	loose bool // no SOA, no cuts
	nodes map[string]*node
	seen  map[string]struct{} // identities of its records
	soa   []dns.RR            // for negative answers: the SOA and its signatures
	nsec  []span              // in canonical order of the owners
	nsec3 hashes
}

// node is one name. One without sets is an empty non-terminal.
type node struct{ sets []rrset }

type rrset struct {
	typ       uint16
	rrs, sigs []dns.RR
}

func newZone(apex string) *zone {
	return &zone{apex: apex, nodes: map[string]*node{}, seen: map[string]struct{}{}}
}

// set returns the records of a type, nil if there are none.
func (n *node) set(typ uint16) *rrset {
	if n == nil {
		return nil
	}
	for i := range n.sets {
		if s := &n.sets[i]; s.typ == typ && len(s.rrs) > 0 {
			return s
		}
	}
	return nil
}

// open returns the set of a type, made if need be.
func (n *node) open(typ uint16) *rrset {
	for i := range n.sets {
		if n.sets[i].typ == typ {
			return &n.sets[i]
		}
	}
	n.sets = append(n.sets, rrset{typ: typ})
	return &n.sets[len(n.sets)-1]
}

// ensure makes name exist, and all names between it and the apex (RFC 4592,
// Section 2.2.2: empty non-terminals exist).
func (zn *zone) ensure(name string) *node {
	first := zn.nodes[name]
	if first != nil {
		return first
	}
	first = new(node)
	zn.nodes[name] = first
	for name != zn.apex && name != "." {
		name = parent(name)
		if zn.nodes[name] != nil {
			break
		}
		zn.nodes[name] = new(node)
	}
	return first
}

func (zn *zone) add(r record) {
	if _, twice := zn.seen[r.id]; twice {
		return
	}
	n := zn.ensure(r.owner)
	switch rr := r.rr.(type) {
	case *dns.RRSIG:
		s := n.open(rr.TypeCovered)
		s.sigs = append(s.sigs, rr)
	case *dns.SOA, *dns.CNAME, *dns.DNAME:
		// At most one of each at a name; the first file wins.
		s := n.open(rr.Header().Rrtype)
		if len(s.rrs) == 0 {
			s.rrs = []dns.RR{rr}
		}
	default:
		s := n.open(rr.Header().Rrtype)
		s.rrs = append(s.rrs, rr)
	}
	zn.seen[r.id] = struct{}{}
}

// insert sorts the records of one file into zones.
func (z *Zones) insert(rrs []record) {
	if z.zones == nil {
		z.zones = map[string]*zone{}
	}
	own := map[string]*zone{} // the zones of this file
	fresh := false
	for _, r := range rrs {
		if r.rr.Header().Rrtype != dns.TypeSOA || own[r.owner] != nil {
			continue
		}
		if z.zones[r.owner] == nil {
			z.zones[r.owner], fresh = newZone(r.owner), true
		}
		own[r.owner] = z.zones[r.owner]
	}
	if fresh {
		z.adopt()
	}
	touched := map[*zone]bool{}
	for _, r := range rrs {
		zn := z.home(r, own)
		zn.add(r)
		touched[zn] = true
	}
	finish(touched)
	for apex := range z.zones {
		if apex == "." {
			continue
		}
		// What is above a zone exists, though nothing may be known about it.
		if up := z.enclosing(parent(apex)); up != nil {
			up.ensure(apex)
		} else {
			z.open().ensure(apex)
		}
	}
}

// open returns the loose records.
func (z *Zones) open() *zone {
	if z.loose == nil {
		z.loose = newZone(".")
		z.loose.loose = true
	}
	return z.loose
}

// adopt moves loose records into zones that came after them.
func (z *Zones) adopt() {
	old := z.loose
	if old == nil {
		return
	}
	z.loose = nil
	touched := map[*zone]bool{}
	for name, n := range old.nodes {
		for _, s := range n.sets {
			for _, rr := range append(s.rrs, s.sigs...) {
				r, err := normalise(rr)
				if err != nil {
					continue // it was normalised before
				}
				r.owner = name
				zn := z.home(r, nil)
				zn.add(r)
				touched[zn] = true
			}
		}
	}
	finish(touched)
}

// home returns the zone that a record belongs to: the deepest one in its own
// file, so that glue in a parent's file stays glue; else the deepest of all.
func (z *Zones) home(r record, own map[string]*zone) *zone {
	at := r.owner
	if belongsAbove(r) && own[at] != nil && at != "." {
		if up := deepest(own, parent(at)); up != nil {
			return up
		}
		if up := deepest(z.zones, parent(at)); up != nil {
			return up
		}
	}
	if zn := deepest(own, at); zn != nil {
		return zn
	}
	if zn := deepest(z.zones, at); zn != nil {
		return zn
	}
	return z.open()
}

// belongsAbove reports whether a record at a zone cut is the parent's: DS, its
// signature, and an NSEC that knows of no SOA (RFC 4035, Section 3.1.4.1, and
// RFC 4034, Section 4.1.2).
func belongsAbove(r record) bool {
	switch rr := r.rr.(type) {
	case *dns.DS:
		return true
	case *dns.RRSIG:
		return resolver.CanonicalName(rr.SignerName) != r.owner
	case *dns.NSEC:
		for _, t := range rr.TypeBitMap {
			if t == dns.TypeSOA {
				return false
			}
		}
		return true
	}
	return false
}

func deepest(zones map[string]*zone, name string) *zone {
	for n := name; n != ""; n = parent(n) {
		if zn := zones[n]; zn != nil {
			return zn
		}
	}
	return nil
}

// finish works out what negative answers need.
func finish(touched map[*zone]bool) {
	for zn := range touched {
		zn.soa = zn.negativeSOA()
		zn.nsec = zn.spans()
		zn.nsec3 = zn.hashes()
	}
}

// negativeSOA returns the SOA for the authority section of negative answers,
// its TTL as RFC 2308, Section 3 wants it.
func (zn *zone) negativeSOA() []dns.RR {
	s := zn.nodes[zn.apex].set(dns.TypeSOA)
	if s == nil {
		return nil
	}
	soa := s.rrs[0].(*dns.SOA)
	ttl := min(soa.Hdr.Ttl, soa.Minttl)
	var rrs []dns.RR
	for _, rr := range append([]dns.RR{soa}, s.sigs...) {
		rr = dns.Copy(rr)
		rr.Header().Ttl = ttl
		rrs = append(rrs, rr)
	}
	return rrs
}
