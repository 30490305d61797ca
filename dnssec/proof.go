package dnssec

import (
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// keepSignatures keeps those over a set of the answer section.
func (l *lookup) keepSignatures(set *rrset) {
	if !l.v.KeepProof {
		return
	}
	for _, sig := range set.sigs {
		l.proof.Signatures = appendOnce(l.proof.Signatures, sig)
	}
}

// keepDenials keeps what the authority section of the reply says of absence:
// the SOA record, NSEC and NSEC3 records, and their signatures. Of a signed zone
// only what it proves: who passes the answer on as authentic vouches for that
// section too (RFC 4035, Section 3.2.3).
func (l *lookup) keepDenials(c *cut) {
	if !l.v.KeepProof {
		return
	}
	authority, f := group(l.reply.Ns)
	if f != nil {
		return
	}
	var kept []dns.RR
	for i := range authority {
		set := &authority[i]
		if t := set.typ; t != dns.TypeSOA && t != dns.TypeNSEC && t != dns.TypeNSEC3 || !l.keeps(set, c) {
			continue
		}
		for _, rr := range set.rrs {
			kept = appendOnce(kept, rr)
		}
		for _, sig := range set.sigs {
			kept = appendOnce(kept, sig)
		}
	}
	l.proof.Authority = append(l.proof.Authority, kept...)
}

func (l *lookup) keeps(set *rrset, c *cut) bool {
	if c == nil || c.kind != signedZone {
		return true
	}
	if len(set.rrs) == 0 {
		return false
	}
	_, f := l.verify(set, c.keys)
	return f == nil
}

func appendOnce(section []dns.RR, rr dns.RR) []dns.RR {
	for _, have := range section {
		if dns.IsDuplicate(have, rr) {
			return section
		}
	}
	return append(section, rr)
}

// evidence returns what was kept; nil without KeepProof.
func (l *lookup) evidence() *resolver.Proof {
	if !l.v.KeepProof {
		return nil
	}
	p := l.proof
	return &p
}
