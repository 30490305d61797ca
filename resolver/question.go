package resolver

import (
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/ascii"
)

// Limits of RFC 1035, Section 2.3.4, in bytes of the presentation form of a
// name without escapes and final dot.
const (
	maxName  = 253
	maxLabel = 63
)

// NewQuestion returns the question for name in its one canonical form: lower
// case, no trailing dot, escapes as miekg/dns writes them. The error is a *Error
// with reason InvalidName for a name or a type that cannot be asked.
func NewQuestion(name string, t Type) (Question, error) {
	q := Question{CanonicalName(name), t}
	if !askable(t) {
		return q, &Error{Reason: InvalidName, Name: q.Name, Type: t, Detail: "the type is none of stored records"}
	}
	if plain(q.Name) || name == "." {
		return q, nil
	}
	if name == "" {
		return q, &Error{Reason: InvalidName, Name: name, Type: t, Detail: "empty name"}
	}
	// Escapes, or bytes that need some: the wire knows only one form.
	var wire [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), wire[:], 0, nil, false)
	if err == nil {
		name, _, err = dns.UnpackDomainName(wire[:n], 0)
	}
	if err != nil {
		return q, &Error{Reason: InvalidName, Name: q.Name, Type: t}
	}
	q.Name = CanonicalName(name)
	return q, nil
}

// plain reports whether name is within the limits and has only characters that
// no escape is needed for.
func plain(name string) bool {
	label := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case !ascii.IsAlpha(c) && !ascii.IsDigit(c) && c != '-' && c != '_':
			return false
		}
		if label++; label > maxLabel {
			return false
		}
	}
	return label > 0 && len(name) <= maxName
}

// askable reports whether t can be looked up: not OPT, not what RFC 6895,
// Section 3.1 sets aside for queries, except ANY.
func askable(t Type) bool {
	return t != 0 && t != Type(dns.TypeOPT) && (t < 128 || t > 254)
}
