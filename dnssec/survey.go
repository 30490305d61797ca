package dnssec

import (
	"context"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// survey finds out what one name is as the top of a zone: it asks for its DS
// records and, where there are any, for its keys.
type survey struct {
	checker
	v      *Validator
	zone   name
	parent *cut // nil at a trust anchor

	servers []string // those that replied
	avoid   []string // those that did the first time
}

func (s *survey) run(ctx context.Context) (*cut, error) {
	if s.parent == nil {
		return s.keys(ctx, s.v.anchors.zones[s.zone], time.Time{})
	}
	reply, err := s.fetch(ctx, dns.TypeDS)
	if err != nil {
		return nil, err
	}
	answer, f := group(reply.Answer)
	if f != nil {
		return s.broken(f), nil
	}
	if set := answer.records(s.zone, dns.TypeDS); set != nil {
		return s.signed(ctx, set)
	}
	authority, f := group(reply.Ns)
	if f != nil {
		return s.broken(f), nil
	}
	if c := s.alias(answer, authority); c != nil {
		return c, nil
	}
	return s.unsigned(authority), nil
}

// fetch asks the source about the name under survey.
func (s *survey) fetch(ctx context.Context, t uint16) (*dns.Msg, error) {
	s.budget.fetches--
	q := resolver.Question{Name: s.zone.String(), Type: resolver.Type(t)}
	r, err := s.v.ask(ctx, q, s.avoid)
	if err != nil {
		return nil, err
	}
	s.servers = append(s.servers, r.Server)
	if rc := r.Msg.Rcode; rc != dns.RcodeSuccess && rc != dns.RcodeNameError {
		return nil, failed(q, r)
	}
	s.v.note(r.Msg)
	return r.Msg, nil
}

// signed goes on from DS records in the reply.
func (s *survey) signed(ctx context.Context, set *rrset) (*cut, error) {
	p, f := s.verify(set, s.parent.keys)
	if f == nil && p.encloser != "" {
		f = faultf(dns.ExtendedErrorCodeDNSBogus, "the DS records of %s were made from a wildcard", s.zone)
	}
	if f != nil {
		return s.broken(f), nil
	}
	ds := make([]*dns.DS, 0, len(set.rrs))
	for _, rr := range set.rrs {
		if d, ok := rr.(*dns.DS); ok {
			ds = append(ds, d)
		}
	}
	return s.keys(ctx, ds, p.expires)
}

// keys proves the keys of the zone by its DS records. The result lasts no
// longer than they do; the zero time means that they are anchors.
func (s *survey) keys(ctx context.Context, ds []*dns.DS, expires time.Time) (*cut, error) {
	usable, f := s.v.usableDS(s.zone, ds)
	if f != nil {
		c := s.failed(f, ds)
		if !expires.IsZero() {
			c.expires = expires
		}
		return c, nil
	}
	reply, err := s.fetch(ctx, dns.TypeDNSKEY)
	if err != nil {
		return nil, err
	}
	answer, f := group(reply.Answer)
	if f != nil {
		return s.failed(f, ds), nil
	}
	set := answer.records(s.zone, dns.TypeDNSKEY)
	if s.parent == nil && !s.v.signed.Load() && (set == nil || len(set.sigs) == 0) {
		return s.stripped()
	}
	if set == nil {
		return s.failed(faultf(dns.ExtendedErrorCodeDNSKEYMissing,
			"zone %s has %s but serves no keys", s.zone, s.pointer()), ds), nil
	}
	keys, p, f := s.v.acceptKeys(&s.checker, usable, set, s.parent == nil)
	if f != nil {
		return s.failed(f, ds), nil
	}
	if expires.IsZero() || p.expires.Before(expires) {
		expires = p.expires
	}
	rrs := make([]*dns.DNSKEY, len(keys.keys))
	for i, k := range keys.keys {
		rrs[i] = k.rr
	}
	link := resolver.Link{Zone: s.zone.String(), Status: resolver.Secure, DS: zoneLines(ds), Keys: zoneLines(rrs)}
	return &cut{kind: signedZone, zone: s.zone, keys: keys, chain: below(s.parent, link), expires: expires}, nil
}

// pointer says what leads to the keys of the zone.
func (s *survey) pointer() string {
	if s.parent == nil {
		return "a trust anchor"
	}
	return "DS records in its parent zone"
}

// stripped is a source that answers for a trust anchor without any signature.
func (s *survey) stripped() (*cut, error) {
	last := s.servers[len(s.servers)-1]
	if last == "" {
		last = "the source"
	}
	f := &fault{
		bogus, dns.ExtendedErrorCodeDNSSECIndeterminate,
		"the servers asked serve no DNSSEC: " + last + " has no signed keys for " + s.zone.String(),
	}
	if s.v.RequireDNSSEC {
		return nil, &resolver.Error{
			Reason: resolver.NoDNSSEC, Name: s.zone.String(), Type: resolver.TypeDNSKEY, Detail: f.text,
		}
	}
	return s.end(unprovenZone, f, nil, s.now.Add(bogusTTL)), nil
}

// alias recognises a name that is an alias in the parent zone, or below one of
// a whole tree: no zone begins there. It returns nil if there is no alias.
func (s *survey) alias(answer, authority sets) *cut {
	set, kind := answer.records(s.zone, dns.TypeCNAME), notCut
	for i := range answer {
		d := &answer[i]
		if d.typ == dns.TypeDNAME && len(d.rrs) > 0 && d.owner != s.zone && s.zone.under(d.owner) {
			set, kind = d, nothingBelow
		}
	}
	if set == nil {
		return nil
	}
	p, f := s.verify(set, s.parent.keys)
	if f == nil && p.encloser != "" {
		f = s.expanded(set, &p, authority)
	}
	if f != nil {
		return s.broken(f)
	}
	return &cut{kind: kind, zone: s.zone, expires: p.expires}
}

// expanded proves that an alias had to come from a wildcard. Otherwise one that
// is replayed at a delegation would hide it for as long as the wildcard lasts.
func (s *survey) expanded(set *rrset, p *proof, authority sets) *fault {
	records, f := s.collect(authority, s.parent.keys)
	if f != nil {
		return f
	}
	d, ok, f := records.noCloser(set.owner, p.encloser)
	if f == nil && !ok {
		f = unprovenWildcard(set.owner, s.parent.zone)
	}
	p.expires = earlier(p.expires, d.expires)
	return f
}

// unsigned judges the proof that there are no DS records (RFC 4035, Section
// 5.2; RFC 5155, Section 8.6).
func (s *survey) unsigned(authority sets) *cut {
	records, f := s.collect(authority, s.parent.keys)
	var d denied
	if f == nil {
		var ok bool
		d, ok, f = records.deny(s.zone, dns.TypeDS)
		if f == nil && !ok {
			f = faultf(dns.ExtendedErrorCodeNSECMissing,
				"zone %s does not prove that %s has no DS records", s.parent.zone, s.zone)
		}
	}
	switch {
	case f != nil && f.verdict == unsupported:
		return s.end(insecureZone, f, nil, s.now.Add(maxNegativeTTL))
	case f != nil:
		return s.broken(f)
	case d.delegation || d.optOut:
		f = unsupportedf(noEDE, "zone %s is not signed: %s has no DS records for it", s.zone, s.parent.zone)
		return s.end(insecureZone, f, nil, d.expires)
	case d.nxdomain:
		return &cut{kind: nothingBelow, zone: s.zone, expires: d.expires}
	}
	return &cut{kind: notCut, zone: s.zone, expires: d.expires}
}

// broken is a zone whose delegation cannot be proven either way.
func (s *survey) broken(f *fault) *cut { return s.failed(f, nil) }

func (s *survey) failed(f *fault, ds []*dns.DS) *cut {
	if f.verdict == unsupported {
		return s.end(insecureZone, f, ds, s.now.Add(maxNegativeTTL))
	}
	return s.end(bogusZone, f, ds, s.now.Add(bogusTTL))
}

func (s *survey) end(kind cutKind, f *fault, ds []*dns.DS, expires time.Time) *cut {
	c := &cut{kind: kind, zone: s.zone, fault: f, expires: expires}
	c.chain = below(s.parent, resolver.Link{
		Zone: s.zone.String(), Status: c.status(), DS: zoneLines(ds), Keys: []string{}, Reason: f.text,
	})
	return c
}
