package dnssec

import (
	"encoding/base64"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// keySet is the proven keys of a zone.
type keySet struct {
	zone name
	keys []key
}

// budget is the work that one lookup may still cause.
type budget struct {
	signatures int
	work       int // what signatures cost; see work
	hashes     int
	fetches    int
}

func newBudget() budget {
	return budget{maxSignaturesPerLookup, maxWorkPerLookup, maxHashes, maxFetches}
}

// zoneBudget is that of the survey of one zone. It is not what is left of the
// lookup that needs it, for the outcome is remembered for others.
func zoneBudget() budget {
	return budget{maxSignaturesPerLookup, maxWorkPerZone, maxHashes, maxFetches}
}

// less returns what was spent of the budget if b is left.
func (whole budget) less(b budget) budget {
	return budget{whole.signatures - b.signatures, whole.work - b.work, whole.hashes - b.hashes, whole.fetches - b.fetches}
}

// spend takes the work of somebody else off the budget.
func (b *budget) spend(by budget) {
	*b = b.less(by)
}

// proof is what holds once a set is verified.
type proof struct {
	expires time.Time
	// encloser is set if the set was made from the wildcard below it: then the
	// reply must also prove that nothing closer exists (RFC 4035, Section 5.3.4).
	encloser name
}

// checker verifies signatures as of one time. It asks nobody anything.
type checker struct {
	now    time.Time
	skew   time.Duration
	budget *budget
}

// verify proves that the zone signed the set (RFC 4035, Section 5.3).
func (c *checker) verify(set *rrset, zone *keySet) (proof, *fault) {
	if len(set.sigs) == 0 {
		return proof{}, faultf(dns.ExtendedErrorCodeRRSIGsMissing,
			"%s has no signature, yet zone %s is signed", setName(set.owner, set.typ), zone.zone)
	}
	s := scratches.Get().(*scratch)
	defer func() {
		if cap(s.wire)+cap(s.signed) <= 64<<10 {
			scratches.Put(s)
		}
	}()
	var worst *fault
	left := maxSignaturesPerSet
	for _, sig := range set.sigs {
		if f := c.usable(set, sig, zone); f != nil {
			worst = closer(worst, f)
			continue
		}
		ok, f := c.verifyOne(s, &left, signedSet{set, sig, zone})
		if ok {
			return c.proven(set, sig), nil
		}
		worst = closer(worst, f)
		if f.verdict == overLimit {
			return proof{}, f
		}
	}
	return proof{}, worst
}

// usable reports what is wrong with a signature before any cryptography.
func (c *checker) usable(set *rrset, sig *dns.RRSIG, zone *keySet) *fault {
	what := func() string { return setName(set.owner, set.typ) }
	signer, ok := parseName(sig.SignerName)
	if !ok || signer != zone.zone || !set.owner.under(signer) {
		return faultf(dns.ExtendedErrorCodeRRSIGsMissing,
			"%s is signed by %s, which is not its zone %s", what(), resolver.CanonicalName(sig.SignerName), zone.zone)
	}
	if int(sig.Labels) > ownerLabels(set.owner) || int(sig.Labels) < signer.labels() {
		return faultf(dns.ExtendedErrorCodeDNSBogus,
			"the signature over %s counts %d labels, which cannot be; zone %s", what(), sig.Labels, zone.zone)
	}
	// RFC 4034, Section 3.1.5: serial number arithmetic, so 2038 and 2106 pass.
	now, skew := uint32(c.now.Unix()), int32(c.skew/time.Second)
	inception, expiration := c.date(sig.Inception), c.date(sig.Expiration)
	switch {
	case int32(sig.Expiration-sig.Inception) < 0:
		return faultf(dns.ExtendedErrorCodeSignatureExpiredBeforeValid,
			"the signature over %s expires before it begins; zone %s", what(), zone.zone)
	case int32(now-sig.Expiration) > skew:
		return faultf(dns.ExtendedErrorCodeSignatureExpired,
			"the signature over %s expired on %s; zone %s", what(), day(expiration, c.now), zone.zone)
	case int32(sig.Inception-now) > skew:
		return faultf(dns.ExtendedErrorCodeSignatureNotYetValid,
			"the signature over %s is not valid before %s; zone %s", what(), day(inception, c.now), zone.zone)
	}
	return nil
}

// date returns the time nearest to now that a 32-bit signature time can mean.
func (c *checker) date(t uint32) time.Time {
	return c.now.Add(time.Duration(int32(t-uint32(c.now.Unix()))) * time.Second).Truncate(time.Second)
}

type signedSet struct {
	set  *rrset
	sig  *dns.RRSIG
	zone *keySet
}

// verifyOne tries the keys that one signature can have been made with.
func (c *checker) verifyOne(s *scratch, left *int, in signedSet) (bool, *fault) {
	what := func() string { return setName(in.set.owner, in.set.typ) }
	raw, err := base64.StdEncoding.DecodeString(in.sig.Signature)
	if err != nil {
		return false, faultf(dns.ExtendedErrorCodeDNSBogus, "the signature over %s is not readable", what())
	}
	var data []byte
	tried := 0
	for i := range in.zone.keys {
		k := &in.zone.keys[i]
		if k.tag != in.sig.KeyTag || k.alg != in.sig.Algorithm || k.public == nil {
			continue
		}
		if tried++; tried > maxKeysPerTag {
			return false, limitf("zone %s has more than %d keys with tag %d", in.zone.zone, maxKeysPerTag, k.tag)
		}
		if *left--; *left < 0 {
			return false, limitf("none of %d signatures over %s holds; zone %s", maxSignaturesPerSet, what(), in.zone.zone)
		}
		c.budget.signatures--
		c.budget.work -= k.work
		if c.budget.signatures < 0 {
			return false, limitf("the answer needs more than %d signatures checked", maxSignaturesPerLookup)
		}
		if c.budget.work < 0 {
			return false, limitf("the answer needs too many signatures checked whose algorithm or key is slow")
		}
		if data == nil {
			var ok bool
			if data, ok = s.signedData(in.set, in.sig, in.zone.zone); !ok {
				return false, faultf(dns.ExtendedErrorCodeDNSBogus, "%s cannot be brought into canonical form", what())
			}
		}
		if k.verify(k.alg, data, raw) {
			return true, nil
		}
	}
	if tried == 0 {
		return false, faultf(dns.ExtendedErrorCodeDNSKEYMissing,
			"%s is signed with key %d, which zone %s does not have", what(), in.sig.KeyTag, in.zone.zone)
	}
	return false, faultf(dns.ExtendedErrorCodeDNSBogus,
		"the signature over %s by key %d does not match the records; zone %s", what(), in.sig.KeyTag, in.zone.zone)
}

// proven bounds how long a verified set may be kept (RFC 4035, Section 5.3.3).
func (c *checker) proven(set *rrset, sig *dns.RRSIG) proof {
	keep := min(seconds(set.ttl()), seconds(sig.OrigTtl), maxTTL)
	keep = min(keep, max(c.date(sig.Expiration).Sub(c.now), 0))
	p := proof{expires: c.now.Add(keep)}
	if int(sig.Labels) < ownerLabels(set.owner) {
		p.encloser = set.owner.ancestor(int(sig.Labels))
	}
	return p
}
