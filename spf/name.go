package spf

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
)

// maxExpanded is how long an expanded domain-spec may get before labels are
// taken off its left. A domain-spec in use has one or two macros; each is as
// long as a mailbox at most (RFC 5321, Section 4.5.3.1).
const maxExpanded = 16 << 10

// target returns the target-name of a term: its domain-spec expanded, or the
// domain itself (RFC 7208, Section 4.8). It reports false if that is not a name
// that can be asked.
func (k *check) target(d *DomainSpec, domain string) (string, bool) {
	if d.Text == "" {
		return domain, true
	}
	if !d.macros {
		return d.name, d.name != ""
	}
	expanded, ok := k.appendExpanded(nil, d.Text, domain, macroTerm, maxExpanded)
	if !ok {
		return "", false
	}
	return queryName(string(expanded))
}

// queryName returns the canonical presentation form of an expanded
// domain-spec, and false if it is not a domain name.
func queryName(s string) (string, bool) {
	s = strings.TrimSuffix(s, ".")
	// RFC 7208, Section 7.3: labels go from the left until it fits.
	for len(s) > domain.MaxName {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			return "", false
		}
		s = s[i+1:]
	}
	label, plain := 0, true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if label == 0 {
				return "", false
			}
			label = 0
			continue
		}
		if label++; label > domain.MaxLabel || c >= 0x80 {
			return "", false
		}
		plain = plain && !needsEscape(c)
	}
	if label == 0 {
		return "", false
	}
	if plain {
		return ascii.ToLower(s), true
	}
	return ascii.ToLower(escapeName(s)), true
}

// needsEscape reports whether c is written with a backslash in a name. This is
// the form in which names come out of DNS messages, so that a name asked and a
// name answered compare.
func needsEscape(c byte) bool {
	switch c {
	case ' ', '\'', '@', ';', '(', ')', '"', '\\':
		return true
	}
	return c < ' ' || c > '~'
}

func escapeName(s string) string {
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c > '~':
			b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		case needsEscape(c):
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// isSubdomain reports whether name is parent or below it; both canonical.
func isSubdomain(name, parent string) bool {
	d := len(name) - len(parent)
	return d == 0 && name == parent || d > 0 && name[d-1] == '.' && name[d:] == parent
}
