package dnssec

import (
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// nsec3 is a verified NSEC3 record: no hashed name lies between owner and next
// (RFC 5155, Section 3).
type nsec3 struct {
	owner, next string // hashes, not encoded
	types       types
	optOut      bool
	expires     time.Time
}

// hashParams say how names of a zone are hashed (RFC 5155, Section 5).
type hashParams struct {
	iterations uint16
	salt       string // not encoded
}

// nsec3s are NSEC3 records of one zone and one way of hashing.
type nsec3s struct {
	checker *checker
	zone    name
	params  hashParams
	all     []nsec3
	sorted  bool            // all is in the order of owners: remembered, not of one reply
	hashes  map[name]string // computed already
}

// add takes a verified record in. Records with unknown hash algorithms or flags
// are as if absent (RFC 5155, Section 8.1 and 8.2).
func (s *nsec3s) add(owner name, rr *dns.NSEC3, expires time.Time) *fault {
	if rr.Hash != dns.SHA1 || rr.Flags&^1 != 0 || owner.parent() != s.zone || owner == s.zone {
		return nil
	}
	if rr.Iterations > maxIterations {
		return &fault{
			overLimit, dns.ExtendedErrorCodeUnsupportedNSEC3IterValue,
			"zone " + s.zone.String() + " asks for more hashing (NSEC3 iterations) than anybody should do",
		}
	}
	if rr.Iterations > maxSecureIterations {
		return unsupportedf(dns.ExtendedErrorCodeUnsupportedNSEC3IterValue,
			"zone %s uses %d NSEC3 iterations: more than %d count as unsigned", s.zone, rr.Iterations, maxSecureIterations)
	}
	salt, err := hex.DecodeString(strings.TrimPrefix(rr.Salt, "-"))
	if err != nil || len(salt) > maxSalt {
		return nil
	}
	h, ok1 := decodeHash(string(owner[1 : 1+owner[0]]))
	next, ok2 := decodeHash(rr.NextDomain)
	if !ok1 || !ok2 {
		return nil
	}
	params := hashParams{rr.Iterations, string(salt)}
	if len(s.all) == 0 {
		s.params = params
	}
	if params != s.params {
		return nil // RFC 5155, Section 8.2: one proof, one way of hashing
	}
	s.all = append(s.all, nsec3{h, next, rr.TypeBitMap, rr.Flags&1 != 0, expires})
	return nil
}

// decodeHash reads base32hex in any case (RFC 5155, Section 3.3).
func decodeHash(s string) (string, bool) {
	b, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(s))
	return string(b), err == nil && len(b) == sha1.Size
}

// hash returns the hash of n (RFC 5155, Section 5).
func (s *nsec3s) hash(n name) (string, *fault) {
	if h, ok := s.hashes[n]; ok {
		return h, nil
	}
	if s.checker.budget.hashes--; s.checker.budget.hashes < 0 {
		return "", limitf("the answer needs more than %d NSEC3 hashes computed; zone %s", maxHashes, s.zone)
	}
	var buf [maxName + maxSalt]byte
	sum := sha1.Sum(append(append(buf[:0], n...), s.params.salt...))
	for range s.params.iterations {
		sum = sha1.Sum(append(append(buf[:0], sum[:]...), s.params.salt...))
	}
	if s.hashes == nil {
		s.hashes = make(map[name]string)
	}
	h := string(sum[:])
	s.hashes[n] = h
	return h, nil
}

func (s *nsec3s) match(n name) (*nsec3, *fault) {
	if len(s.all) == 0 {
		return nil, nil
	}
	h, f := s.hash(n)
	if f != nil {
		return nil, f
	}
	if s.sorted {
		if i, found := searchNSEC3(s.all, h); found {
			return s.fresh(i), nil
		}
		return nil, nil
	}
	for i := range s.all {
		if s.all[i].owner == h {
			return &s.all[i], nil
		}
	}
	return nil, nil
}

// fresh returns a remembered record unless its time is over.
func (s *nsec3s) fresh(i int) *nsec3 {
	if !s.checker.now.Before(s.all[i].expires) {
		return nil
	}
	return &s.all[i]
}

func (s *nsec3s) cover(n name) (*nsec3, *fault) {
	if len(s.all) == 0 {
		return nil, nil
	}
	h, f := s.hash(n)
	if f != nil {
		return nil, f
	}
	if s.sorted {
		i, _ := searchNSEC3(s.all, h)
		i = (i + len(s.all) - 1) % len(s.all) // before the first lies the end of the last
		if s.all[i].covers(h) {
			return s.fresh(i), nil
		}
		return nil, nil
	}
	for i := range s.all {
		if s.all[i].covers(h) {
			return &s.all[i], nil
		}
	}
	return nil, nil
}

// covers compares hashes. The last record of the chain wraps around, and in a
// chain of one record everything but its owner is covered.
func (r *nsec3) covers(h string) bool {
	if r.owner < r.next {
		return r.owner < h && h < r.next
	}
	return h > r.owner || h < r.next
}

// deny follows RFC 5155, Sections 8.4 to 8.7.
func (s *nsec3s) deny(n name, t uint16) (denied, bool, *fault) {
	if len(s.all) == 0 || !n.under(s.zone) {
		return denied{}, false, nil
	}
	m, f := s.match(n)
	if f != nil {
		return denied{}, false, f
	}
	if m != nil { // Section 8.5, and 8.6 for DS
		return denied{
			nxdomain:   m.types.has(dns.TypeNXNAME),
			delegation: m.types.atDelegation(),
			expires:    m.expires,
		}, m.types.lack(t, n), nil
	}
	encloser, closest, f := s.closestEncloser(n)
	if closest == nil || f != nil {
		return denied{}, false, f
	}
	next, f := s.cover(n.nextLabel(encloser))
	if next == nil || f != nil {
		return denied{}, false, f
	}
	out := denied{optOut: next.optOut, expires: earlier(closest.expires, next.expires)}
	if out.optOut && t == dns.TypeDS {
		return out, true, nil // Section 8.6: the delegation, if there is one, is unsigned
	}
	return s.denyWildcard(out, encloser, t)
}

// denyWildcard finishes a proof: what the wildcard at the closest encloser would
// have said (RFC 5155, Sections 8.4 and 8.7).
func (s *nsec3s) denyWildcard(out denied, encloser name, t uint16) (denied, bool, *fault) {
	wild, ok := encloser.wildcardOf()
	if !ok {
		out.nxdomain = true
		return out, true, nil
	}
	w, f := s.match(wild)
	if f != nil {
		return denied{}, false, f
	}
	if w != nil {
		out.expires = earlier(out.expires, w.expires)
		return out, w.types.lack(t, wild) && !w.types.atDelegation(), nil
	}
	if w, f = s.cover(wild); f != nil {
		return denied{}, false, f
	}
	if w != nil {
		out.expires = earlier(out.expires, w.expires)
		out.nxdomain = true
		return out, true, nil
	}
	// Names that exist only through unsigned delegations may have no NSEC3 of
	// their own (RFC 5155, Section 7.1, and erratum 3441).
	return out, out.optOut, nil
}

// closestEncloser finds the longest ancestor of n that provably exists (RFC
// 5155, Section 8.3).
func (s *nsec3s) closestEncloser(n name) (name, *nsec3, *fault) {
	for a := n; a != s.zone; {
		a = a.parent()
		m, f := s.match(a)
		if f != nil {
			return "", nil, f
		}
		if m == nil {
			continue
		}
		if m.types.hidesBelow() {
			return "", nil, nil
		}
		return a, m, nil
	}
	return "", nil, nil
}
