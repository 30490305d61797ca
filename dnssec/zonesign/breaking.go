package zonesign

import (
	"encoding/base64"
	"time"

	"github.com/miekg/dns"
)

func keyOf(owner string, t uint16) setKey { return setKey{dns.CanonicalName(owner), t} }

// Records returns the set at owner; it is the zone's own.
func (s *Signed) Records(owner string, t uint16) []dns.RR { return s.sets[keyOf(owner, t)] }

// Signatures returns the signatures over a set; they are the zone's own.
func (s *Signed) Signatures(owner string, t uint16) []*dns.RRSIG { return s.sigs[keyOf(owner, t)] }

// SetSignatures replaces the signatures over a set.
func (s *Signed) SetSignatures(owner string, t uint16, sigs []*dns.RRSIG) {
	s.sigs[keyOf(owner, t)] = sigs
}

// Resign signs a set again with other times.
func (s *Signed) Resign(owner string, t uint16, inception, expiration time.Time) error {
	return s.sign(keyOf(owner, t), inception, expiration)
}

// ResignAs signs a set again with a key that need not be the zone's.
func (s *Signed) ResignAs(k *Key, owner string, t uint16) error {
	delete(s.sigs, keyOf(owner, t))
	return s.signWith(k, keyOf(owner, t), s.Inception, s.Expiration)
}

// Corrupt flips a bit of each signature over a set.
func (s *Signed) Corrupt(owner string, t uint16) {
	for _, sig := range s.sigs[keyOf(owner, t)] {
		b, err := base64.StdEncoding.DecodeString(sig.Signature)
		if err != nil {
			continue
		}
		b[len(b)/2] ^= 1
		sig.Signature = base64.StdEncoding.EncodeToString(b)
	}
}

// Strip drops the signatures over a set.
func (s *Signed) Strip(owner string, t uint16) { delete(s.sigs, keyOf(owner, t)) }

// StripAll drops every signature of the zone.
func (s *Signed) StripAll() { clear(s.sigs) }

// Swap exchanges the signatures over the sets of one type at two names.
func (s *Signed) Swap(a, b string, t uint16) {
	ka, kb := keyOf(a, t), keyOf(b, t)
	s.sigs[ka], s.sigs[kb] = s.sigs[kb], s.sigs[ka]
}

// Remove drops a set and its signatures; the denials go on naming it.
func (s *Signed) Remove(owner string, t uint16) {
	delete(s.sets, keyOf(owner, t))
	delete(s.sigs, keyOf(owner, t))
	s.index()
}

// Replace puts other records in the place of a set and keeps its signatures.
func (s *Signed) Replace(owner string, t uint16, rrs ...dns.RR) {
	s.sets[keyOf(owner, t)] = rrs
	s.index()
}

// AddSigned adds a record and signs its set again.
func (s *Signed) AddSigned(rr dns.RR) error {
	s.Add(rr)
	s.index()
	return s.sign(keyOf(rr.Header().Name, rr.Header().Rrtype), s.Inception, s.Expiration)
}

// Lines returns the whole zone with its signatures in zone format.
func (s *Signed) Lines() []string {
	var out []string
	for _, n := range append(append([]string{}, s.names...), s.hashed...) {
		for key, rrs := range s.sets {
			if key.owner != n {
				continue
			}
			for _, rr := range rrs {
				out = append(out, rr.String())
			}
			for _, sig := range s.sigs[key] {
				out = append(out, sig.String())
			}
		}
	}
	return out
}
