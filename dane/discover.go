package dane

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

// Outcome is what Discover found out about a host.
type Outcome string

// The outcomes of RFC 7672, Section 2.1 and 2.2.
const (
	UsableRecords   Outcome = "usable"     // TLS and a match are mandatory
	UnusableRecords Outcome = "unusable"   // TLS is mandatory, nothing authenticates
	NoRecords       Outcome = "none"       // proven: no DANE for this host
	NotApplicable   Outcome = "insecure"   // the host's zone is not signed, so nobody asked
	LookupFailed    Outcome = "failed"     // not known: the host must not be used now
	NoAddress       Outcome = "no-address" // proven: the host has no address
)

// Discovery is the evidence of one Discover.
type Discovery struct {
	Host    string  `json:"host"`
	Outcome Outcome `json:"outcome"`
	// Status is that of the addresses; TLSA is asked only below secure ones.
	Status    resolver.Status `json:"status"`
	Addresses []netip.Addr    `json:"addresses"` // IPv6 and IPv4 in turns
	// Expanded is the name at the end of the host's aliases, Host where there
	// are none.
	Expanded string `json:"expanded"`
	// Base is the TLSA base domain: the name to send in SNI and to look for in
	// certificates (RFC 7672, Section 2.2.3). Empty if TLSA was not asked.
	Base    string   `json:"base"`
	Records []Record `json:"tlsa"`
	Lookups []Lookup `json:"lookups"` // in the order asked
	// Reason is a sentence for a person.
	Reason string `json:"reason"`
}

// Lookup is one question to DNS and what came of it.
type Lookup struct {
	Name   string          `json:"name"`
	Type   resolver.Type   `json:"type"`
	Status resolver.Status `json:"status"`
	Failed bool            `json:"failed,omitempty"`
	Reason string          `json:"reason,omitempty"` // of the failure, or of the status
}

// Names returns the reference identifiers for DANE-TA (RFC 7672, Section 3.2.2):
// the TLSA base domain, the host, and the further names, which are the next-hop
// domain and its expansion.
func (d *Discovery) Names(further ...string) []string {
	names := make([]string, 0, 2+len(further))
	for _, n := range append([]string{d.Base, d.Host}, further...) {
		seen := n == ""
		for _, have := range names {
			seen = seen || have == n
		}
		if !seen {
			names = append(names, n)
		}
	}
	return names
}

// Discover looks up the addresses of an MX host and the TLSA records that apply to
// it at the TCP port (RFC 7672, Section 2.2). A lookup that fails is an outcome.
func Discover(ctx context.Context, r resolver.Resolver, host string, port uint16) *Discovery {
	host = resolver.CanonicalName(host)
	d := &Discovery{
		Host: host, Expanded: host,
		Addresses: make([]netip.Addr, 0, 4), Records: []Record{}, Lookups: make([]Lookup, 0, 4),
	}
	a := d.addresses(ctx, r)
	if a == nil {
		return d
	}
	for _, base := range d.candidates(ctx, r, a) {
		if !d.tlsa(ctx, r, base, port) {
			return d
		}
	}
	return d
}

// end sets the outcome.
func (d *Discovery) end(o Outcome, format string, args ...any) {
	d.Outcome, d.Reason = o, fmt.Sprintf(format, args...)
}

// asked is a lookup with its result.
type asked struct {
	answer *resolver.Answer
	err    error
}

func ask(ctx context.Context, r resolver.Resolver, name string, t resolver.Type) asked {
	a, err := r.Lookup(ctx, name, t)
	return asked{a, err}
}

// note keeps the evidence of a lookup.
func (d *Discovery) note(name string, t resolver.Type, got asked) {
	l := Lookup{Name: name, Type: t, Status: resolver.StatusOf(got.answer, got.err)}
	if got.err != nil {
		l.Failed, l.Reason = true, resolver.ReasonOf(got.err)
	} else {
		l.Reason = got.answer.Reason
	}
	d.Lookups = append(d.Lookups, l)
}

// addresses asks for both families side by side and returns the answer that stands
// for the host's security. It returns nil where there is nothing to connect to.
func (d *Discovery) addresses(ctx context.Context, r resolver.Resolver) *resolver.Answer {
	v6, v4 := both(ctx, r, d.Host)
	d.note(d.Host, resolver.TypeAAAA, v6)
	d.note(d.Host, resolver.TypeA, v4)
	var of *resolver.Answer
	var err error
	var found [2][]netip.Addr
	for i, got := range [...]asked{v6, v4} {
		if got.err != nil {
			err = got.err
			continue
		}
		addrs := got.answer.Addrs()
		found[i] = addrs
		// The two families of one name lie in one zone; if they differ all the
		// same, the signed one decides, which can only ask for more.
		if len(addrs) > 0 && (of == nil || got.answer.Status == resolver.Secure) {
			of = got.answer
		}
	}
	d.interleave(found[0], found[1])
	switch {
	case of != nil:
		d.Status = of.Status
		d.Expanded = of.Canonical()
		return of
	case err != nil:
		// RFC 7672, Section 2.1.2: the host is unreachable for now, no more.
		d.Status = resolver.StatusOf(nil, err)
		d.end(LookupFailed, "the addresses of %s could not be looked up: %s", d.Host, resolver.ReasonOf(err))
	default:
		d.Status = v4.answer.Status.Worse(v6.answer.Status)
		d.end(NoAddress, "%s has no address", d.Host)
	}
	return nil
}

