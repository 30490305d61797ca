package smtp

import "fmt"

// Reason says what went wrong on the wire.
type Reason string

// The reasons. The first group is about the bytes, the second about the
// connection, the third about what was asked of the other side.
const (
	BareLF           Reason = "bare LF"
	BareCR           Reason = "bare CR"
	LineTooLong      Reason = "line too long"
	ControlCharacter Reason = "control character"
	BadCommand       Reason = "malformed command"
	BadPath          Reason = "malformed path"
	BadParameter     Reason = "malformed parameter"
	UnknownParameter Reason = "unknown parameter"
	NeedsUTF8        Reason = "SMTPUTF8 needed"
	BadReply         Reason = "malformed reply"
	ReplyTooLong     Reason = "reply too long"
	BadProxyHeader   Reason = "malformed PROXY header"

	Timeout     Reason = "timeout"
	GivenUp     Reason = "given up" // by us: the caller's context was cancelled
	TooSlow     Reason = "too slow"
	Closed      Reason = "connection closed"
	Truncated   Reason = "message cut short"
	EarlyData   Reason = "data sent too early"
	TLSFailed   Reason = "TLS handshake failed"
	Panicked    Reason = "panic in a session"
	WriteFailed Reason = "write failed"

	Refused     Reason = "refused"
	NotOffered  Reason = "extension not offered"
	NeedsTLS    Reason = "TLS needed"
	TooLarge    Reason = "message too large"
	BadMessage  Reason = "message could not be read"
	BadSequence Reason = "bad sequence"
)

// Error is the one error of this package.
type Error struct {
	Reason Reason
	Verb   string // the command it belongs to; "greeting" or "message" where there is none
	Detail string // the offending bytes, name or limit; may be empty
	Reply  *Reply // the reply that refused, with Refused
	Err    error  // the cause below, where there is one
}

func (e *Error) Error() string {
	s := "smtp: "
	if e.Verb != "" {
		s += e.Verb + ": "
	}
	s += string(e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Reply != nil {
		s += ": " + e.Reply.String()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether a later try can end otherwise: all that happens to
// a connection, and replies that are not 5yz.
func (e *Error) Temporary() bool {
	switch e.Reason {
	case Refused:
		return e.Reply == nil || !e.Reply.Permanent()
	case BareLF, BareCR, LineTooLong, BadPath, BadParameter, BadCommand,
		UnknownParameter, NeedsUTF8, TooLarge, NotOffered:
		return false // about our own message; what is wrong with a reply is BadReply
	}
	return true
}

// quote returns b for an error's Detail, cut to a length that fits in a log.
func quote[T string | []byte](b T) string {
	const most = 64
	if len(b) > most {
		return fmt.Sprintf("%q...", b[:most])
	}
	return fmt.Sprintf("%q", b)
}
