package dnssec

import (
	"slices"

	"github.com/miekg/dns"
)

// revoked returns the keys with the REVOKE flag that signed the set themselves
// (RFC 5011, Section 2.1).
func (o *observation) revoked() map[string]bool {
	out := make(map[string]bool)
	for _, rr := range o.set.rrs {
		k, ok := rr.(*dns.DNSKEY)
		if !ok || k.Flags&dns.REVOKE == 0 || k.Flags&dns.ZONE == 0 || k.Protocol != 3 || len(out) == maxKeysPerTag {
			continue
		}
		own := &keySet{zone: o.zone, keys: []key{{tag: k.KeyTag(), alg: k.Algorithm, public: parsePublic(k), rr: k}}}
		if _, f := o.verify(o.set, own); f == nil {
			out[plainKey(k)] = true
		}
	}
	return out
}

// revokedBy reports whether a key that is followed, or configured, revokes itself.
// Anybody can revoke a key of his own, which says nothing.
func (t *Tracker) revokedBy(o *observation) bool {
	for _, k := range t.Keys {
		if k.State != Revoked && o.selfSign[k.Key] {
			return true
		}
	}
	for line := range o.selfSign {
		rr, err := dns.NewRR(line)
		if k, ok := rr.(*dns.DNSKEY); err == nil && ok && slices.ContainsFunc(t.DS, o.names(k)) {
			return true
		}
	}
	return false
}

// names returns whether a DS record, in zone format, is that of a key. There may be a
// digest of each type for one key.
func (o *observation) names(k *dns.DNSKEY) func(d string) bool {
	return func(d string) bool {
		rr, err := dns.NewRR(d)
		ds, ok := rr.(*dns.DS)
		return err == nil && ok && dsMatches(o.zone, ds, k)
	}
}

// plainKey writes a key as it was before it was revoked: the flag changes the
// tag but not the key.
func plainKey(k *dns.DNSKEY) string {
	c := dns.Copy(k).(*dns.DNSKEY)
	c.Flags &^= dns.REVOKE
	c.Hdr.Ttl = 0
	c.Hdr.Name = dns.CanonicalName(c.Hdr.Name)
	return c.String()
}
