package dnssec

import "github.com/miekg/dns"

// usableDS returns the DS records that can lead to a key: algorithm and digest
// are supported, and SHA-1 digests only where nothing better is there (RFC
// 4509, Section 3). The fault says why there are none.
func (v *Validator) usableDS(zone name, all []*dns.DS) ([]*dns.DS, *fault) {
	var strong, weak []*dns.DS
	algorithm := false
	for _, ds := range all {
		if !v.supported(ds.Algorithm) {
			continue
		}
		algorithm = true
		switch {
		case !digestSupported(ds.DigestType):
		case ds.DigestType == dns.SHA1:
			weak = append(weak, ds)
		default:
			strong = append(strong, ds)
		}
	}
	switch {
	case len(strong) > 0:
		return strong, nil
	case len(weak) > 0:
		return weak, nil
	case algorithm:
		return nil, unsupportedf(dns.ExtendedErrorCodeUnsupportedDSDigestType,
			"zone %s is signed, but its DS records use digest types that are not supported", zone)
	}
	// RFC 4035, Section 5.2: then the zone counts as unsigned.
	return nil, unsupportedf(dns.ExtendedErrorCodeUnsupportedDNSKEYAlgorithm,
		"zone %s is signed, but only with algorithms that are not supported", zone)
}

// acceptKeys proves the DNSKEY RRset of a zone by its DS records (RFC 4035,
// Section 5.2): one key that a DS matches has signed the set. If anchored, the DS records are
// the trust anchors.
func (v *Validator) acceptKeys(c *checker, ds []*dns.DS, set *rrset, anchored bool) (*keySet, proof, *fault) {
	zone := set.owner
	if len(set.rrs) > maxKeys {
		return nil, proof{}, limitf("zone %s has more than %d keys", zone, maxKeys)
	}
	all := zoneKeys(set.rrs)
	entry := &keySet{zone: zone}
	failures, matched := 0, 0
	for i := range all {
		k := &all[i]
		ok, f := matchDS(zone, ds, k, &failures)
		if f != nil {
			return nil, proof{}, f
		}
		if ok {
			matched++
			if k.public != nil {
				entry.keys = append(entry.keys, *k)
			}
		}
	}
	switch {
	case matched == 0 && anchored:
		return nil, proof{}, faultf(dns.ExtendedErrorCodeDNSKEYMissing, "no key of zone %s matches its trust anchors", zone)
	case matched == 0:
		return nil, proof{}, faultf(dns.ExtendedErrorCodeDNSKEYMissing,
			"no key of zone %s matches its DS records in the parent zone", zone)
	case len(entry.keys) == 0:
		return nil, proof{}, unsupportedf(dns.ExtendedErrorCodeUnsupportedDNSKEYAlgorithm,
			"the keys of zone %s that its DS records name have a size or form that is not supported", zone)
	}
	p, f := c.verify(set, entry)
	if f != nil {
		return nil, proof{}, f
	}
	proven := &keySet{zone: zone}
	for _, k := range all {
		if v.supported(k.alg) && k.public != nil {
			proven.keys = append(proven.keys, k)
		}
	}
	return proven, p, nil
}

// matchDS reports whether a DS record is the digest of k, and counts those that
// name it by tag and algorithm and are not.
func matchDS(zone name, ds []*dns.DS, k *key, failures *int) (bool, *fault) {
	for _, d := range ds {
		if d.KeyTag != k.tag || d.Algorithm != k.alg {
			continue
		}
		if dsMatches(zone, d, k.rr) {
			return true, nil
		}
		if *failures++; *failures > maxDSFailures {
			return false, limitf("more than %d DS records of zone %s name its keys and do not match", maxDSFailures, zone)
		}
	}
	return false, nil
}
