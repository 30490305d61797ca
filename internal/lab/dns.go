package lab

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// Tamper changes the reply to a question on its way; a reply of SERVFAIL is one
// that nobody can use.
type Tamper func(q resolver.Question, m *dns.Msg) *dns.Msg

// dnsPath is the way to the DNS: the world's zones, and the attackers who sit
// between them and those who ask.
type dnsPath struct {
	world *zonesign.World
	note  func(format string, args ...any)

	mu     sync.Mutex
	tamper []Tamper
	told   map[string]bool // what was noted already
}

// Fetch implements resolver.Source.
func (p *dnsPath) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	r, err := p.world.Fetch(ctx, q)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	forged := false
	for _, t := range p.tamper {
		before := r.Msg
		r.Msg = t(q, before)
		forged = forged || r.Msg != before
	}
	p.tell(q, r.Msg, forged)
	return r, nil
}

// tell notes an answer the first time it is given; DNSSEC's own are left out.
func (p *dnsPath) tell(q resolver.Question, m *dns.Msg, forged bool) {
	switch q.Type {
	case resolver.TypeDNSKEY, resolver.TypeDS, resolver.TypeNS, resolver.TypeSOA:
		return
	}
	var values []string
	for _, rr := range m.Answer {
		if _, ok := rr.(*dns.RRSIG); !ok {
			value := strings.TrimPrefix(rr.String(), rr.Header().String())
			if len(value) > 100 {
				value = value[:97] + "..."
			}
			values = append(values, value)
		}
	}
	answer := strings.Join(values, ", ")
	if answer == "" {
		answer = dns.RcodeToString[m.Rcode]
		if m.Rcode == dns.RcodeSuccess {
			answer = "no such records"
		}
	}
	line := fmt.Sprintf("%s %s: %s", q.Name, q.Type, answer)
	if forged {
		line += "  (changed by the attacker)"
	}
	if !p.told[line] {
		p.told[line] = true
		p.note("%s", line)
	}
}

func (p *dnsPath) add(t Tamper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tamper = append(p.tamper, t)
}

// Forge answers a question with other records, which nobody has signed.
func Forge(name string, t resolver.Type, records ...string) Tamper {
	var rrs []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err) // the text is one of our own
		}
		rrs = append(rrs, rr)
	}
	return func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if q.Name != name || q.Type != t {
			return m
		}
		f := reply(m, dns.RcodeSuccess)
		f.Answer = rrs
		return f
	}
}

// Deny says that a name does not exist, at it and below.
func Deny(name string) Tamper {
	return func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if !dns.IsSubDomain(name+".", q.Name+".") {
			return m
		}
		return reply(m, dns.RcodeNameError)
	}
}

// Fail answers SERVFAIL for a name and below.
func Fail(name string) Tamper {
	return func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if !dns.IsSubDomain(name+".", q.Name+".") {
			return m
		}
		return reply(m, dns.RcodeServerFailure)
	}
}

// StripSignatures takes all of DNSSEC out of answers about a zone.
func StripSignatures(zone string) Tamper {
	return func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if !dns.IsSubDomain(zone+".", q.Name+".") || q.Type == resolver.TypeDS {
			return m
		}
		f := reply(m, m.Rcode)
		f.Answer, f.Ns = withoutDNSSEC(m.Answer), withoutDNSSEC(m.Ns)
		return f
	}
}

func withoutDNSSEC(rrs []dns.RR) []dns.RR {
	var left []dns.RR
	for _, rr := range rrs {
		switch rr.Header().Rrtype {
		case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeDNSKEY:
		default:
			left = append(left, rr)
		}
	}
	return left
}

// reply is an empty reply to the question of m.
func reply(m *dns.Msg, rcode int) *dns.Msg {
	f := new(dns.Msg)
	f.Question = m.Question
	f.Response, f.Authoritative, f.Rcode = true, true, rcode
	return f
}
