package dnssec

import (
	"context"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// positive takes the records of the type asked at n, if the reply has them.
func (l *lookup) positive(ctx context.Context, n name, answer sets) (bool, error) {
	if l.typ == dns.TypeANY {
		return l.any(ctx, n, answer)
	}
	set := answer.records(n, l.typ)
	if set == nil {
		return false, nil
	}
	return true, l.accept(ctx, set)
}

// any takes every set at n: which of them the server chose to show cannot be
// proven (RFC 8482).
func (l *lookup) any(ctx context.Context, n name, answer sets) (bool, error) {
	found := false
	for i := range answer {
		if answer[i].owner == n && len(answer[i].rrs) > 0 {
			found = true
			if err := l.accept(ctx, &answer[i]); err != nil {
				return true, err
			}
		}
	}
	return found, nil
}

// alias takes the CNAME or DNAME record that leads on from n.
func (l *lookup) alias(ctx context.Context, n name, answer sets) (name, bool, error) {
	for i := range answer {
		set := &answer[i]
		if set.typ != dns.TypeDNAME || len(set.rrs) == 0 || set.owner == n || !n.under(set.owner) {
			continue
		}
		if top, ok := l.v.anchors.closest(n); ok && len(set.owner) < len(top) {
			continue // it may be unsigned there, and would lead out of a zone that is trusted
		}
		return l.dname(ctx, n, set)
	}
	set := answer.records(n, dns.TypeCNAME)
	if set == nil {
		return "", false, nil
	}
	c, isCNAME := set.rrs[0].(*dns.CNAME)
	if !isCNAME || len(set.rrs) != 1 { // RFC 2181, Section 10.1
		return "", false, l.bogus(faultf(dns.ExtendedErrorCodeInvalidData, "%s has several CNAME records", n))
	}
	target, ok := parseName(c.Target)
	if !ok {
		return "", false, l.bogus(faultf(dns.ExtendedErrorCodeInvalidData, "%s is an alias of an invalid name", n))
	}
	return target, true, l.accept(ctx, set)
}

// dname follows a DNAME record. The CNAME that servers add for old clients is
// not signed and is made here instead (RFC 6672, Section 5.3.1).
func (l *lookup) dname(ctx context.Context, n name, set *rrset) (name, bool, error) {
	d, isDNAME := set.rrs[0].(*dns.DNAME)
	if !isDNAME || len(set.rrs) != 1 {
		return "", false, l.bogus(faultf(dns.ExtendedErrorCodeInvalidData, "%s has several DNAME records", set.owner))
	}
	to, ok := parseName(d.Target)
	if !ok || len(n)-len(set.owner)+len(to) > maxName {
		return "", false, l.bogus(faultf(dns.ExtendedErrorCodeInvalidData,
			"%s below the DNAME record of %s leads to an invalid name", n, set.owner))
	}
	target := n[:len(n)-len(set.owner)] + to
	if err := l.accept(ctx, set); err != nil {
		return "", false, err
	}
	l.records = append(l.records, &dns.CNAME{
		Hdr:    dns.RR_Header{Name: dns.Fqdn(n.String()), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl},
		Target: dns.Fqdn(target.String()),
	})
	return target, true, nil
}

// accept judges one set of the answer section and takes it into the answer.
func (l *lookup) accept(ctx context.Context, set *rrset) error {
	owner := set.owner
	if set.typ == dns.TypeDS && owner != root {
		owner = owner.parent() // RFC 4035, Section 3.1.4.1: DS belongs to the parent
	}
	target, signed := set.signer()
	if !signed {
		target = owner
	}
	c, err := l.zone(ctx, owner, target, signed)
	if err != nil {
		return err
	}
	expires := l.now.Add(min(seconds(set.ttl()), maxTTL))
	switch {
	case c == nil:
		l.part(nil, resolver.Indeterminate, l.noAnchor(owner), expires)
	case c.kind == signedZone:
		if err := l.prove(set, c); err != nil {
			return err
		}
	default:
		l.part(c, c.status(), c.fault, earlier(expires, cutEnd(c, expires)))
	}
	l.records = append(l.records, set.rrs...)
	l.keepSignatures(set)
	return nil
}

// cutEnd is when the status of an unsigned zone ends; one that was never
// proven, or set by hand without an end, does not shorten the answer.
func cutEnd(c *cut, fallback time.Time) time.Time {
	if c.expires.IsZero() {
		return fallback
	}
	return c.expires
}

// zone is zoneOf with errors that name the question, and with bogus zones as
// errors.
func (l *lookup) zone(ctx context.Context, owner, target name, signed bool) (*cut, error) {
	c, err := l.zoneOf(ctx, owner, target, signed)
	switch {
	case err != nil:
		return nil, l.named(err)
	case c != nil && c.kind == bogusZone:
		l.zones = append(l.zones, c)
		return nil, l.bogus(c.fault)
	}
	return c, nil
}

func (l *lookup) noAnchor(n name) *fault {
	return &fault{bogus, dns.ExtendedErrorCodeDNSSECIndeterminate, "no trust anchor is configured above " + n.String()}
}

// prove verifies a set of a signed zone, and where it came from a wildcard,
// that it had to.
func (l *lookup) prove(set *rrset, c *cut) error {
	l.zones = append(l.zones, c)
	p, f := l.verify(set, c.keys)
	if f != nil {
		return l.bogus(f)
	}
	var d denied
	if p.encloser != "" {
		if d, f = l.noCloser(set.owner, p.encloser, c); f != nil && f.verdict != unsupported {
			return l.bogus(f)
		}
		if f == nil {
			p.expires = earlier(p.expires, d.expires)
			l.keepDenials(c)
		}
	}
	switch {
	case f != nil:
		l.part(c, resolver.Insecure, f, p.expires)
	case d.optOut:
		l.part(c, resolver.Insecure, optOutFault(set.owner, c), p.expires)
	default:
		l.part(c, resolver.Secure, nil, p.expires)
	}
	return nil
}

func optOutFault(n name, c *cut) *fault {
	return unsupportedf(noEDE, "zone %s leaves room for unsigned names around %s (NSEC3 opt-out)", c.zone, n)
}

// noCloser looks into the authority section for the proof that goes with an
// answer from a wildcard.
func (l *lookup) noCloser(n, encloser name, c *cut) (denied, *fault) {
	records, f := l.denials(c)
	if f != nil {
		return denied{}, f
	}
	d, ok, f := records.noCloser(n, encloser)
	if f == nil && !ok {
		f = unprovenWildcard(n, c.zone)
	}
	return d, f
}

func unprovenWildcard(n, zone name) *fault {
	return faultf(dns.ExtendedErrorCodeNSECMissing,
		"the answer for %s comes from a wildcard, and zone %s does not prove that the name itself does not exist", n, zone)
}

// denials verifies the NSEC and NSEC3 records of the reply.
func (l *lookup) denials(c *cut) (*denials, *fault) {
	authority, f := group(l.reply.Ns)
	if f != nil {
		return nil, f
	}
	return l.collect(authority, c.keys)
}

// negative judges a reply without records for n.
func (l *lookup) negative(ctx context.Context, n name) (resolver.RCode, error) {
	authority, f := group(l.reply.Ns)
	if f != nil {
		return 0, l.bogus(f)
	}
	owner := n
	if l.typ == dns.TypeDS && n != root {
		owner = n.parent()
	}
	target, signed := denialSigner(authority, owner)
	if !signed {
		target = owner
	}
	c, err := l.zone(ctx, owner, target, signed)
	if err != nil {
		return 0, err
	}
	expires := l.now.Add(negativeTTL(authority))
	switch {
	case (c == nil || c.kind != signedZone) && l.referred(authority):
		return 0, l.referral()
	case c == nil:
		l.part(nil, resolver.Indeterminate, l.noAnchor(owner), expires)
	case c.kind != signedZone:
		l.part(c, c.status(), c.fault, earlier(expires, cutEnd(c, expires)))
	default:
		rcode, err := l.deny(n, c, authority)
		if err == nil {
			l.keepDenials(c)
		}
		return rcode, err
	}
	l.keepDenials(c)
	return resolver.RCode(l.reply.Rcode), nil
}

// deny proves that n has no records of the type, or does not exist.
func (l *lookup) deny(n name, c *cut, authority sets) (resolver.RCode, error) {
	l.zones = append(l.zones, c)
	records, f := l.collect(authority, c.keys)
	var d denied
	if f == nil {
		var ok bool
		d, ok, f = records.deny(n, l.typ)
		if f == nil && !ok {
			f = faultf(dns.ExtendedErrorCodeNSECMissing,
				"zone %s is signed and does not prove that %s does not exist", c.zone, setName(n, l.typ))
		}
	}
	if f != nil {
		if f.verdict != unsupported {
			return 0, l.bogus(f)
		}
		l.part(c, resolver.Insecure, f, l.now.Add(negativeTTL(authority)))
		return resolver.RCode(l.reply.Rcode), nil
	}
	expires := earlier(d.expires, l.now.Add(maxNegativeTTL))
	for i := range authority { // RFC 2308, Section 5; unsigned it can only shorten
		if authority[i].typ == dns.TypeSOA {
			expires = earlier(expires, l.now.Add(negativeTTL(authority)))
		}
	}
	if d.optOut && l.referred(authority) {
		return 0, l.referral()
	}
	if d.optOut { // the name may exist in an unsigned zone: what the server says is all there is
		l.part(c, resolver.Insecure, optOutFault(n, c), expires)
		return resolver.RCode(l.reply.Rcode), nil
	}
	l.remember(c, records)
	l.part(c, resolver.Secure, nil, expires)
	if d.nxdomain {
		return resolver.NXDomain, nil
	}
	return resolver.NoError, nil
}

// referred reports whether the reply sends us to other servers: that says nothing
// about the records of the name (RFC 2308, Section 2.2).
func (l *lookup) referred(authority sets) bool {
	if l.reply.Rcode != dns.RcodeSuccess || l.reply.Authoritative {
		return false
	}
	found := false
	for i := range authority {
		switch authority[i].typ {
		case dns.TypeSOA:
			return false
		case dns.TypeNS:
			found = found || len(authority[i].rrs) > 0
		}
	}
	return found
}

func (l *lookup) referral() error {
	return l.named(&resolver.Error{
		Reason: resolver.ServerFailed, Name: l.asked.String(), Type: resolver.Type(l.typ),
		Detail: "a referral to other servers is no answer",
	})
}

// denialSigner returns the zone that the NSEC and NSEC3 records say they are
// of: the closest at or above n.
func denialSigner(authority sets, n name) (name, bool) {
	var best name
	for i := range authority {
		set := &authority[i]
		if set.typ != dns.TypeNSEC && set.typ != dns.TypeNSEC3 {
			continue
		}
		if signer, ok := set.signer(); ok && n.under(signer) && len(signer) > len(best) {
			best = signer
		}
	}
	return best, best != ""
}

// negativeTTL reads the SOA record; without one an answer is not kept.
func negativeTTL(authority sets) time.Duration {
	for i := range authority {
		for _, rr := range authority[i].rrs {
			if soa, ok := rr.(*dns.SOA); ok {
				return min(seconds(soa.Hdr.Ttl), seconds(soa.Minttl), maxNegativeTTL)
			}
		}
	}
	return 0
}
