package milter

import "fmt"

// Reason says why a connection or a message ended in another way than it should.
type Reason string

// The reasons.
const (
	BadPacket   Reason = "malformed packet"
	TooLarge    Reason = "packet too large"
	BadSequence Reason = "command out of sequence"
	BadOffer    Reason = "mail server offers too little"
	Closed      Reason = "connection closed within a message"
	Timeout     Reason = "timeout"
	WriteFailed Reason = "write failed"
	Full        Reason = "too many connections"

	Panicked   Reason = "panic while judging a message"
	NoVerdict  Reason = "no judgement in time"
	BodyFailed Reason = "body could not be taken"
	BadHeader  Reason = "header field that cannot be one"
	ManyRcpt   Reason = "too many recipients"
	BadAnswer  Reason = "answer that cannot be given"
	AddrDiffer Reason = "mail server names two client addresses"
)

// Error is the one error of this package.
type Error struct {
	Reason  Reason
	Command byte   // of the packet at which it was found; 0 if none
	Detail  string // the offending bytes, number or name; may be empty
	Err     error  // the cause below, where there is one
}

func (e *Error) Error() string {
	s := "milter: "
	if e.Command != 0 {
		s += fmt.Sprintf("command %q: ", e.Command)
	}
	s += string(e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
