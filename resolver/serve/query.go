package serve

import (
	"errors"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

const headerSize = 12 // RFC 1035, Section 4.1.1

// query is one question as a client put it.
type query struct {
	id       uint16
	asked    dns.Question // in the client's spelling
	question resolver.Question
	bits     bits
	edns     bool
	size     int // of a reply that it takes over UDP
	limit    int // of the reply
}

// bits are what a client asks for beside the answer.
type bits struct {
	recursion bool // RD
	authentic bool // AD: it understands the bit (RFC 6840, Section 5.7)
	unchecked bool // CD (RFC 4035, Section 3.2.2)
	dnssec    bool // DO (RFC 3225)
}

// parse reads a query. What cannot be answered gives a refusal; what is not even
// a query, or could start an endless exchange of errors, gives neither.
func parse(wire []byte) (*query, *dns.Msg) {
	if len(wire) < headerSize || wire[2]&0x80 != 0 {
		return nil, nil // too short, or a reply
	}
	var m dns.Msg
	if err := m.Unpack(wire); err != nil {
		bad := &dns.Msg{}
		bad.Id = uint16(wire[0])<<8 | uint16(wire[1])
		bad.Opcode = int(wire[2]>>3) & 0xf
		return nil, refuse(bad, dns.RcodeFormatError)
	}
	opts := 0
	for _, rr := range m.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			opts++
		}
	}
	opt := m.IsEdns0()
	switch {
	case m.Opcode != dns.OpcodeQuery:
		return nil, refuse(&m, dns.RcodeNotImplemented)
	case len(m.Question) != 1, opts > 1, // RFC 9619, Section 4; RFC 6891, Section 6.1.1
		m.Question[0].Qclass == 0: // cut off, which Unpack lets through
		return nil, refuse(&m, dns.RcodeFormatError)
	case opt != nil && opt.Version() != 0:
		return nil, refuse(&m, dns.RcodeBadVers)
	case m.Question[0].Qclass != dns.ClassINET:
		return nil, refuse(&m, dns.RcodeRefused)
	}
	q := &query{id: m.Id, asked: m.Question[0], size: minUDPSize}
	q.bits = bits{recursion: m.RecursionDesired, authentic: m.AuthenticatedData, unchecked: m.CheckingDisabled}
	if opt != nil {
		q.edns, q.size, q.bits.dnssec = true, int(opt.UDPSize()), opt.Do()
	}
	var err error
	if q.question, err = resolver.NewQuestion(q.asked.Name, resolver.Type(q.asked.Qtype)); err != nil {
		return nil, refuse(&m, unaskable(err))
	}
	return q, nil
}

// unaskable is the response code for a question that no resolver takes: AXFR and
// its like, or signatures alone.
func unaskable(err error) int {
	var e *resolver.Error
	if errors.As(err, &e) && e.Reason == resolver.InvalidName {
		return dns.RcodeNotImplemented
	}
	return dns.RcodeServerFailure
}

// refuse makes a reply without records.
func refuse(m *dns.Msg, rcode int) *dns.Msg {
	r := new(dns.Msg)
	r.Id, r.Response, r.Opcode = m.Id, true, m.Opcode
	r.RecursionDesired, r.CheckingDisabled, r.RecursionAvailable = m.RecursionDesired, m.CheckingDisabled, true
	if len(m.Question) == 1 {
		r.Question = m.Question
	}
	r.Rcode = rcode
	if opt := m.IsEdns0(); opt != nil {
		r.SetEdns0(UDPSize, opt.Do())
	} else if rcode > 0xf {
		r.Rcode = dns.RcodeServerFailure
	}
	return r
}
