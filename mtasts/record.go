package mtasts

import (
	"context"
	"errors"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// Limits of the ABNF in RFC 8461, Section 3.1.
const (
	maxID   = 32
	maxName = 32
	// maxRecord bounds the text; the RFC does not. No record in use comes near.
	maxRecord = 4096
)

// versionTag begins every record, in this very form (RFC 8461, Section 3.1).
const versionTag = "v=STSv1;"

// Record is the TXT record at _mta-sts (RFC 8461, Section 3.1).
type Record struct {
	// ID tells versions of the policy apart: 1 to 32 letters and digits.
	ID string `json:"id"`
}

// ParseRecord parses the text of one TXT record.
func ParseRecord(txt string) (*Record, error) {
	bad := func(detail string) (*Record, error) {
		return nil, &Error{Reason: RecordInvalid, Detail: detail}
	}
	if !strings.HasPrefix(txt, versionTag) {
		return bad("it does not begin with " + versionTag)
	}
	if len(txt) > maxRecord {
		return bad("it is too long")
	}
	rec := new(Record)
	for rest := txt[len(versionTag):]; rest != ""; {
		field, after, more := strings.Cut(rest, ";")
		field, rest = ascii.TrimWSP(field), after
		if field == "" && ascii.TrimWSP(rest) == "" && !more {
			break // the last delimiter may be followed by nothing
		}
		name, value, ok := strings.Cut(field, "=")
		switch {
		case !ok || !validName(name) || !validValue(value):
			return bad("malformed field")
		case name != "id":
		case rec.ID != "":
			return bad("two ids")
		case !validID(value):
			return bad("the id is not 1 to 32 letters and digits")
		default:
			rec.ID = value
		}
	}
	if rec.ID == "" {
		return bad("it has no id")
	}
	return rec, nil
}

// validName is sts-ext-name.
func validName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !ascii.IsAlpha(c) && !ascii.IsDigit(c) && (i == 0 || c != '_' && c != '-' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// validValue is sts-ext-value: visible characters but "=" and ";".
func validValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if !ascii.IsPrint(s[i]) || s[i] == '=' || s[i] == ';' {
			return false
		}
	}
	return s != ""
}

func validID(s string) bool {
	for i := 0; i < len(s); i++ {
		if !ascii.IsAlpha(s[i]) && !ascii.IsDigit(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

// Lookup is the evidence of the question for the record.
type Lookup struct {
	Name   string          `json:"name"`
	Status resolver.Status `json:"status"`
	Failed bool            `json:"failed,omitempty"`
	Reason string          `json:"reason,omitempty"`
}

// LookupRecord returns the record of a policy domain. Without a usable record the
// Error says why.
func LookupRecord(ctx context.Context, r resolver.Resolver, domain string) (*Record, Lookup, *Error) {
	l := Lookup{Name: "_mta-sts." + domain}
	txts, answer, err := resolver.LookupTXT(ctx, r, l.Name)
	l.Status = resolver.StatusOf(answer, err)
	var failed *resolver.Error
	if errors.As(err, &failed) && failed.Reason == resolver.InvalidName {
		// With the prefix the name is too long for DNS: no record can be there.
		l.Reason = resolver.ReasonOf(err)
		return nil, l, &Error{Reason: NoRecord, Domain: domain, Detail: l.Reason}
	}
	if err != nil {
		l.Failed, l.Reason = true, resolver.ReasonOf(err)
		return nil, l, &Error{Reason: RecordLookup, Domain: domain, Detail: l.Reason, Err: err}
	}
	var found []string
	for _, txt := range txts {
		// RFC 8461, Section 3.1: others are discarded, and then there must be one.
		if strings.HasPrefix(txt, versionTag) {
			found = append(found, txt)
		}
	}
	switch {
	case len(found) == 0:
		return nil, l, &Error{Reason: NoRecord, Domain: domain}
	case len(found) > 1:
		return nil, l, &Error{Reason: ManyRecords, Domain: domain}
	}
	rec, err := ParseRecord(found[0])
	if err != nil {
		e := err.(*Error)
		e.Domain = domain
		return nil, l, e
	}
	return rec, l, nil
}
