// Package domain is about domain names as mail uses them: parsing and the two
// forms of internationalised names (RFC 5890, RFC 8616), comparison, parents,
// and the public suffix list that RFC 7489 readers still use.
//
// A Name is always in the one form that compares with ==: A-labels, lower case,
// no trailing dot.
package domain

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/internal/ascii"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Limits of RFC 1035, Section 2.3.4, in bytes of the A-label form.
const (
	MaxName  = 253
	MaxLabel = 63
)

// maxText is how many bytes of U-labels are looked at: no name in it has more,
// and punycode takes quadratic time.
const maxText = 4 * (MaxName + 1)

// Name is a domain name in lower-case A-labels without a trailing dot, such as
// "mail.example" or "xn--bcher-kva.example". The zero value is no name at all.
type Name string

// Reason says why a text is not a domain name.
type Reason string

// The reasons.
const (
	Empty        Reason = "empty name"
	EmptyLabel   Reason = "empty label"
	LongLabel    Reason = "label over 63 bytes"
	LongName     Reason = "name over 253 bytes"
	BadCharacter Reason = "character not allowed in a domain name"
	BadIDN       Reason = "not a valid internationalised label"
)

// Error is returned for a text that is not a domain name.
type Error struct {
	Reason Reason
	Name   string // as given
}

func (e *Error) Error() string { return fmt.Sprintf("domain: %q: %s", e.Name, e.Reason) }

// profile is IDNA2008 as lookups use it (RFC 5891, Section 5) with UTS #46
// mapping, non-transitional.
var profile = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.VerifyDNSLength(false),
)

// Parse returns the name written in s, in A-labels or U-labels or both, with or
// without a trailing dot. Underscores are allowed, as in the names of records.
func Parse(s string) (Name, error) {
	t := strings.TrimSuffix(s, ".")
	if t == "" {
		return "", &Error{Empty, s}
	}
	if len(t) > maxText {
		return "", &Error{LongName, s}
	}
	if !ascii.Is7Bit(t) || hasACE(t) {
		if !utf8.ValidString(t) { // idna would take each such byte for U+FFFD
			return "", &Error{BadIDN, s}
		}
		a, err := profile.ToASCII(t)
		if err == nil {
			// The rules are applied to what was written, such as U+2135, and must
			// hold for what it is mapped to, U+05D0, which is written right to left.
			a, err = profile.ToASCII(a)
		}
		if err != nil {
			return "", &Error{BadIDN, s}
		}
		t = strings.TrimSuffix(a, ".")
	}
	if reason := check(t); reason != "" {
		return "", &Error{reason, s}
	}
	return Name(ascii.ToLower(t)), nil
}

// hasACE reports whether some label of s claims to be an A-label.
func hasACE(s string) bool {
	for {
		if ascii.HasPrefixFold(s, "xn--") {
			return true
		}
		i := strings.IndexByte(s, '.')
		if i < 0 {
			return false
		}
		s = s[i+1:]
	}
}

// check applies the limits and the letter-digit-hyphen rule plus underscore.
func check(s string) Reason {
	if len(s) > MaxName {
		return LongName
	}
	label := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if label == 0 {
				return EmptyLabel
			}
			label = 0
			continue
		case !ascii.IsAlpha(c) && !ascii.IsDigit(c) && c != '-' && c != '_':
			return BadCharacter
		}
		if label++; label > MaxLabel {
			return LongLabel
		}
	}
	if label == 0 {
		return EmptyLabel
	}
	return ""
}

// String returns the A-label form.
func (n Name) String() string { return string(n) }

// Unicode returns the U-label form, for people; a label that has none stays as
// it is.
func (n Name) Unicode() string {
	if !hasACE(string(n)) {
		return string(n)
	}
	labels := strings.Split(string(n), ".")
	for i, l := range labels {
		if u, err := profile.ToUnicode(l); err == nil {
			labels[i] = u
		}
	}
	return strings.Join(labels, ".")
}

// Labels returns the number of labels.
func (n Name) Labels() int {
	if n == "" {
		return 0
	}
	return strings.Count(string(n), ".") + 1
}

// Parent returns n without its first label, and "" for a top-level name.
func (n Name) Parent() Name {
	i := strings.IndexByte(string(n), '.')
	if i < 0 {
		return ""
	}
	return n[i+1:]
}

// Last returns the last k labels of n; n itself if it has no more than k.
func (n Name) Last(k int) Name {
	for i := len(n) - 1; i >= 0; i-- {
		if n[i] != '.' {
			continue
		}
		if k--; k == 0 {
			return n[i+1:]
		}
	}
	if k <= 0 {
		return ""
	}
	return n
}

// IsSubdomainOf reports whether n is parent or lies below it, label by label.
func (n Name) IsSubdomainOf(parent Name) bool {
	if n == parent {
		return n != ""
	}
	d := len(n) - len(parent)
	return parent != "" && d > 0 && n[d-1] == '.' && n[d:] == parent
}

// PublicSuffix returns the public suffix of n by the built-in list and whether
// the list names it (a top-level name that it does not know is a suffix by its
// default rule).
func (n Name) PublicSuffix() (suffix Name, listed bool) {
	s, icann := publicsuffix.PublicSuffix(string(n))
	return Name(s), icann || strings.IndexByte(s, '.') >= 0
}

// Organizational returns the organizational domain of n as RFC 7489, Section
// 3.2 finds it: one label below the public suffix, n itself if n is one. RFC
// 9989 replaced this by the tree walk; see package dmarc.
func (n Name) Organizational() Name {
	o, err := publicsuffix.EffectiveTLDPlusOne(string(n))
	if err != nil {
		return n
	}
	return Name(o)
}
