package spf

import (
	"net/netip"

	"github.com/waxseal/waxseal/resolver"
)

// ask evaluates a mechanism that needs DNS and sets matched. The outcome is an
// error that ends the check, or for include the outcome of the included
// record.
func (k *check) ask(d *Directive, domain string, matched *bool) outcome {
	if out := k.count(d.Text, domain); out.result != "" {
		return out
	}
	name, ok := k.target(&d.Domain, domain)
	if !ok {
		return outcome{} // no match, see the package comment
	}
	switch d.Mechanism {
	case Include:
		return k.include(d, name, domain, matched)
	case A:
		return k.a(d, name, domain, matched)
	case MX:
		return k.mx(d, name, domain, matched)
	case PTR:
		return k.ptrMatch(d, name, domain, matched)
	}
	return k.exists(d, name, domain, matched)
}

// include maps the result of another record (RFC 7208, Section 5.2).
func (k *check) include(d *Directive, name, domain string, matched *bool) outcome {
	saved := k.trace.enter()
	out := k.checkHost(name)
	switch out.result {
	case Pass:
		*matched = true
	case None:
		out = failed(PermError, quoteTerm(d.Text)+" in the SPF record of "+domain+" leads nowhere: "+out.why)
	}
	said := NoMatch
	switch {
	case *matched:
		said = Match
	case isError(out.result):
		said = string(out.result)
	}
	k.trace.leave(saved, d.Text, name, out.result, said)
	return out
}

// addrType is the type of the records that can have the client's address.
func (k *check) addrType() resolver.Type {
	if k.ip.Is4() {
		return resolver.TypeA
	}
	return resolver.TypeAAAA
}

// contains reports whether one of the addresses is the client's, as far as the
// prefix lengths of d go (RFC 7208, Section 5).
func (k *check) contains(d *Directive, addrs []netip.Addr) bool {
	bits := int(d.CIDR6)
	if k.ip.Is4() {
		bits = int(d.CIDR4)
	}
	for _, a := range addrs {
		if netip.PrefixFrom(a, bits).Contains(k.ip) {
			return true
		}
	}
	return false
}

// a is the mechanism of RFC 7208, Section 5.3.
func (k *check) a(d *Directive, name, domain string, matched *bool) outcome {
	t := k.addrType()
	ans, out := k.lookupTerm(name, t, d, domain)
	if ans == nil {
		return out
	}
	// The client's address family is not the publisher's mistake.
	if ans.Void() && (t == resolver.TypeA || ans.NXDomain()) {
		return k.void(name, t, d.Text, domain)
	}
	*matched = k.contains(d, ans.Addrs())
	return outcome{}
}

// mx is the mechanism of RFC 7208, Section 5.4. Without MX records there is no
// match; the A records of the name itself do not count.
func (k *check) mx(d *Directive, name, domain string, matched *bool) outcome {
	ans, out := k.lookupTerm(name, resolver.TypeMX, d, domain)
	if ans == nil {
		return out
	}
	if ans.Void() {
		return k.void(name, resolver.TypeMX, d.Text, domain)
	}
	hosts := ans.MX()
	if len(hosts) > MaxMXNames { // RFC 7208, Section 4.6.4
		k.trace.failed(d.Text, PermError)
		return failed(PermError, name+" has more than 10 MX hosts, so that "+quoteTerm(d.Text)+
			" in the SPF record of "+domain+" cannot be evaluated; its owner must name the hosts' addresses instead")
	}
	t, gone := k.addrType(), false
	k.askHosts(hosts, t)
	for _, h := range hosts {
		if h.Host == "." {
			continue // null MX (RFC 7505)
		}
		ans, out := k.lookupTerm(h.Host, t, d, domain)
		switch {
		case isError(out.result):
			return out
		case ans == nil:
			continue
		case ans.NXDomain() && !gone:
			// An MX host that exists without an address of this family counts
			// not as void, one that does not exist does. What RFC 7208, Section
			// 4.6.4 counts are the terms, so that a second host adds nothing.
			gone = true
			if out := k.void(h.Host, t, d.Text, domain); out.result != "" {
				return out
			}
		case k.contains(d, ans.Addrs()):
			*matched = true
			return outcome{}
		}
	}
	return outcome{}
}

// exists is the mechanism of RFC 7208, Section 5.7: always A, also for IPv6.
func (k *check) exists(d *Directive, name, domain string, matched *bool) outcome {
	ans, out := k.lookupTerm(name, resolver.TypeA, d, domain)
	if ans == nil {
		return out
	}
	if ans.Void() {
		return k.void(name, resolver.TypeA, d.Text, domain)
	}
	*matched = true
	return outcome{}
}

// lookupTerm looks a name up for a term. Without an answer the outcome is
// temperror, or has no result if the name is one that cannot be asked (RFC 7208,
// Section 5).
func (k *check) lookupTerm(name string, t resolver.Type, d *Directive, domain string) (*resolver.Answer, outcome) {
	ans, err := k.lookup(name, t)
	if err == nil {
		return ans, outcome{}
	}
	if isInvalidName(err) {
		return nil, outcome{}
	}
	k.trace.failed(d.Text, TempError)
	return nil, failed(TempError, lookupFailed(name, t, quoteTerm(d.Text)+" in the SPF record of "+domain, err))
}
