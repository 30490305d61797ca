package spf

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// check is one run of check_host() with all that it calls itself.
type check struct {
	c      *Checker
	parent context.Context // the caller's
	dns    context.Context // parent with the time limit; nil until DNS is waited for
	cancel context.CancelFunc
	peeker resolver.Peeker // nil if the resolver is none

	ip     netip.Addr // unmapped
	helo   string
	local  string // local-part of <sender>
	domain string // domain of <sender>, canonical

	lookups int
	voids   int
	status  resolver.Status
	asked   bool // whether status has a meaning

	rest  pending // what may be asked ahead
	ptr   client
	trace trace
}

// outcome is what check_host() gave for one domain.
type outcome struct {
	result Result
	record *Record // where result is of a record
	domain string  // whose record it is
	term   string  // the directive that matched, as written; empty if none did
	why    string  // for none, permerror and temperror: the sentence

	// The term in an included record by which term matched.
	innerTerm, innerDomain string
}

func failed(r Result, why string) outcome { return outcome{result: r, why: why} }

// run does all that goes before and after check_host().
func (k *check) run(args Args) Evaluation {
	e := Evaluation{Identity: MailFrom, Trace: []Step{}}
	out := k.start(args, &e)
	if out.result == "" {
		out = k.checkHost(k.domain)
		if out.result == Fail && out.record.Exp.Text != "" {
			e.Explanation = k.explain(out.record, out.domain)
		}
	}
	if k.cancel != nil {
		k.cancel()
	}
	e.Result, e.Mechanism = out.result, out.term
	e.Lookups, e.VoidLookups, e.DNSSEC = k.lookups, k.voids, k.status
	e.Reason = k.reason(&out)
	if k.trace.steps != nil {
		e.Trace = k.trace.steps
	}
	return e
}

// start sets up <ip>, <domain> and <sender> (RFC 7208, Sections 4.1 and 4.3).
// An outcome without result means that there is something to check.
func (k *check) start(args Args, e *Evaluation) outcome {
	k.ip = args.IP.Unmap().WithZone("") // RFC 7208, Section 5: mapped is IPv4
	k.helo = args.Helo
	if !ascii.Is7Bit(args.Helo) {
		if h, err := domain.Parse(args.Helo); err == nil {
			k.helo = string(h) // RFC 8616, Section 4: U-labels become A-labels
		}
	}
	k.trace.on = k.c.Trace
	k.peeker, _ = k.c.Resolver.(resolver.Peeker)
	local, name := splitMailbox(args.MailFrom)
	if args.MailFrom == "" || args.MailFrom == "<>" {
		e.Identity, name = Helo, args.Helo // RFC 7208, Section 2.4
	}
	if local == "" {
		local = "postmaster" // RFC 7208, Section 4.3
	}
	k.local, e.Domain = local, quoteTerm(name)
	d, err := domain.Parse(name)
	if err == nil {
		k.domain, e.Domain = string(d), string(d)
	}
	switch {
	case !k.ip.IsValid():
		return failed(None, "the IP address of the client is not known, so nothing can be checked")
	case err != nil || d.Labels() < 2: // RFC 7208, Section 4.3
		return failed(None, notADomain(e.Identity, name))
	}
	return outcome{}
}

