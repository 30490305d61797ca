package resolver

import (
	"errors"
	"fmt"
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
