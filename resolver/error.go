package resolver

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// Reason says why a lookup gave no answer.
type Reason string

// The reasons. Each of them is a temporary failure to those who asked, except
// InvalidName: such a name cannot be asked at all.
const (
	Timeout      Reason = "timeout"
	ServerFailed Reason = "server failure"
	Unreachable  Reason = "no server could be reached"
	BogusAnswer  Reason = "bogus" // DNSSEC validation failed
	Limit        Reason = "limit reached"
	BadReply     Reason = "malformed reply"
	InvalidName  Reason = "not a name that can be looked up"
	NoDNSSEC     Reason = "the servers serve no DNSSEC" // where it is required
)

// Error is returned by Lookup for a question that got no answer.
type Error struct {
	Reason Reason
	Name   string // the name asked, canonical
	Type   Type
	Detail string  // what was tried or what the proof lacks; may be empty
	Answer *Answer // the evidence where there is any: RCode SERVFAIL, chain, EDE
}

func (e *Error) Error() string {
	s := fmt.Sprintf("resolver: %s %s: %s", e.Name, e.Type, e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// AsAnswer returns the evidence of a failed lookup in the form of an answer
// without records: the one in e, or one made of the reason. Its RCode is not
// NOERROR or NXDOMAIN, its Reason is never empty.
func (e *Error) AsAnswer() *Answer {
	a := &Answer{Name: e.Name, Type: e.Type, Status: StatusOf(nil, e), RCode: ServFail, Reason: ReasonOf(e)}
	if o := e.Answer; o != nil {
		a.RCode, a.EDE, a.HasEDE, a.Chain = o.RCode, o.EDE, o.HasEDE, o.Chain
		if o.Status != Indeterminate {
			a.Status = o.Status
		}
		if e.Reason == BogusAnswer && o.Reason != "" {
			a.Reason = o.Reason
		}
	}
	if code, ok := failureEDE[e.Reason]; ok && !a.HasEDE {
		a.EDE, a.HasEDE = EDE(code), true
	}
	return a
}

// failureEDE are the codes of RFC 8914, Section 4 for failures that have one.
var failureEDE = map[Reason]uint16{
	Timeout:     dns.ExtendedErrorCodeNoReachableAuthority,
	Unreachable: dns.ExtendedErrorCodeNetworkError,
	BogusAnswer: dns.ExtendedErrorCodeDNSBogus,
	BadReply:    dns.ExtendedErrorCodeInvalidData,
	NoDNSSEC:    dns.ExtendedErrorCodeDNSSECIndeterminate,
}

// StatusOf returns the DNSSEC status that goes with the outcome of a lookup:
// that of the answer, bogus for a bogus one, indeterminate for other errors.
func StatusOf(a *Answer, err error) Status {
	if err == nil {
		return a.Status // before e, which errors.As puts on the heap
	}
	var e *Error
	if errors.As(err, &e) && e.Reason == BogusAnswer {
		return Bogus
	}
	return Indeterminate
}

// ReasonOf returns the text that evidence quotes for a lookup that failed, such
// as "timeout" or "bogus: the signature expired".
func ReasonOf(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Detail == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Detail
}
