package mtasts

import "fmt"

// Reason says what keeps a domain's policy from being used.
type Reason string

// The reasons.
const (
	RecordLookup    Reason = "the TXT record could not be looked up"
	NoRecord        Reason = "there is no TXT record"
	ManyRecords     Reason = "there is more than one TXT record"
	RecordInvalid   Reason = "the TXT record is malformed"
	HostLookup      Reason = "the policy host could not be looked up"
	NoHost          Reason = "the policy host has no address"
	ForbiddenHost   Reason = "the policy host must not be connected to"
	Unreachable     Reason = "the policy host could not be reached"
	Timeout         Reason = "the policy could not be fetched in time"
	BadCertificate  Reason = "the policy host's certificate is not valid for it"
	HandshakeFailed Reason = "the policy host's TLS handshake failed"
	HTTPFailed      Reason = "the policy host's HTTP reply is broken"
	Redirected      Reason = "the policy host redirects, which is forbidden"
	BadStatus       Reason = "the policy host did not answer 200"
	BadContentType  Reason = "the policy is not text/plain"
	TooLarge        Reason = "the policy is over 64 KB"
	PolicyInvalid   Reason = "the policy is malformed"
	BackingOff      Reason = "the last fetch failed less than five minutes ago"
	NotAwaited      Reason = "the fetch takes longer than the asker waits"
	StoreFailed     Reason = "the policy cache failed"
	Faulted         Reason = "the fetch ended in a fault of this program"
)

// Error is what went wrong with a record, a fetch or a policy.
type Error struct {
	Reason Reason
	Domain string // the policy domain; empty from the parsers
	Detail string
	Line   int   // of the policy, from 1; 0 for none
	Err    error // the cause, where it is another package's error
}

func (e *Error) Error() string {
	s := "mtasts: "
	if e.Domain != "" {
		s += e.Domain + ": "
	}
	s += string(e.Reason)
	if e.Line != 0 {
		s += fmt.Sprintf(": line %d", e.Line)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// MarshalText gives the sentence without the package's prefix.
func (e *Error) MarshalText() ([]byte, error) {
	return []byte(e.Error()[len("mtasts: "):]), nil
}

// Kind sorts the reasons for those who report them.
type Kind string

// The kinds. FetchError, Invalid and WebPKI are the failures that RFC 8460,
// Section 4.3.2.2 knows.
const (
	NotThere   Kind = "none"        // no policy is published
	Temporary  Kind = "temporary"   // DNS did not tell, or nobody waited
	FetchError Kind = "fetch-error" // sts-policy-fetch-error
	Invalid    Kind = "invalid"     // sts-policy-invalid
	WebPKI     Kind = "webpki"      // sts-webpki-invalid
	Local      Kind = "local"       // our own trouble, not theirs
)

// Kind returns what sort of failure the reason is.
func (r Reason) Kind() Kind {
	switch r {
	case NoRecord:
		return NotThere
	case RecordLookup, NotAwaited, Faulted:
		return Temporary
	case ManyRecords, RecordInvalid, PolicyInvalid:
		return Invalid
	case BadCertificate:
		return WebPKI
	case StoreFailed:
		return Local
	}
	return FetchError
}