// splitMailbox splits a reverse-path at its last @.
func splitMailbox(s string) (local, name string) {
	if n := len(s); n > 1 && s[0] == '<' && s[n-1] == '>' {
		s = s[1 : n-1]
	}
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// checkHost is check_host() for one domain (RFC 7208, Section 4). It calls
// itself for include and redirect, at most MaxLookups deep because each of them
// counts as a lookup.
func (k *check) checkHost(domain string) outcome {
	rec, out := k.fetchRecord(domain)
	if rec == nil {
		return out
	}
	for i := range rec.Directives {
		d := &rec.Directives[i]
		var matched bool
		var inner outcome
		switch d.Mechanism {
		case All:
			matched = true
		case IP4, IP6:
			matched = d.Prefix.Contains(k.ip)
		default:
			k.rest.set(rec, i+1, domain)
			if inner = k.ask(d, domain, &matched); isError(inner.result) {
				return inner
			}
		}
		if k.trace.on && inner.result == "" {
			k.trace.term(d.Text, matched)
		}
		if matched {
			return outcome{
				result: d.Qualifier, record: rec, domain: domain, term: d.Text,
				innerTerm: inner.deepestTerm(), innerDomain: inner.deepestDomain(),
			}
		}
	}
	if rec.Redirect.Text != "" && !rec.HasAll {
		return k.redirect(rec, domain)
	}
	return outcome{result: Neutral, record: rec, domain: domain} // RFC 7208, Section 4.7
}

func isError(r Result) bool { return r == TempError || r == PermError }

func (o *outcome) deepestTerm() string {
	if o.innerTerm != "" {
		return o.innerTerm
	}
	return o.term
}

func (o *outcome) deepestDomain() string {
	if o.innerDomain != "" {
		return o.innerDomain
	}
	return o.domain
}

// fetchRecord finds and parses the record of a domain (RFC 7208, Sections 4.4
// to 4.6). Without a record the outcome says why.
func (k *check) fetchRecord(domain string) (*Record, outcome) {
	a, err := k.lookup(domain, resolver.TypeTXT)
	rec, out := k.selectRecord(domain, a, err)
	if k.trace.on {
		k.trace.fetched(domain, out.result)
	}
	return rec, out
}

func (k *check) selectRecord(domain string, a *resolver.Answer, err error) (*Record, outcome) {
	if err != nil {
		if isInvalidName(err) {
			return nil, failed(None, domain+" is not a name that DNS can look up")
		}
		return nil, failed(TempError, lookupFailed(domain, resolver.TypeTXT, "", err))
	}
	text, found := "", 0
	for _, t := range a.TXT() {
		if IsRecord(t) {
			text = t
			found++
		}
	}
	switch {
	case found == 0 && a.NXDomain():
		return nil, failed(None, "the domain "+domain+" does not exist")
	case found == 0:
		return nil, failed(None, domain+" publishes no SPF record")
	case found > 1: // RFC 7208, Section 4.5
		return nil, failed(PermError, domain+" publishes more than one SPF record; its owner must merge them into one")
	}
	rec, perr := k.c.Records.parse(text)
	if perr != nil {
		return nil, failed(PermError, syntaxError(domain, perr))
	}
	return rec, outcome{}
}

// redirect evaluates the record that takes the place of this one (RFC 7208,
// Section 6.1).
func (k *check) redirect(rec *Record, domain string) outcome {
	term := rec.Redirect.Text
	k.rest.record = nil // all its other terms are done
	if out := k.count(term, domain); out.result != "" {
		return out
	}
	name, ok := k.target(&rec.Redirect.Domain, domain)
	if !ok {
		k.trace.failed(term, PermError)
		return failed(PermError, quoteTerm(term)+" in the SPF record of "+domain+" does not give the name of a domain")
	}
	saved := k.trace.enter()
	out := k.checkHost(name)
	if out.result == None {
		out = failed(PermError, quoteTerm(term)+" in the SPF record of "+domain+" leads nowhere: "+out.why)
	}
	k.trace.leave(saved, term, name, out.result, string(out.result))
	return out
}

// count counts a term that asks DNS (RFC 7208, Section 4.6.4).
func (k *check) count(term, domain string) outcome {
	if k.lookups == MaxLookups {
		k.trace.failed(term, PermError)
		return failed(PermError, "the SPF record of "+k.domain+
			" needs more than 10 DNS lookups (the 11th is "+quoteTerm(term)+inRecord(domain, k.domain)+
			"); its owner must make it smaller")
	}
	k.lookups++
	return outcome{}
}

// void counts a lookup that found nothing (RFC 7208, Section 4.6.4).
func (k *check) void(name string, t resolver.Type, term, domain string) outcome {
	k.voids++
	if k.voids <= MaxVoidLookups {
		return outcome{}
	}
	k.trace.failed(term, PermError)
	return failed(PermError, "more than 2 terms of the SPF record of "+k.domain+
		" look up what does not exist (the 3rd: "+t.String()+" of "+name+", for "+quoteTerm(term)+inRecord(domain, k.domain)+
		"); its owner must remove what no longer exists")
}

func (c *Checker) now() time.Time {
	if c.Time == nil {
		return time.Now()
	}
	return c.Time()
}

func (c *Checker) receiver() string {
	if c.Receiver == "" {
		return "unknown"
	}
	return c.Receiver
}
