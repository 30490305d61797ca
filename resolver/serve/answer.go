package serve

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// maxText bounds the text of an extended error, in bytes.
const maxText = 200

// peek answers from what the resolver knows.
func (s *Server) peek(q *query) (*resolver.Answer, bool) {
	p, ok := s.Resolver.(resolver.Peeker)
	if !ok || q.bits.unchecked && s.Source != nil {
		return nil, false
	}
	return p.Peek(q.question.Name, q.question.Type)
}

// survive is deferred: it reports a panic and puts something else in the place of
// what was not finished.
func (s *Server) survive(instead func()) {
	if v := recover(); v != nil {
		s.report(fmt.Errorf("serve: panic: %v\n%s", v, debug.Stack()))
		instead()
	}
}

// slow answers a query that may need a lookup; nil if the server is to end. A
// panic costs this answer alone.
func (s *Server) slow(ctx context.Context, q *query) (wire []byte) {
	defer s.survive(func() { wire = s.fail(q, dns.RcodeServerFailure, nil) })
	ctx, cancel := context.WithTimeout(ctx, resolver.MaxLookup)
	defer cancel()
	if q.bits.unchecked && s.Source != nil {
		return s.uncheckedAnswer(ctx, q)
	}
	a, err := s.Resolver.Lookup(ctx, q.question.Name, q.question.Type)
	if err != nil {
		return s.failed(q, err)
	}
	return s.answer(q, a, nil)
}

// failed is the reply for a lookup that gave no answer.
func (s *Server) failed(q *query, err error) []byte {
	var e *resolver.Error
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case !errors.As(err, &e):
		return s.fail(q, dns.RcodeServerFailure, nil)
	}
	return s.fail(q, unaskable(e), e.AsAnswer())
}

func (s *Server) fail(q *query, rcode int, why *resolver.Answer) []byte {
	m := q.start()
	m.Rcode = rcode
	q.explain(m, why)
	return s.pack(m, nil, q.limit)
}

// answer writes what was found, into out if it fits.
func (s *Server) answer(q *query, a *resolver.Answer, out []byte) []byte {
	m := q.start()
	m.Rcode = int(a.RCode)
	m.Answer = a.Records
	// RFC 4035, Section 3.2.3; RFC 6840, Section 5.8 and, for CD, 5.9.
	m.AuthenticatedData = a.Status == resolver.Secure && (q.bits.authentic || q.bits.dnssec)
	if p := a.Proof; p != nil {
		m.Ns = p.Authority
		if q.bits.dnssec {
			m.Answer = append(a.Records[:len(a.Records):len(a.Records)], p.Signatures...)
		} else {
			m.Ns = withoutDNSSEC(p.Authority, q.question.Type)
		}
	}
	q.explain(m, a)
	wire := s.pack(m, out, q.limit)
	left := max(a.Expires.Sub(s.now()), 0) // without an end it must not be kept
	capTTL(wire, uint32((left+time.Second-1)/time.Second))
	return wire
}

// start is the part of a reply that repeats the query.
func (q *query) start() *dns.Msg {
	m := &dns.Msg{Question: []dns.Question{q.asked}}
	m.Id, m.Response, m.RecursionAvailable = q.id, true, true
	m.RecursionDesired, m.CheckingDisabled = q.bits.recursion, q.bits.unchecked
	return m
}

// explain adds EDNS, and the extended error to those who can read it.
func (q *query) explain(m *dns.Msg, a *resolver.Answer) {
	if !q.edns {
		return
	}
	m.SetEdns0(UDPSize, q.bits.dnssec)
	if a == nil || !a.HasEDE {
		return
	}
	text := a.Reason
	if len(text) > maxText {
		text = text[:maxText]
	}
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: uint16(a.EDE), ExtraText: text})
}

// pack returns the wire form, truncated if it is over the limit; a message that
// cannot be packed becomes a server failure.
func (s *Server) pack(m *dns.Msg, out []byte, limit int) []byte {
	// On loopback the time that name compression takes is worth more than the
	// bytes, so it comes only where they matter.
	m.Compress = false
	wire, err := m.PackBuffer(out[:cap(out)])
	if err == nil && len(wire) > limit {
		m.Compress = true
		wire, err = m.PackBuffer(out[:cap(out)])
	}
	if err == nil && len(wire) > limit {
		m.Truncate(limit)
		wire, err = m.PackBuffer(out[:cap(out)])
	}
	if err == nil && len(wire) <= limit {
		return wire
	}
	s.report(fmt.Errorf("serve: a reply of %d records cannot be packed: %v", len(m.Answer), err))
	bad := &dns.Msg{MsgHdr: m.MsgHdr, Question: m.Question}
	bad.Rcode, bad.AuthenticatedData = dns.RcodeServerFailure, false
	wire, err = bad.Pack()
	if err != nil {
		return nil
	}
	return wire
}

// withoutDNSSEC leaves out what only those get who ask for it (RFC 4035, Section
// 3.1), unless it is the type asked for.
func withoutDNSSEC(section []dns.RR, asked resolver.Type) []dns.RR {
	var out []dns.RR
	for _, rr := range section {
		switch t := rr.Header().Rrtype; t {
		case dns.TypeOPT:
		case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
			if resolver.Type(t) == asked {
				out = append(out, rr)
			}
		default:
			out = append(out, rr)
		}
	}
	return out
}
