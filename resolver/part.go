package resolver

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/ascii"
)

// Limits on an answer.
const (
	MaxLinks   = 11  // aliases followed for one question; RFC 1034, Section 3.6.2 leaves the number open
	MaxRecords = 256 // records of the type asked for
)

// How long an answer may be kept, whatever its TTL says.
const (
	MaxTTL         = 24 * time.Hour // RFC 8767, Section 4 allows a week
	MaxNegativeTTL = time.Hour      // RFC 2308, Section 5 suggests one to three hours
)

// Part is what one message says about a question: the chain of aliases that
// begins at the name asked, and what it says about the end of that chain.
// Everything else in the message is ignored.
type Part struct {
	Records []dns.RR      // the aliases in order, then the records of the type asked for
	Links   int           // how many aliases; a DNAME counts with its CNAME as one
	Target  string        // the end of the chain, canonical; the name asked without aliases
	Done    bool          // whether the message answers for Target; if not, ask for that
	RCode   RCode         // NoError or NXDomain, about Target
	TTL     time.Duration // how long it may be kept; 0: not at all
}

// ReadReply returns what r says about q. The error is a *Error: for a response
// code other than NOERROR and NXDOMAIN, for a referral, for a chain that loops
// or is too long. It does not look at whether r is a reply to q; the Source did.
func ReadReply(q Question, r *Reply) (*Part, error) {
	if err := refusal(q, r); err != nil {
		return nil, err
	}
	p := &Part{Target: q.Name, TTL: MaxTTL}
	if err := p.read(q, r.Msg); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Part) read(q Question, m *dns.Msg) error {
	for {
		before := len(p.Records)
		if p.Records = appendRecords(p.Records, m.Answer, p.Target, q.Type); len(p.Records) > before {
			return p.finish(q, p.Records[before:])
		}
		alias := aliasAt(p.Target, m.Answer)
		if alias == nil {
			return p.deny(q, m)
		}
		if err := p.follow(q, alias); err != nil {
			return err
		}
	}
}

// refusal returns the error for a reply that is no answer.
func refusal(q Question, r *Reply) error {
	rcode := RCode(r.Msg.Rcode)
	switch {
	case r.Msg.Truncated:
		return &Error{Reason: BadReply, Name: q.Name, Type: q.Type, Detail: "truncated, from " + r.Server}
	case rcode == NoError || rcode == NXDomain:
		return nil
	}
	a := &Answer{Name: q.Name, Type: q.Type, RCode: rcode}
	e := &Error{Reason: ServerFailed, Name: q.Name, Type: q.Type, Detail: rcode.String() + " from " + r.Server, Answer: a}
	if opt := r.Msg.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				a.EDE, a.HasEDE, a.Reason = EDE(ede.InfoCode), true, printable(ede.ExtraText)
				e.Detail += " (" + strings.TrimSuffix(a.EDE.String()+": "+printable(ede.ExtraText), ": ") + ")"
				break
			}
		}
	}
	return e
}

