package dnssec

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/miekg/dns"
)

// scratch is the memory in which one RRset is brought into canonical form.
type scratch struct {
	msg    dns.Msg
	wire   []byte // the records as a message, not compressed
	rdatas [][]byte
	signed []byte // what the signature was made over
}

var scratches = sync.Pool{New: func() any { return &scratch{wire: make([]byte, 4096)} }}

// rdataNames tells where in the RDATA of a type domain names lie that the
// canonical form has in lower case (RFC 4034, Section 6.2, without NSEC as
// RFC 6840, Section 5.1 says): from an offset up to a distance from the end.
func rdataNames(t uint16, rdata []byte) (from, to int) {
	end := len(rdata)
	switch t {
	case dns.TypeNS, dns.TypeMD, dns.TypeMF, dns.TypeCNAME, dns.TypeMB, dns.TypeMG, dns.TypeMR,
		dns.TypePTR, dns.TypeDNAME, dns.TypeMINFO, dns.TypeRP:
		return 0, end
	case dns.TypeMX, dns.TypeAFSDB, dns.TypeRT, dns.TypeKX, dns.TypePX:
		return min(2, end), end
	case dns.TypeSRV:
		return min(6, end), end
	case dns.TypeSOA:
		return 0, max(end-20, 0)
	case dns.TypeSIG, dns.TypeRRSIG:
		return min(18, end), nameEnd(rdata, 18)
	case dns.TypeNAPTR:
		off := 4
		for range 3 {
			if off < end {
				off += 1 + int(rdata[off])
			}
		}
		return min(off, end), end
	}
	return 0, 0
}

// nameEnd returns the offset behind the uncompressed name at off.
func nameEnd(b []byte, off int) int {
	for off < len(b) && b[off] != 0 {
		off += 1 + int(b[off])
	}
	return min(off+1, len(b))
}

// signedData returns the octets that sig was made over: its own RDATA without
// the signature, then the set in canonical form and order (RFC 4034, Sections
// 3.1.8.1 and 6.3). The result lives in s.
func (s *scratch) signedData(set *rrset, sig *dns.RRSIG, signer name) ([]byte, bool) {
	if !s.packSet(set) {
		return nil, false
	}
	out := s.signed[:0]
	out = binary.BigEndian.AppendUint16(out, sig.TypeCovered)
	out = append(out, sig.Algorithm, sig.Labels)
	out = binary.BigEndian.AppendUint32(out, sig.OrigTtl)
	out = binary.BigEndian.AppendUint32(out, sig.Expiration)
	out = binary.BigEndian.AppendUint32(out, sig.Inception)
	out = binary.BigEndian.AppendUint16(out, sig.KeyTag)
	out = append(out, signer...)

	owner := set.owner
	if labels := ownerLabels(owner); int(sig.Labels) < labels {
		owner, _ = owner.ancestor(int(sig.Labels)).wildcardOf()
	}
	for i, rdata := range s.rdatas {
		if i > 0 && bytes.Equal(rdata, s.rdatas[i-1]) {
			continue // RFC 4034, Section 6.3: duplicates count once
		}
		out = append(out, owner...)
		out = binary.BigEndian.AppendUint16(out, set.typ)
		out = binary.BigEndian.AppendUint16(out, dns.ClassINET)
		out = binary.BigEndian.AppendUint32(out, sig.OrigTtl)
		out = binary.BigEndian.AppendUint16(out, uint16(len(rdata)))
		out = append(out, rdata...)
	}
	s.signed = out
	return out, true
}

// packSet fills s.rdatas with the canonical RDATA of the set, sorted. It packs a
// whole message because dns.PackRR writes into the record, which others read.
func (s *scratch) packSet(set *rrset) bool {
	s.rdatas = s.rdatas[:0]
	s.msg.Answer = set.rrs
	wire, err := s.msg.PackBuffer(s.wire[:cap(s.wire)])
	s.msg.Answer = nil
	if err != nil {
		return false
	}
	s.wire = wire
	for off := messageHeader; off < len(wire); {
		start := nameEnd(wire, off) + 10 // type, class, TTL, length
		if start > len(wire) {
			return false
		}
		end := start + int(binary.BigEndian.Uint16(wire[start-2:]))
		if end > len(wire) {
			return false
		}
		rdata := wire[start:end:end]
		from, to := rdataNames(set.typ, rdata)
		if from < to {
			lower(rdata[from:to])
		}
		s.rdatas = append(s.rdatas, rdata)
		off = end
	}
	slices.SortFunc(s.rdatas, bytes.Compare)
	return true
}

const messageHeader = 12 // bytes; RFC 1035, Section 4.1.1

// ownerLabels counts labels as the Labels field does: an asterisk in front does
// not count (RFC 4034, Section 3.1.3).
func ownerLabels(n name) int {
	if n.isWildcard() {
		return n.labels() - 1
	}
	return n.labels()
}
