package dnssec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// noEDE marks faults for which RFC 8914 has no code.
const noEDE = 0xffff

// lookup is one run of Validator.Lookup.
type lookup struct {
	checker
	v     *Validator
	asked name
	typ   uint16
	work  budget

	status  resolver.Status
	fault   *fault // that of the worst part
	records []dns.RR
	zones   []*cut // the last zone of each part
	expires time.Time
	proof   resolver.Proof
	reply   *dns.Msg
	direct  name // the name that reply was asked for

	servers []string // those that replied
	avoid   []string // those that did the first time
}

func newLookup(v *Validator, n name, t resolver.Type) *lookup {
	l := &lookup{v: v, asked: n, typ: uint16(t), work: newBudget(), status: resolver.Secure}
	now := v.now()
	l.checker = v.newChecker(now, &l.work)
	l.expires = now.Add(maxTTL)
	return l
}

// count adds what the lookup itself has spent to the statistics.
func (l *lookup) count() {
	spent := newBudget().less(l.work)
	l.v.stats.signatures.Add(uint64(spent.signatures))
	l.v.stats.work.Add(uint64(spent.work))
	l.v.stats.hashes.Add(uint64(spent.hashes))
}

// run follows the aliases from the name asked to an answer or its denial.
func (l *lookup) run(ctx context.Context) (*resolver.Answer, error) {
	n := l.asked
	var answer sets
	for links := 0; ; links++ {
		if links > maxAliases {
			return nil, l.limit("more than %d aliases", maxAliases)
		}
		if l.reply == nil {
			if rcode, ok := l.remembered(n); ok {
				return l.answer(rcode), nil
			}
			var err error
			if answer, err = l.ask(ctx, n); err != nil {
				return nil, err
			}
		}
		if done, err := l.positive(ctx, n, answer); done || err != nil {
			return l.finish(resolver.NoError, err)
		}
		target, aliased, err := l.alias(ctx, n, answer)
		if err != nil {
			return nil, err
		}
		if !aliased {
			rcode, err := l.negative(ctx, n)
			if err != nil && l.direct != n && isBogusError(err) {
				// The denial need not be meant for the end of the aliases.
				if answer, err = l.ask(ctx, n); err != nil {
					return nil, err
				}
				continue
			}
			return l.finish(rcode, err)
		}
		n = target
		if !l.goesOn(n, answer) {
			l.reply = nil
		}
	}
}

// ask fetches a reply for n itself.
func (l *lookup) ask(ctx context.Context, n name) (sets, error) {
	reply, err := l.fetch(ctx, n)
	if err != nil {
		return nil, err
	}
	l.reply, l.direct = reply, n
	answer, f := group(reply.Answer)
	if f != nil {
		return nil, l.bogus(f)
	}
	return answer, nil
}

func isBogusError(err error) bool {
	var e *resolver.Error
	return errors.As(err, &e) && e.Reason == resolver.BogusAnswer
}

func (l *lookup) finish(rcode resolver.RCode, err error) (*resolver.Answer, error) {
	if err != nil {
		return nil, err
	}
	return l.answer(rcode), nil
}

// goesOn reports whether the reply that held an alias speaks of its target too:
// with records, or with the SOA record of a denial.
func (l *lookup) goesOn(target name, answer sets) bool {
	if answer.records(target, l.typ) != nil || answer.records(target, dns.TypeCNAME) != nil {
		return true
	}
	for i := range answer {
		if answer[i].typ == dns.TypeDNAME && answer[i].owner != target && target.under(answer[i].owner) {
			return true
		}
	}
	for _, rr := range l.reply.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			if zone, ok := parseName(soa.Hdr.Name); ok && target.under(zone) {
				return true
			}
		}
	}
	return false
}

func (l *lookup) fetch(ctx context.Context, n name) (*dns.Msg, error) {
	if l.budget.fetches--; l.budget.fetches < 0 {
		return nil, l.limit("the lookup needs more than %d queries", maxFetches)
	}
	q := resolver.Question{Name: n.String(), Type: resolver.Type(l.typ)}
	r, err := l.v.fetch(ctx, q, l.avoid)
	if err != nil {
		return nil, l.named(err)
	}
	l.servers = append(l.servers, r.Server)
	if rc := r.Msg.Rcode; rc != dns.RcodeSuccess && rc != dns.RcodeNameError {
		return nil, l.named(failed(q, r))
	}
	l.v.note(r.Msg)
	return r.Msg, nil
}

