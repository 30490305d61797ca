package dnssec

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// denied is what a set of NSEC or NSEC3 records proves about a name and type.
type denied struct {
	nxdomain bool // the name does not exist; otherwise it has no such records
	// delegation: a DS was denied at a name that has NS records, so that an
	// unsigned zone begins there (RFC 4035, Section 5.2).
	delegation bool
	// optOut: an unsigned delegation can hide in the span, so that the answer is
	// no more than insecure (RFC 5155, Section 9.2).
	optOut  bool
	expires time.Time
}

// denials are the verified NSEC and NSEC3 records of one reply, or those
// remembered of one zone.
type denials struct {
	nsecs  []nsec
	nsec3s nsec3s
}

// types is the type bitmap of an NSEC or NSEC3 record.
type types []uint16

func (t types) has(u uint16) bool { return slices.Contains(t, u) }

// atDelegation reports whether the record is the parent's at a zone cut. Then it
// says nothing about what is below, nor about the types at the child's apex,
// except DS (RFC 6840, Section 4.1).
func (t types) atDelegation() bool { return t.has(dns.TypeNS) && !t.has(dns.TypeSOA) }

// hidesBelow reports whether names below the owner may exist although no NSEC
// of this zone names them: below a delegation or a DNAME (RFC 6840, Section
// 4.1; RFC 6672, Section 5.3.4.1).
func (t types) hidesBelow() bool { return t.atDelegation() || t.has(dns.TypeDNAME) }

// lack reports whether a record at the very name denies type u there.
func (t types) lack(u uint16, owner name) bool {
	if t.has(u) || t.has(dns.TypeCNAME) { // RFC 6840, Section 4.3
		return false
	}
	if u == dns.TypeDS {
		// The child's own NSEC at its apex does not speak for the parent.
		return !t.has(dns.TypeSOA) || owner == root
	}
	return !t.atDelegation()
}

// collect verifies the NSEC and NSEC3 records that the zone signed. Records of
// other zones in the same reply are left aside.
func (c *checker) collect(authority sets, zone *keySet) (*denials, *fault) {
	d := &denials{nsec3s: nsec3s{checker: c, zone: zone.zone}}
	left := maxDenialSets
	for i := range authority {
		set := &authority[i]
		if set.typ != dns.TypeNSEC && set.typ != dns.TypeNSEC3 || len(set.rrs) == 0 || !set.owner.under(zone.zone) {
			continue
		}
		if signer, ok := set.signer(); ok && signer != zone.zone {
			continue
		}
		if left--; left < 0 {
			return nil, limitf("the reply has more than %d NSEC or NSEC3 records", maxDenialSets)
		}
		p, f := c.verify(set, zone)
		if f != nil {
			return nil, f
		}
		if p.encloser != "" {
			continue // an NSEC made from a wildcard is an answer, not a denial
		}
		for _, rr := range set.rrs {
			switch rr := rr.(type) {
			case *dns.NSEC:
				if n, ok := newNSEC(set.owner, zone.zone, rr, p.expires); ok {
					d.nsecs = append(d.nsecs, n)
				}
			case *dns.NSEC3:
				if f := d.nsec3s.add(set.owner, rr, p.expires); f != nil {
					return nil, f
				}
			}
		}
	}
	return d, nil
}

// deny returns what the records prove about type t at n.
func (d *denials) deny(n name, t uint16) (denied, bool, *fault) {
	if out, ok := nsecDeny(d.nsecs, n, t); ok {
		return out, true, nil
	}
	return d.nsec3s.deny(n, t)
}

// noCloser proves that the answer at n could only come from the wildcard below
// encloser (RFC 4035, Section 5.3.4; RFC 5155, Section 8.8).
func (d *denials) noCloser(n, encloser name) (denied, bool, *fault) {
	next := n.nextLabel(encloser)
	if s := cover(d.nsecs, n); s != nil && !s.owner.under(next) && !s.next.under(next) {
		return denied{expires: s.expires}, true, nil
	}
	s, f := d.nsec3s.cover(next)
	if s == nil || f != nil {
		return denied{}, false, f
	}
	return denied{expires: s.expires, optOut: s.optOut}, true, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
