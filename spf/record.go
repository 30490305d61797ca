package spf

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Limits on a stranger's record.
const (
	MaxRecordBytes = 64 << 10 // no TXT record can be longer (RFC 1035, Section 3.2.1)
	MaxTerms       = 4096     // no standard sets one; records in use stay under 100
)

const version = "v=spf1"

// Mechanism is a mechanism of RFC 7208, Section 5.
type Mechanism uint8

// The mechanisms.
const (
	All Mechanism = iota
	Include
	A
	MX
	PTR
	IP4
	IP6
	Exists
)

var mechanismNames = [...]string{"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}

func (m Mechanism) String() string { return mechanismNames[m] }

// Directive is a mechanism with its qualifier (RFC 7208, Section 4.6.2).
type Directive struct {
	Text      string       // as written
	Domain    DomainSpec   // of include, a, mx, ptr, exists; the zero value where absent
	Prefix    netip.Prefix // of ip4 and ip6
	Qualifier Result       // Pass, Fail, SoftFail or Neutral
	Mechanism Mechanism
	CIDR4     uint8 // of a and mx, 32 if absent
	CIDR6     uint8 // of a and mx, 128 if absent
}

// Modifier is a modifier (RFC 7208, Section 6).
type Modifier struct {
	Text   string     // as written; empty if the record lacks it
	Domain DomainSpec // of redirect and exp
}

// Record is a parsed SPF record. It refers to the text it was parsed from.
type Record struct {
	Text       string
	Directives []Directive
	Redirect   Modifier
	Exp        Modifier
	Unknown    []string // modifiers that this version does not know, as written
	HasAll     bool     // redirect is ignored (RFC 7208, Section 6.1)
}

// Reason says why a record is refused.
type Reason string

// The reasons.
const (
	NotSPF           Reason = "not an SPF version 1 record"
	RecordTooLong    Reason = "record too long"
	TooManyTerms     Reason = "too many terms"
	BadTerm          Reason = "neither a mechanism nor a modifier"
	UnknownMechanism Reason = "unknown mechanism"
	UnwantedArgument Reason = "this mechanism takes no argument"
	MissingDomain    Reason = "a domain is missing"
	BadDomain        Reason = "malformed domain"
	BadToplabel      Reason = "the domain must end in a dot and a top-level name that is not a number"
	AddressAsDomain  Reason = "an IP address where a domain is expected; ip4: or ip6: may be meant"
	BadMacro         Reason = "malformed macro"
	MacroOnlyInExp   Reason = "the macros c, r and t are for explanations only"
	BadCharacter     Reason = "character not allowed"
	BadAddress       Reason = "malformed IP address"
	BadCIDR          Reason = "malformed prefix length"
	Duplicate        Reason = "redirect or exp given twice"
)

// Error is returned for a record with a syntax error.
type Error struct {
	Reason Reason
	Term   string // the offending term, shortened and quoted where it has control characters
	Offset int    // where that term begins, in bytes
}

func (e *Error) Error() string {
	if e.Term == "" {
		return "spf: " + string(e.Reason)
	}
	return fmt.Sprintf("spf: %s at offset %d: %s", e.Term, e.Offset, e.Reason)
}

// IsRecord reports whether text is an SPF version 1 record, well-formed or not:
// "v=spf1" in any case, then a space or the end (RFC 7208, Section 4.5).
func IsRecord(text string) bool {
	return ascii.HasPrefixFold(text, version) && (len(text) == len(version) || text[len(version)] == ' ')
}

// ParseRecord parses an SPF record. Any syntax error anywhere refuses the whole
// (RFC 7208, Section 4.6); the error is a *Error.
func ParseRecord(text string) (*Record, error) {
	r, err := parseRecord(text)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// parseRecord parses record = version terms *SP.
func parseRecord(text string) (*Record, *Error) {
	if !IsRecord(text) {
		return nil, &Error{Reason: NotSPF}
	}
	if len(text) > MaxRecordBytes {
		return nil, &Error{Reason: RecordTooLong}
	}
	r := &Record{Text: text}
	rest := text[len(version):]
	if n := strings.Count(rest, " "); n > 0 {
		r.Directives = make([]Directive, 0, min(n, MaxTerms))
	}
	for terms := 0; ; terms++ {
		rest = strings.TrimLeft(rest, " ")
		if rest == "" {
			return r, nil
		}
		offset := len(text) - len(rest)
		if terms == MaxTerms {
			return nil, &Error{Reason: TooManyTerms, Term: quoteTerm(firstTerm(rest)), Offset: offset}
		}
		term := firstTerm(rest)
		rest = rest[len(term):]
		if reason := r.addTerm(term); reason != "" {
			return nil, &Error{Reason: reason, Term: quoteTerm(term), Offset: offset}
		}
	}
}

func firstTerm(s string) string {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i]
	}
	return s
}

// addTerm parses one directive or modifier and adds it to the record.
func (r *Record) addTerm(term string) Reason {
	n := nameLen(term)
	if n > 0 && n < len(term) && term[n] == '=' {
		return r.addModifier(term, term[:n], term[n+1:])
	}
	// Parsed in place: a Directive is large, and most records have many.
	r.Directives = append(r.Directives, Directive{Text: term})
	d := &r.Directives[len(r.Directives)-1]
	reason := d.parse(term)
	if d.Mechanism == All {
		r.HasAll = true
	}
	return reason
}

// nameLen returns the length of the name = ALPHA *( ALPHA / DIGIT / "-" / "_" /
// "." ) at the start of s.
func nameLen(s string) int {
	if s == "" || !ascii.IsAlpha(s[0]) {
		return 0
	}
	i := 1
	for i < len(s) && (ascii.IsAlpha(s[i]) || ascii.IsDigit(s[i]) || s[i] == '-' || s[i] == '_' || s[i] == '.') {
		i++
	}
	return i
}

// addModifier parses a modifier. The known names never count as unknown
// modifiers, whatever their argument.
func (r *Record) addModifier(term, name, value string) Reason {
	var m *Modifier
	switch {
	case ascii.EqualFold(name, "redirect"):
		m = &r.Redirect
	case ascii.EqualFold(name, "exp"):
		m = &r.Exp
	default:
		r.Unknown = append(r.Unknown, term)
		_, reason := checkMacros(value, macroTerm)
		return reason // RFC 7208, Section 6: ignored, but well-formed
	}
	if m.Text != "" {
		return Duplicate // RFC 7208, Section 6: not more than once each
	}
	m.Text = term
	return m.Domain.parse(value)
}

// quoteTerm returns a term for use in messages.
func quoteTerm(term string) string {
	const most = 80
	if len(term) > most {
		term = term[:most] + "..."
	}
	for i := 0; i < len(term); i++ {
		if !ascii.IsPrint(term[i]) {
			return fmt.Sprintf("%+q", term)
		}
	}
	return term
}
