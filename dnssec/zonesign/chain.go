package zonesign

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// typesAt lists the types for the bitmap at n, those of the denial included.
func (s *Signed) typesAt(n string, extra ...uint16) []uint16 {
	cut, below := s.cutAbove(n)
	var ts []uint16
	for key := range s.sets {
		if key.owner == n && (!below || n == cut && (key.typ == dns.TypeNS || key.typ == dns.TypeDS)) {
			ts = append(ts, key.typ)
		}
	}
	ts = append(ts, extra...)
	slices.Sort(ts)
	return slices.Compact(ts)
}

// owned are the names that get an NSEC or NSEC3 record.
func (s *Signed) owned() []string {
	var out []string
	for _, n := range s.names {
		if cut, below := s.cutAbove(n); !below || n == cut {
			out = append(out, n)
		}
	}
	return out
}

func (s *Signed) header(n string, t uint16) dns.RR_Header {
	// RFC 9077: denials last as long as the SOA record says.
	soa := s.sets[setKey{s.origin, dns.TypeSOA}][0].(*dns.SOA)
	return dns.RR_Header{Name: n, Rrtype: t, Class: dns.ClassINET, Ttl: min(soa.Hdr.Ttl, soa.Minttl)}
}

func (s *Signed) makeNSEC() {
	names := s.owned()
	for i, n := range names {
		s.Add(&dns.NSEC{
			Hdr:        s.header(n, dns.TypeNSEC),
			NextDomain: names[(i+1)%len(names)],
			TypeBitMap: s.typesAt(n, dns.TypeNSEC, dns.TypeRRSIG),
		})
	}
}

func (s *Signed) makeNSEC3() {
	s.Add(&dns.NSEC3PARAM{
		Hdr:  dns.RR_Header{Name: s.origin, Rrtype: dns.TypeNSEC3PARAM, Class: dns.ClassINET},
		Hash: dns.SHA1, Iterations: s.Iterations, SaltLength: uint8(len(s.Salt) / 2), Salt: s.Salt,
	})
	var flags uint8
	if s.Denial == OptOut {
		flags = 1
	}
	names := make(map[string]bool)
	for _, n := range s.owned() {
		_, cut := s.cutAbove(n)
		if s.Denial == OptOut && cut && s.sets[setKey{n, dns.TypeDS}] == nil {
			continue
		}
		for ; n != s.origin; n = parent(n) {
			names[n] = true
		}
	}
	names[s.origin] = true
	var hashes []string
	byHash := make(map[string]string)
	for n := range names {
		h := s.Hash(n)
		hashes = append(hashes, h)
		byHash[h] = n
	}
	slices.Sort(hashes)
	for i, h := range hashes {
		ts := s.typesAt(byHash[h])
		if cut, below := s.cutAbove(byHash[h]); len(ts) > 0 && (!below || s.sets[setKey{cut, dns.TypeDS}] != nil) {
			ts = append(ts, dns.TypeRRSIG)
			slices.Sort(ts)
		}
		s.Add(&dns.NSEC3{
			Hdr:  s.header(strings.ToLower(h)+"."+strings.TrimPrefix(s.origin, "."), dns.TypeNSEC3),
			Hash: dns.SHA1, Flags: flags, Iterations: s.Iterations, SaltLength: uint8(len(s.Salt) / 2), Salt: s.Salt,
			HashLength: 20, NextDomain: hashes[(i+1)%len(hashes)], TypeBitMap: ts,
		})
	}
}

// Hash returns the NSEC3 hash of a name of the zone.
func (s *Signed) Hash(n string) string {
	return dns.HashName(dns.CanonicalName(n), dns.SHA1, s.Iterations, s.Salt)
}
