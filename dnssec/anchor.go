package dnssec

import (
	"bufio"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Anchors are the keys that are trusted without proof, as DS records by zone
// (RFC 4033, Section 2).
type Anchors struct {
	zones map[name][]*dns.DS
}

// rootAnchors are the key signing keys of the root zone that IANA publishes:
// the one of 2017 and the one of 2024 that succeeds it.
const rootAnchors = `. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16`

// RootAnchors returns the built-in keys of the root zone.
func RootAnchors() *Anchors {
	a, err := ParseAnchors(strings.NewReader(rootAnchors))
	if err != nil {
		panic(err)
	}
	return a
}

// ParseAnchors reads DS and DNSKEY records in zone format. Records of other
// types, and keys that cannot be anchors (revoked, without the Zone Key flag),
// are errors. No records at all give an empty set: then nothing is proven.
func ParseAnchors(r io.Reader) (*Anchors, error) {
	a := &Anchors{zones: make(map[name][]*dns.DS)}
	p := dns.NewZoneParser(bufio.NewReader(r), ".", "")
	p.SetDefaultTTL(0)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if err := a.add(rr); err != nil {
			return nil, err
		}
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("dnssec: trust anchors: %w", err)
	}
	return a, nil
}

func (a *Anchors) add(rr dns.RR) error {
	zone, ok := parseName(rr.Header().Name)
	if !ok {
		return fmt.Errorf("dnssec: trust anchor %q: not a domain name", rr.Header().Name)
	}
	if rr.Header().Class != dns.ClassINET {
		return fmt.Errorf("dnssec: trust anchor %s: class %s, not IN", zone, dns.Class(rr.Header().Class))
	}
	switch rr := rr.(type) {
	case *dns.DS:
		if !wholeDigest(rr) {
			return fmt.Errorf("dnssec: trust anchor %s DS %d: %q is no digest of type %d", zone, rr.KeyTag, rr.Digest, rr.DigestType)
		}
		a.zones[zone] = append(a.zones[zone], rr)
	case *dns.DNSKEY:
		ds := rr.ToDS(dns.SHA256)
		if rr.Flags&dns.ZONE == 0 || rr.Flags&dns.REVOKE != 0 || rr.Protocol != 3 || ds == nil {
			return fmt.Errorf("dnssec: trust anchor %s DNSKEY %d: revoked, or not a zone key", zone, rr.KeyTag())
		}
		a.zones[zone] = append(a.zones[zone], ds)
	default:
		return fmt.Errorf("dnssec: trust anchor %s: %s is neither DS nor DNSKEY",
			zone, dns.Type(rr.Header().Rrtype))
	}
	return nil
}

// wholeDigest reports whether the digest can be one of its type. One that was cut
// off in copying would make all that is below bogus.
func wholeDigest(ds *dns.DS) bool {
	digest, err := hex.DecodeString(ds.Digest)
	size := len(digest)
	switch ds.DigestType {
	case dns.SHA1:
		size = sha1.Size
	case dns.SHA256:
		size = sha256.Size
	case dns.SHA384:
		size = sha512.Size384
	}
	return err == nil && len(digest) == size
}

// Zones returns the zones that have an anchor, sorted.
func (a *Anchors) Zones() []string {
	var zones []string
	for z := range a.zones {
		zones = append(zones, z.String())
	}
	slices.Sort(zones)
	return zones
}

// Records returns the anchors as DS records in zone format, sorted.
func (a *Anchors) Records() []string {
	var lines []string
	for _, all := range a.zones {
		for _, ds := range all {
			lines = append(lines, ds.String())
		}
	}
	slices.Sort(lines)
	return lines
}

// closest returns the deepest zone with an anchor at or above n.
func (a *Anchors) closest(n name) (name, bool) {
	if len(a.zones) == 0 {
		return "", false
	}
	for {
		if _, ok := a.zones[n]; ok {
			return n, true
		}
		if n == root {
			return "", false
		}
		n = n.parent()
	}
}

// NTA is a negative trust anchor (RFC 7646): a zone whose proofs are known to be
// broken and that counts as insecure for a while.
type NTA struct {
	Zone string
	// Expires ends it; the zero time never does. RFC 7646, Section 2 wants an
	// end within a week.
	Expires time.Time
	Reason  string // for people; may be empty
}

// nta returns the negative trust anchor that rules n, the deepest.
func (v *Validator) nta(n name, now time.Time) (*NTA, name) {
	var best *NTA
	var zone name
	for i := range v.NTAs {
		t := &v.NTAs[i]
		z, ok := parseName(t.Zone)
		if !ok || !n.under(z) || !t.Expires.IsZero() && !now.Before(t.Expires) {
			continue
		}
		if best == nil || len(z) > len(zone) {
			best, zone = t, z
		}
	}
	return best, zone
}
