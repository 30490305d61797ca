package smtp

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
)

// Path is a reverse-path or forward-path (RFC 5321, Section 4.1.2) without its
// source route. The zero value is the null reverse-path "<>".
type Path struct {
	Local   string      // unquoted
	Domain  domain.Name // A-labels; "" for a literal, for "postmaster" alone and for the null path
	Literal string      // "[192.0.2.1]" as written
}

// IsNull reports whether p is the null reverse-path.
func (p Path) IsNull() bool { return p == Path{} }

// IsASCII reports whether p can be sent without SMTPUTF8. Domains always can.
func (p Path) IsASCII() bool { return ascii.Is7Bit(p.Local) }

// String returns the mailbox without angle brackets, quoted where it must be,
// and "" for the null path.
func (p Path) String() string {
	if p.IsNull() {
		return ""
	}
	s := quoteLocal(p.Local)
	switch {
	case p.Literal != "":
		return s + "@" + p.Literal
	case p.Domain != "":
		return s + "@" + string(p.Domain)
	}
	return s
}

// MarshalText returns the form of String.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the form of String.
func (p *Path) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePath(string(b))
	return err
}

// ParsePath parses a path with or without its angle brackets. The error is a
// *Error.
func ParsePath(s string) (Path, error) {
	if !strings.HasPrefix(s, "<") {
		s = "<" + s + ">"
	}
	p, rest, err := cutPath(s)
	if err == nil && rest != "" {
		err = badPath(s)
	}
	if err != nil {
		return Path{}, err
	}
	return p, nil
}

func badPath(s string) error { return &Error{Reason: BadPath, Detail: quote(s)} }

// cutPath reads a path at the front of s and returns what follows it.
func cutPath(s string) (p Path, rest string, err error) {
	if !strings.HasPrefix(s, "<") {
		return Path{}, "", badPath(s)
	}
	if strings.HasPrefix(s, "<>") {
		return Path{}, s[2:], nil
	}
	t, err := cutRoute(s[1:])
	if err != nil {
		return Path{}, "", err
	}
	if p.Local, t, err = cutLocal(t); err != nil {
		return Path{}, "", err
	}
	if strings.HasPrefix(t, ">") {
		// RFC 5321, Section 4.1.1.3: only postmaster goes without a domain.
		if ascii.EqualFold(p.Local, "postmaster") {
			return p, t[1:], nil
		}
		return Path{}, "", badPath(s)
	}
	end := strings.IndexByte(t, '>')
	if end < 0 || t[0] != '@' {
		return Path{}, "", badPath(s)
	}
	if err := p.setDomain(t[1:end]); err != nil {
		return Path{}, "", err
	}
	return p, t[end+1:], nil
}

// cutRoute drops "@one,@two:" (RFC 5321, Appendix C: accept and ignore).
func cutRoute(s string) (string, error) {
	if !strings.HasPrefix(s, "@") {
		return s, nil
	}
	end := strings.IndexByte(s, ':')
	if end < 0 {
		return "", badPath(s)
	}
	for _, hop := range strings.Split(s[:end], ",") {
		name, ok := strings.CutPrefix(hop, "@")
		if _, err := domain.Parse(name); !ok || err != nil {
			return "", badPath(s)
		}
	}
	return s[end+1:], nil
}

// cutLocal reads a Local-part and returns it unquoted.
func cutLocal(s string) (local, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		return cutQuoted(s)
	}
	n := 0
	for n < len(s) && (isAtext(s[n]) || s[n] == '.') {
		n++
	}
	if n == 0 || n > MaxLocalPart || !utf8.ValidString(s[:n]) {
		return "", "", badPath(s)
	}
	return s[:n], s[n:], nil
}

// cutQuoted reads a Quoted-string.
func cutQuoted(s string) (local, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if b.Len() == 0 || b.Len() > MaxLocalPart || !utf8.ValidString(b.String()) {
				return "", "", badPath(s)
			}
			return b.String(), s[i+1:], nil
		case c == '\\':
			if i++; i == len(s) || s[i] < ' ' || s[i] > '~' {
				return "", "", badPath(s)
			}
			b.WriteByte(s[i])
		case c < ' ' || c == 0x7f:
			return "", "", badPath(s)
		default:
			b.WriteByte(c)
		}
	}
	return "", "", badPath(s)
}

// isAtext is atext of RFC 5321 with the UTF8-non-ascii of RFC 6531.
func isAtext(c byte) bool {
	return ascii.IsAlpha(c) || ascii.IsDigit(c) || c >= 0x80 ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// setDomain reads a Domain or an address-literal.
func (p *Path) setDomain(s string) error {
	if strings.HasPrefix(s, "[") {
		if !isLiteral(s) {
			return badPath(s)
		}
		p.Literal = s
		return nil
	}
	if !utf8.ValidString(s) {
		return badPath(s)
	}
	name, err := domain.Parse(s)
	if err != nil || strings.HasSuffix(s, ".") {
		return &Error{Reason: BadPath, Detail: quote(s), Err: err}
	}
	p.Domain = name
	return nil
}

// isLiteral checks an address-literal (RFC 5321, Section 4.1.3). IPv6 is the
// only tag that was ever registered, so there is no General-address-literal.
func isLiteral(s string) bool {
	body, ok := strings.CutSuffix(s[1:], "]")
	if !ok || len(body) > domain.MaxName {
		return false
	}
	if tag, rest, tagged := strings.Cut(body, ":"); tagged {
		a, err := netip.ParseAddr(rest)
		return ascii.EqualFold(tag, "IPv6") && err == nil && a.Is6() && a.Zone() == ""
	}
	a, err := netip.ParseAddr(body)
	return err == nil && a.Is4()
}

// Addr returns the address of an IPv4 or IPv6 literal, the zero Addr where
// there is none.
func (p Path) Addr() netip.Addr {
	body := strings.Trim(p.Literal, "[]")
	if i := strings.IndexByte(body, ':'); i >= 0 && ascii.EqualFold(body[:i], "IPv6") {
		body = body[i+1:]
	}
	a, err := netip.ParseAddr(body)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// quoteLocal returns a local-part as it is written in a path. One made only of
// atext and dots stays bare even where the dots are out of place, because that
// is how its owner writes it.
func quoteLocal(s string) string {
	bare := s != ""
	for i := 0; i < len(s) && bare; i++ {
		bare = isAtext(s[i]) || s[i] == '.'
	}
	if bare {
		return s
	}
	b := append(make([]byte, 0, len(s)+4), '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(append(b, '"'))
}

// check refuses a Path made by hand that could not have been parsed: what it
// holds goes into a command line.
func (p Path) check() error {
	if p.IsNull() {
		return nil
	}
	q, err := ParsePath(p.String())
	if err != nil {
		return err
	}
	if q != p {
		return badPath(p.String())
	}
	return nil
}
