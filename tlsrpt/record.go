package tlsrpt

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// Reason says why a domain gets no reports, or why a report cannot be read.
type Reason string

// The reasons.
const (
	LookupFailed  Reason = "the TXT record could not be looked up"
	NoRecord      Reason = "there is no TXT record"
	ManyRecords   Reason = "there is more than one TXT record"
	RecordInvalid Reason = "the TXT record is malformed"
	ReportInvalid Reason = "the report is malformed"
	ReportTooBig  Reason = "the report is too large"
)

// Error is what is wrong with a record or a report.
type Error struct {
	Reason Reason
	Domain string // of the record; empty from the parsers
	Detail string
	Err    error // the cause, where it is another package's error
}

func (e *Error) Error() string {
	s := "tlsrpt: "
	if e.Domain != "" {
		s += e.Domain + ": "
	}
	s += string(e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

const (
	// versionTag begins every record (RFC 8460, Section 3).
	versionTag = "v=TLSRPTv1;"
	// maxRecord bounds the text and MaxURIs the addressees; the RFC bounds neither.
	maxRecord = 8192
	// MaxURIs is how many addressees of a record count.
	MaxURIs = 10
	// maxName is the longest name of an extension (RFC 8460, Section 3).
	maxName = 32
)

// Record is the TXT record at _smtp._tls (RFC 8460, Section 3).
type Record struct {
	// RUA are the mailto and https URIs to send reports to, at most MaxURIs. URIs
	// of other schemes are left out.
	RUA []string `json:"rua"`
}

// ParseRecord parses the text of one TXT record.
func ParseRecord(txt string) (*Record, error) {
	bad := func(detail string, args ...any) (*Record, error) {
		return nil, &Error{Reason: RecordInvalid, Detail: fmt.Sprintf(detail, args...)}
	}
	if !strings.HasPrefix(txt, versionTag) {
		return bad("it does not begin with %s", versionTag)
	}
	if len(txt) > maxRecord {
		return bad("it is too long")
	}
	var rec *Record
	for rest := txt[len(versionTag):]; rest != ""; {
		field, after, more := strings.Cut(rest, ";")
		field, rest = ascii.TrimWSP(field), after
		if field == "" && !more {
			break // the last delimiter may be followed by nothing
		}
		name, value, ok := strings.Cut(field, "=")
		if !ok || !validName(name) || value == "" {
			return bad("malformed field")
		}
		if name != "rua" {
			continue // RFC 8460, Section 3: extensions are ignored
		}
		if rec != nil {
			return bad("two rua fields")
		}
		rec = &Record{RUA: []string{}}
		for uri := range strings.SplitSeq(value, ",") {
			uri = ascii.TrimWSP(uri)
			switch ok, known := checkURI(uri); {
			case !ok:
				return bad("%q is no URI", shorten(uri))
			case known && len(rec.RUA) < MaxURIs:
				rec.RUA = append(rec.RUA, uri)
			}
		}
	}
	if rec == nil {
		return bad("it has no rua field")
	}
	return rec, nil
}

// checkURI reports whether s is a URI and of a scheme that reports are sent to
// (RFC 8460, Section 3).
func checkURI(s string) (ok, known bool) {
	for i := 0; i < len(s); i++ {
		if !ascii.IsPrint(s[i]) || s[i] == '!' {
			return false, false // RFC 8460, Section 3: "!" must be encoded
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return false, false
	}
	switch u.Scheme {
	case "mailto":
		return strings.Contains(u.Opaque, "@"), true
	case "https":
		return u.Host != "", true
	}
	return true, false
}

func validName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !ascii.IsAlpha(c) && !ascii.IsDigit(c) && (i == 0 || c != '_' && c != '-' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func shorten(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// LookupRecord returns the record of a domain: of the recipient domain for MTA-STS
// and no policy, of the MX host for DANE. The status is that of the lookup; without
// a usable record the Error says why.
func LookupRecord(ctx context.Context, r resolver.Resolver, domain string) (*Record, resolver.Status, *Error) {
	txts, answer, err := resolver.LookupTXT(ctx, r, "_smtp._tls."+domain)
	status := resolver.StatusOf(answer, err)
	if err != nil {
		return nil, status, &Error{LookupFailed, domain, resolver.ReasonOf(err), err}
	}
	var found []string
	for _, txt := range txts {
		if strings.HasPrefix(txt, versionTag) {
			found = append(found, txt)
		}
	}
	switch {
	case len(found) == 0:
		return nil, status, &Error{Reason: NoRecord, Domain: domain}
	case len(found) > 1: // RFC 8460, Section 3: then the domain asks for nothing
		return nil, status, &Error{Reason: ManyRecords, Domain: domain}
	}
	rec, err := ParseRecord(found[0])
	if err != nil {
		e := err.(*Error)
		e.Domain = domain
		return nil, status, e
	}
	return rec, status, nil
}
