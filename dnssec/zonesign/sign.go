// Package zonesign signs zone text for tests and for the lab (RFC 4035, Section
// 2; RFC 5155, Section 7.1), breaks what it signed on demand, and answers from
// it as an authoritative server does. It signs with the code of miekg/dns, not
// with that of package dnssec, so that the two check each other. It is no
// signer for zones that are published: keys lie in memory and nothing rolls.
package zonesign

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Denial is how a zone proves what it does not have.
type Denial uint8

// The kinds of denial. Unsigned zones have no keys.
const (
	NSEC Denial = iota
	NSEC3
	OptOut // NSEC3 without records for unsigned delegations
)

// Zone says what to sign and how.
type Zone struct {
	Origin string
	// Text is the zone in the format of RFC 1035, Section 5, without DNSSEC
	// records other than DS. An SOA record is added if it has none.
	Text string
	// Keys sign the zone; none leaves it unsigned. If some have the SEP flag,
	// those sign the keys and the others the rest; otherwise all sign all.
	Keys       []*Key
	Denial     Denial
	Iterations uint16
	Salt       string // hexadecimal
	// Inception and Expiration of all signatures. They must be set.
	Inception, Expiration time.Time
}

// Signed is a zone in memory. Its methods that break it are not for concurrent
// use with those that answer.
type Signed struct {
	Zone
	origin string
	sets   map[setKey][]dns.RR
	sigs   map[setKey][]*dns.RRSIG
	names  []string            // that have records, NSEC3 names not among them, in canonical order
	hashed []string            // owner names of the NSEC3 records, sorted
	exists map[string]struct{} // names and empty non-terminals
}

type setKey struct {
	owner string
	typ   uint16
}

// Sign reads and signs a zone.
func Sign(z Zone) (*Signed, error) {
	s := &Signed{Zone: z, origin: dns.CanonicalName(z.Origin)}
	s.sets = make(map[setKey][]dns.RR)
	s.sigs = make(map[setKey][]*dns.RRSIG)
	if err := s.read(); err != nil {
		return nil, err
	}
	for _, k := range z.Keys {
		s.Add(dns.Copy(k.DNSKEY))
	}
	s.index()
	if len(z.Keys) > 0 {
		if z.Denial == NSEC {
			s.makeNSEC()
		} else {
			s.makeNSEC3()
		}
		s.index()
		for key := range s.sets {
			if err := s.sign(key, z.Inception, z.Expiration); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// MustSign is Sign for tests: it panics on an error in the text.
func MustSign(z Zone) *Signed {
	s, err := Sign(z)
	if err != nil {
		panic(err)
	}
	return s
}

func (s *Signed) read() error {
	p := dns.NewZoneParser(strings.NewReader(s.Text), s.origin, "")
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if !dns.IsSubDomain(s.origin, dns.CanonicalName(rr.Header().Name)) {
			return fmt.Errorf("zonesign: %s is outside of %s", rr.Header().Name, s.origin)
		}
		s.Add(rr)
	}
	if err := p.Err(); err != nil {
		return fmt.Errorf("zonesign: %w", err)
	}
	if s.sets[setKey{s.origin, dns.TypeSOA}] == nil {
		soa, err := dns.NewRR(s.origin + " 3600 IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 300")
		if err != nil {
			return err
		}
		s.Add(soa)
	}
	return nil
}

// Add puts a record into the zone without signing it again.
func (s *Signed) Add(rr dns.RR) {
	key := setKey{dns.CanonicalName(rr.Header().Name), rr.Header().Rrtype}
	s.sets[key] = append(s.sets[key], rr)
}

// index notes which names there are.
func (s *Signed) index() {
	s.names, s.hashed = nil, nil
	s.exists = map[string]struct{}{s.origin: {}}
	seen := make(map[string]bool)
	for key := range s.sets {
		if seen[key.owner] {
			continue
		}
		seen[key.owner] = true
		if s.sets[setKey{key.owner, dns.TypeNSEC3}] != nil {
			s.hashed = append(s.hashed, key.owner)
			continue
		}
		s.names = append(s.names, key.owner)
		for n := key.owner; n != s.origin; n = parent(n) {
			s.exists[n] = struct{}{}
		}
	}
	slices.SortFunc(s.names, compare)
	slices.Sort(s.hashed)
}

func parent(n string) string {
	i, end := dns.NextLabel(n, 0)
	if end {
		return "."
	}
	return n[i:]
}

// compare is the canonical order of RFC 4034, Section 6.1 for the plain names
// that tests use.
func compare(a, b string) int {
	as, bs := dns.SplitDomainName(a), dns.SplitDomainName(b)
	slices.Reverse(as)
	slices.Reverse(bs)
	return slices.Compare(as, bs)
}

// cutAbove returns the delegation at or above n, not the apex.
func (s *Signed) cutAbove(n string) (string, bool) {
	cut, found := "", false
	for ; n != s.origin; n = parent(n) {
		if s.sets[setKey{n, dns.TypeNS}] != nil {
			cut, found = n, true
		}
	}
	return cut, found
}

// authoritative reports whether a set is the zone's own, so that it is signed:
// not NS at a cut, nor anything below one (RFC 4035, Section 2.2).
func (s *Signed) authoritative(key setKey) bool {
	cut, below := s.cutAbove(key.owner)
	if !below {
		return true
	}
	return key.owner == cut && (key.typ == dns.TypeDS || key.typ == dns.TypeNSEC)
}

// sign replaces the signatures over a set.
func (s *Signed) sign(key setKey, inception, expiration time.Time) error {
	delete(s.sigs, key)
	if !s.authoritative(key) {
		return nil
	}
	for _, k := range s.signers(key.typ) {
		if err := s.signWith(k, key, inception, expiration); err != nil {
			return err
		}
	}
	return nil
}

func (s *Signed) signWith(k *Key, key setKey, inception, expiration time.Time) error {
	sig := &dns.RRSIG{
		Hdr:        dns.RR_Header{Name: key.owner, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: s.sets[key][0].Header().Ttl},
		Inception:  uint32(inception.Unix()),
		Expiration: uint32(expiration.Unix()),
		KeyTag:     k.DNSKEY.KeyTag(),
		SignerName: s.origin,
		Algorithm:  k.DNSKEY.Algorithm,
	}
	if err := sig.Sign(k.Signer, s.sets[key]); err != nil {
		return fmt.Errorf("zonesign: %s %s: %w", key.owner, dns.Type(key.typ), err)
	}
	s.sigs[key] = append(s.sigs[key], sig)
	return nil
}

// signers picks the keys for a type.
func (s *Signed) signers(t uint16) []*Key {
	var sep, plain []*Key
	for _, k := range s.Keys {
		if k.Signer == nil {
			continue
		}
		if k.DNSKEY.Flags&dns.SEP != 0 {
			sep = append(sep, k)
		} else {
			plain = append(plain, k)
		}
	}
	switch {
	case len(plain) == 0:
		return sep
	case len(sep) == 0:
		return plain
	case t == dns.TypeDNSKEY:
		return sep
	}
	return plain
}

// DS returns the DS records for the parent zone: of the keys with the SEP flag,
// or of all, as text.
func (s *Signed) DS() string {
	var b strings.Builder
	for _, k := range s.signers(dns.TypeDNSKEY) {
		b.WriteString(k.DS(dns.SHA256).String() + "\n")
	}
	return b.String()
}
