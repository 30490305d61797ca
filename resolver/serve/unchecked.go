package serve

import (
	"context"
	"slices"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// uncheckedAnswer passes on what the source says, for clients that validate
// themselves. Aliases are followed for them.
func (s *Server) uncheckedAnswer(ctx context.Context, q *query) []byte {
	m := q.start()
	parts, err := resolver.Follow(ctx, q.question, func(ctx context.Context, at resolver.Question) (*resolver.Part, error) {
		r, err := s.Source.Fetch(ctx, at)
		if err != nil {
			return nil, err
		}
		m.Rcode, m.Ns = r.Msg.Rcode, r.Msg.Ns
		m.Answer = append(m.Answer, r.Msg.Answer...)
		if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
			return &resolver.Part{Target: at.Name, Done: true}, nil
		}
		return resolver.ReadReply(at, r)
	})
	if err != nil || len(parts) == 0 {
		return s.failed(q, err)
	}
	if m.Rcode > 0xf {
		m.Rcode = dns.RcodeServerFailure // about EDNS between the source and its server
	}
	if !q.bits.dnssec {
		m.Answer, m.Ns = withoutDNSSEC(m.Answer, q.question.Type), withoutDNSSEC(m.Ns, q.question.Type)
	}
	isOPT := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT }
	m.Answer = slices.DeleteFunc(slices.Clone(m.Answer), isOPT)
	m.Ns = slices.DeleteFunc(slices.Clone(m.Ns), isOPT)
	q.explain(m, nil)
	return s.pack(m, nil, q.limit)
}