// failed is the error for a reply that is none.
func failed(q resolver.Question, r *resolver.Reply) error {
	detail := resolver.RCode(r.Msg.Rcode).String()
	if r.Server != "" {
		detail += " from " + r.Server
	}
	if opt := r.Msg.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				detail += fmt.Sprintf(" (%s)", resolver.EDE(e.InfoCode))
				break
			}
		}
	}
	return &resolver.Error{Reason: resolver.ServerFailed, Name: q.Name, Type: q.Type, Detail: detail}
}

// named makes an error that arose on the way one of the question asked, so that
// the caller sees the name it knows.
func (l *lookup) named(err error) error {
	var e *resolver.Error
	if !errors.As(err, &e) {
		return err
	}
	name, t := l.asked.String(), resolver.Type(l.typ)
	if e.Name == name && e.Type == t && e.Answer != nil {
		return err
	}
	out := *e
	if e.Name != name || e.Type != t {
		out.Detail = "looking up " + e.Name + " " + e.Type.String()
		if e.Detail != "" {
			out.Detail += ": " + e.Detail
		}
	}
	out.Name, out.Type = name, t
	out.Answer = &resolver.Answer{
		Name: name, Type: t, RCode: resolver.ServFail, Reason: resolver.ReasonOf(&out), Chain: l.chain(),
	}
	return &out
}

func (l *lookup) limit(format string, args ...any) error {
	return l.named(&resolver.Error{
		Reason: resolver.Limit, Name: l.asked.String(), Type: resolver.Type(l.typ), Detail: fmt.Sprintf(format, args...),
	})
}

// bogus is the error for a proof that fails.
func (l *lookup) bogus(f *fault) error {
	l.v.stats.bogus.Add(1)
	name, t := l.asked.String(), resolver.Type(l.typ)
	a := &resolver.Answer{
		Name: name, Type: t, Status: resolver.Bogus, RCode: resolver.ServFail,
		Reason: f.text, EDE: resolver.EDE(f.ede), HasEDE: f.ede != noEDE,
		Chain: l.chain(), Expires: l.now.Add(bogusTTL),
	}
	return &resolver.Error{Reason: resolver.BogusAnswer, Name: name, Type: t, Detail: f.text, Answer: a}
}

// answer is what was found, with the worst status of its parts.
func (l *lookup) answer(rcode resolver.RCode) *resolver.Answer {
	a := &resolver.Answer{
		Name: l.asked.String(), Type: resolver.Type(l.typ), Status: l.status, RCode: rcode,
		Records: l.records, Chain: l.chain(),
	}
	if l.expires.After(l.now) {
		a.Expires = l.expires
	}
	a.Proof = l.evidence()
	if f := l.fault; f != nil {
		a.Reason = f.text
		a.EDE, a.HasEDE = resolver.EDE(f.ede), f.ede != noEDE
		if !a.HasEDE {
			a.EDE = 0
		}
	}
	return a
}

// chain joins the chains of the parts, each zone once.
func (l *lookup) chain() []resolver.Link {
	if len(l.zones) == 0 {
		return nil
	}
	chain := l.zones[0].chain
	for _, c := range l.zones[1:] {
	links:
		for _, link := range c.chain {
			for i := range chain {
				if chain[i].Zone == link.Zone {
					continue links
				}
			}
			chain = append(chain[:len(chain):len(chain)], link)
		}
	}
	return chain
}

// part takes in the status of one part of the answer.
func (l *lookup) part(c *cut, status resolver.Status, f *fault, expires time.Time) {
	if c != nil && (len(l.zones) == 0 || l.zones[len(l.zones)-1] != c) {
		l.zones = append(l.zones, c)
	}
	if worse := l.status.Worse(status); worse != l.status {
		l.status, l.fault = worse, f
	}
	l.expires = earlier(l.expires, expires)
}