// printable returns a server's text fit for a terminal and a log.
func printable(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// appendRecords appends the records of type t at name to dst, doubles left out
// (RFC 2181, Section 5).
func appendRecords(dst, answer []dns.RR, name string, t Type) []dns.RR {
	start := len(dst)
	for _, rr := range answer {
		h := rr.Header()
		if h.Class != dns.ClassINET || !sameName(h.Name, name) || !wanted(h.Rrtype, t) {
			continue
		}
		if len(dst)-start <= MaxRecords && !contains(dst[start:], rr) {
			dst = append(dst, rr)
		}
	}
	return dst
}

func wanted(rrtype uint16, t Type) bool {
	return Type(rrtype) == t || t == TypeANY && rrtype != dns.TypeRRSIG
}

func contains(rrs []dns.RR, rr dns.RR) bool {
	for _, o := range rrs {
		if dns.IsDuplicate(o, rr) {
			return true
		}
	}
	return false
}

// sameName reports whether fqdn, as it came off the wire, is the canonical name.
func sameName(fqdn, name string) bool {
	return ascii.EqualFold(strings.TrimSuffix(fqdn, "."), strings.TrimSuffix(name, "."))
}

// aliasAt returns the CNAME at name, after the DNAME that it comes from if it
// does; nil if there is neither. A server's own CNAME beside a DNAME is not
// believed but made again (RFC 6672, Section 3.4).
func aliasAt(name string, answer []dns.RR) []dns.RR {
	var cname dns.RR
	for _, rr := range answer {
		if rr.Header().Class != dns.ClassINET {
			continue
		}
		switch d := rr.(type) {
		case *dns.CNAME:
			if cname == nil && sameName(d.Hdr.Name, name) {
				cname = d
			}
		case *dns.DNAME:
			if made := synthesise(d, name); made != nil {
				return []dns.RR{d, made}
			}
		}
	}
	if cname == nil {
		return nil
	}
	return []dns.RR{cname}
}

// synthesise returns the CNAME that d makes for name; nil if name is not below
// d or the result is no name.
func synthesise(d *dns.DNAME, name string) dns.RR {
	fqdn := dns.Fqdn(name)
	n := dns.CountLabel(d.Hdr.Name)
	if dns.CountLabel(fqdn) <= n || !dns.IsSubDomain(d.Hdr.Name, fqdn) {
		return nil
	}
	off, _ := dns.PrevLabel(fqdn, n)
	target := fqdn[:off] + d.Target
	if d.Target == "." {
		target = fqdn[:off]
	}
	if _, ok := dns.IsDomainName(target); !ok || len(target) > maxName+1 {
		return nil
	}
	h := dns.RR_Header{Name: fqdn, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl}
	return &dns.CNAME{Hdr: h, Target: target}
}

// follow goes over an alias.
func (p *Part) follow(q Question, alias []dns.RR) error {
	if p.Links++; p.Links > MaxLinks {
		return tooManyLinks(q)
	}
	p.Records = append(p.Records, alias...)
	p.bound(alias)
	p.Target = CanonicalName(alias[len(alias)-1].(*dns.CNAME).Target)
	for _, rr := range p.Records {
		if c, ok := rr.(*dns.CNAME); ok && sameName(c.Hdr.Name, p.Target) {
			return loopError(q, p.Target)
		}
	}
	return nil
}

func tooManyLinks(q Question) error {
	return &Error{Reason: Limit, Name: q.Name, Type: q.Type, Detail: fmt.Sprintf("more than %d aliases", MaxLinks)}
}

func loopError(q Question, name string) error {
	return &Error{Reason: Limit, Name: q.Name, Type: q.Type, Detail: "the aliases loop at " + name}
}

// finish ends a part that has records of the type asked for.
func (p *Part) finish(q Question, records []dns.RR) error {
	if len(records) > MaxRecords {
		return &Error{Reason: Limit, Name: q.Name, Type: q.Type, Detail: fmt.Sprintf("more than %d records", MaxRecords)}
	}
	p.bound(records)
	p.Done = true
	return nil
}

// bound lowers the TTL to that of rrs.
func (p *Part) bound(rrs []dns.RR) {
	for _, rr := range rrs {
		p.TTL = min(p.TTL, seconds(rr.Header().Ttl))
	}
}

// seconds returns a TTL; one with the top bit set counts as 0 (RFC 2181,
// Section 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// deny ends a part that has no records of the type asked for (RFC 2308, Section
// 2): the name does not exist, it has no such records, or the message leads
// away.
func (p *Part) deny(q Question, m *dns.Msg) error {
	soa, referral := denial(p.Target, m.Ns)
	p.RCode = RCode(m.Rcode)
	p.Done = p.RCode == NXDomain || soa != nil || p.Links == 0
	switch {
	case !p.Done:
		return nil
	case soa != nil:
		p.TTL = min(p.TTL, seconds(soa.Hdr.Ttl), seconds(soa.Minttl), MaxNegativeTTL)
	case p.RCode == NoError && referral != "":
		return &Error{Reason: ServerFailed, Name: q.Name, Type: q.Type, Detail: "a referral to the servers of " + printable(referral) + " is no answer"}
	default:
		p.TTL = 0 // RFC 2308, Section 5: without an SOA it is not to be cached
	}
	return nil
}

// denial returns the SOA record of an authority section that is of a zone above
// name, and the owner of the name server records.
func denial(name string, authority []dns.RR) (soa *dns.SOA, referral string) {
	for _, rr := range authority {
		switch rr := rr.(type) {
		case *dns.SOA:
			if dns.IsSubDomain(rr.Hdr.Name, dns.Fqdn(name)) {
				return rr, ""
			}
		case *dns.NS:
			referral = rr.Hdr.Name
		}
	}
	return nil, referral
}
