package dnssec

import (
	"time"

	"github.com/miekg/dns"
)

// rrset is the records of one owner and type with the signatures over them
// (RFC 2181, Section 5).
type rrset struct {
	owner name
	typ   uint16
	rrs   []dns.RR
	sigs  []*dns.RRSIG
}

// sets is a section of a reply, grouped.
type sets []rrset

// group gathers a section into RRsets. What is not of class IN is left out.
// It fails on sections that no honest server sends.
func group(section []dns.RR) (sets, *fault) {
	var out sets
	var lastOwner string
	var last name
	for _, rr := range section {
		h := rr.Header()
		if h.Class != dns.ClassINET {
			continue
		}
		if h.Name != lastOwner || last == "" {
			n, ok := parseName(h.Name)
			if !ok {
				return nil, faultf(dns.ExtendedErrorCodeInvalidData, "the reply has a record with an invalid owner name")
			}
			lastOwner, last = h.Name, n
		}
		sig, isSig := rr.(*dns.RRSIG)
		t := h.Rrtype
		if isSig {
			t = sig.TypeCovered
		}
		set := out.find(last, t)
		if set == nil {
			if len(out) == maxSets {
				return nil, limitf("the reply has more than %d record sets in a section", maxSets)
			}
			out = append(out, rrset{owner: last, typ: t})
			set = &out[len(out)-1]
		}
		if isSig {
			set.sigs = append(set.sigs, sig)
			continue
		}
		if len(set.rrs) == maxSetRecords {
			return nil, limitf("%s has more than %d records", setName(last, t), maxSetRecords)
		}
		if !set.has(rr) {
			set.rrs = append(set.rrs, rr)
		}
	}
	return out, nil
}

// has reports whether the set has the record already (RFC 2181, Section 5).
func (s *rrset) has(rr dns.RR) bool {
	for _, other := range s.rrs {
		if dns.IsDuplicate(other, rr) {
			return true
		}
	}
	return false
}

// find returns the set of that owner and type, nil if there is none.
func (s sets) find(owner name, t uint16) *rrset {
	for i := range s {
		if s[i].typ == t && s[i].owner == owner {
			return &s[i]
		}
	}
	return nil
}

// records returns the set of that owner and type if it has records: signatures
// alone are no set.
func (s sets) records(owner name, t uint16) *rrset {
	if set := s.find(owner, t); set != nil && len(set.rrs) > 0 {
		return set
	}
	return nil
}

// ttl returns the shortest TTL of the set (RFC 2181, Section 5.2).
func (s *rrset) ttl() uint32 {
	ttl := s.rrs[0].Header().Ttl
	for _, rr := range s.rrs[1:] {
		ttl = min(ttl, rr.Header().Ttl)
	}
	return ttl
}

// seconds turns a TTL into a duration; one with the top bit set counts as zero
// (RFC 2181, Section 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// signer returns the zone that signed the set as far as its signatures claim,
// of several the closest that can have: at or above the owner (RFC 4035,
// Section 5.3.1), above it for DS, which the parent holds.
func (s *rrset) signer() (name, bool) {
	var best name
	for _, sig := range s.sigs {
		n, ok := parseName(sig.SignerName)
		if !ok || !s.owner.under(n) || s.typ == dns.TypeDS && n == s.owner && n != root {
			continue
		}
		if len(n) > len(best) {
			best = n
		}
	}
	return best, best != ""
}