// interleave takes from the families in turns: who connects gives up after some
// addresses, and a network without one of the families must not use those up.
func (d *Discovery) interleave(v6, v4 []netip.Addr) {
	for i := range max(len(v6), len(v4)) {
		if i < len(v6) {
			d.Addresses = append(d.Addresses, v6[i])
		}
		if i < len(v4) {
			d.Addresses = append(d.Addresses, v4[i])
		}
	}
}

// both looks up AAAA and A. What a cache knows costs no goroutine.
func both(ctx context.Context, r resolver.Resolver, host string) (v6, v4 asked) {
	if p, ok := r.(resolver.Peeker); ok {
		if a, ok := p.Peek(host, resolver.TypeAAAA); ok {
			return asked{answer: a}, ask(ctx, r, host, resolver.TypeA)
		}
	}
	other := panics.Go(func() asked { return ask(ctx, r, host, resolver.TypeAAAA) })
	v4 = ask(ctx, r, host, resolver.TypeA)
	return other(), v4
}

// candidates returns the TLSA base domains to try, the best first (RFC 7671,
// Section 7; RFC 7672, Section 2.2.2). Below an insecure name nothing is asked:
// the answer could prove nothing, and some servers fail such questions.
func (d *Discovery) candidates(ctx context.Context, r resolver.Resolver, a *resolver.Answer) []string {
	alias := d.Expanded != d.Host
	switch {
	case a.Status == resolver.Secure && alias:
		return []string{d.Expanded, d.Host}
	case a.Status == resolver.Secure:
		return []string{d.Host}
	case alias:
		// A signed alias into an unsigned zone still is a signed name.
		c := ask(ctx, r, d.Host, resolver.TypeCNAME)
		d.note(d.Host, resolver.TypeCNAME, c)
		if c.err != nil {
			d.end(LookupFailed, "the alias of %s could not be looked up: %s", d.Host, resolver.ReasonOf(c.err))
			return nil
		}
		if c.answer.Status == resolver.Secure && !c.answer.Void() {
			return []string{d.Host}
		}
	}
	d.end(NotApplicable, "the addresses of %s are %s, so DANE does not apply", d.Host, a.Status)
	return nil
}

// tlsa asks for the records below base and reports whether the next candidate
// is to be asked.
func (d *Discovery) tlsa(ctx context.Context, r resolver.Resolver, base string, port uint16) bool {
	if d.Base == "" {
		d.Base = base
	}
	name := "_" + strconv.Itoa(int(port)) + "._tcp." + base
	got := ask(ctx, r, name, resolver.TypeTLSA)
	d.note(name, resolver.TypeTLSA, got)
	var failed *resolver.Error
	switch {
	case errors.As(got.err, &failed) && failed.Reason == resolver.InvalidName:
		d.end(NoRecords, "with _%d._tcp before it, %s is too long for DNS: no TLSA record can be there", port, base)
		return true
	case got.err != nil:
		// RFC 7672, Section 2.1.2 and 2.2: not "no TLSA", or whoever can drop
		// packets could switch DANE off.
		d.Base = base
		d.end(LookupFailed, "TLSA at %s could not be looked up: %s", name, resolver.ReasonOf(got.err))
		return false
	case got.answer.Status != resolver.Secure && !got.answer.Void():
		d.end(NoRecords, "the TLSA records at %s are %s and do not count", name, got.answer.Status)
		return true
	case got.answer.Void():
		if d.Outcome == "" {
			d.end(NoRecords, "there is no TLSA record at %s", name)
		}
		return true
	}
	d.Base = base
	for _, t := range got.answer.TLSA() {
		if len(d.Records) == MaxRecords {
			break
		}
		d.Records = append(d.Records, FromDNS(t))
	}
	if Usable(d.Records) {
		d.end(UsableRecords, "%s at %s", counted(len(d.Records)), name)
	} else {
		d.end(UnusableRecords, "%s at %s, none of them usable: %s",
			counted(len(d.Records)), name, d.Records[0].Unusable())
	}
	return false
}

func counted(records int) string {
	if records == 1 {
		return "1 TLSA record"
	}
	return strconv.Itoa(records) + " TLSA records"
}
