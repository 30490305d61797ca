package spf

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// DomainSpec is a domain-spec (RFC 7208, Section 7.1).
type DomainSpec struct {
	Text string // as written, macros unexpanded; empty if absent

	// name is the canonical name if Text has no macros; empty if it has, or if
	// it can never be a name.
	name   string
	macros bool
}

// HasMacros reports whether the name depends on the message.
func (d DomainSpec) HasMacros() bool { return d.macros }

// Name returns the canonical name, and false if it depends on the message or is
// one that cannot be asked.
func (d DomainSpec) Name() (string, bool) { return d.name, d.name != "" }

// parse checks domain-spec = macro-string domain-end and keeps it.
func (d *DomainSpec) parse(s string) Reason {
	if s == "" {
		return MissingDomain
	}
	last, reason := checkMacros(s, macroTerm)
	if reason != "" {
		return reason
	}
	d.Text, d.macros = s, last > 0
	if last < len(s) { // else domain-end is the macro-expand
		t := strings.TrimSuffix(s, ".")
		dot := strings.LastIndexByte(t, '.')
		if dot < last || !isToplabel(t[dot+1:]) {
			return BadToplabel
		}
	}
	if !d.macros {
		d.name, _ = queryName(s)
	}
	return ""
}

// isToplabel reports whether s is a toplabel: letters, digits and inner
// hyphens, not digits alone.
func isToplabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	digits := true
	for i := 0; i < len(s); i++ {
		switch {
		case ascii.IsDigit(s[i]):
		case ascii.IsAlpha(s[i]) || s[i] == '-':
			digits = false
		default:
			return false
		}
	}
	return !digits
}

// macroUse says where a macro-string stands.
type macroUse uint8

const (
	macroTerm macroUse = iota // in a term: no spaces, no c, r, t
	macroExp                  // an explain-string: with spaces and with c, r, t
)

// checkMacros checks s against macro-string or explain-string. It returns where
// the last macro-expand ends, 0 if there is none.
func checkMacros(s string, use macroUse) (last int, _ Reason) {
	for i := 0; i < len(s); {
		c := s[i]
		if c == '%' {
			_, n, reason := parseMacro(s[i:], use)
			if reason != "" {
				return 0, reason
			}
			i += n
			last = i
			continue
		}
		// macro-literal = %x21-24 / %x26-7E; explain-string has SP too.
		if !ascii.IsPrint(c) && (c != ' ' || use != macroExp) {
			return 0, BadCharacter
		}
		i++
	}
	return last, ""
}

// macro is one macro-expand.
type macro struct {
	letter  byte   // lower case; '%', '_' or '-' for the three that stand for a text
	escape  bool   // written in upper case
	reverse bool   // transformer r
	keep    int    // right-hand parts to keep, 0 for all
	delims  string // empty for the dot
}

// parseMacro parses the macro-expand at the start of s, which begins with "%",
// and returns its length.
func parseMacro(s string, use macroUse) (m macro, n int, _ Reason) {
	if len(s) < 2 {
		return m, 0, BadMacro
	}
	switch s[1] {
	case '%', '_', '-':
		return macro{letter: s[1]}, 2, ""
	case '{':
	default:
		return m, 0, BadMacro
	}
	end := strings.IndexByte(s, '}')
	if end < 3 {
		return m, 0, BadMacro
	}
	m.letter, m.escape = ascii.Lower(s[2]), s[2] < 'a'
	switch m.letter {
	case 's', 'l', 'o', 'd', 'i', 'p', 'v', 'h':
	case 'c', 'r', 't':
		if use != macroExp {
			return m, 0, MacroOnlyInExp // RFC 7208, Section 7.2
		}
	default:
		return m, 0, BadMacro
	}
	if !m.parseTransformers(s[3:end]) {
		return m, 0, BadMacro
	}
	return m, end + 1, ""
}

// parseTransformers parses transformers *delimiter.
func (m *macro) parseTransformers(s string) bool {
	// RFC 7208, Section 7.3: at least 127 must work; no value has more parts
	// than this.
	const most = 1 << 16
	i := 0
	for i < len(s) && ascii.IsDigit(s[i]) {
		m.keep = min(m.keep*10+int(s[i]-'0'), most)
		i++
	}
	if i > 0 && m.keep == 0 {
		return false // RFC 7208, Section 7.3: the value must be nonzero
	}
	if i < len(s) && ascii.Lower(s[i]) == 'r' {
		m.reverse = true
		i++
	}
	m.delims = s[i:]
	for j := range len(m.delims) {
		if strings.IndexByte(".-+,/_=", m.delims[j]) < 0 {
			return false
		}
	}
	return true
}

// appendExpanded appends the expansion of s, which checkMacros has accepted, to
// dst. It reports false if there can be none for this sender (RFC 8616, Section
// 4) or if it is longer than most.
func (k *check) appendExpanded(dst []byte, s, domain string, use macroUse, most int) ([]byte, bool) {
	for s != "" {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			i = len(s)
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		if s != "" {
			m, n, reason := parseMacro(s, use)
			if reason != "" {
				return dst, false
			}
			s = s[n:]
			var ok bool
			if dst, ok = k.appendMacro(dst, m, domain, use); !ok {
				return dst, false
			}
		}
		if len(dst) > most {
			return dst, false
		}
	}
	return dst, true
}

func (k *check) appendMacro(dst []byte, m macro, domain string, use macroUse) ([]byte, bool) {
	switch m.letter {
	case '%':
		return append(dst, '%'), true
	case '_':
		return append(dst, ' '), true
	case '-':
		return append(dst, "%20"...), true
	case 's', 'l':
		// RFC 8616, Section 4: a term with %{s} or %{l} matches nothing if the
		// local-part is not ASCII.
		if use == macroTerm && !ascii.Is7Bit(k.local) {
			return dst, false
		}
	}
	start := len(dst)
	dst = k.appendValue(dst, m.letter, domain)
	if m.reverse || m.keep > 0 || m.delims != "" {
		dst = m.transform(dst, start)
	}
	if m.escape {
		dst = escapeURL(dst, start)
	}
	return dst, true
}

// appendValue appends what a macro letter stands for (RFC 7208, Section 7.2).
func (k *check) appendValue(dst []byte, letter byte, domain string) []byte {
	switch letter {
	case 's':
		dst = append(append(dst, k.local...), '@')
		return append(dst, k.domain...)
	case 'l':
		return append(dst, k.local...)
	case 'o':
		return append(dst, k.domain...)
	case 'd':
		return append(dst, domain...)
	case 'i':
		return appendDotted(dst, k.ip)
	case 'p':
		return append(dst, k.validatedName(domain)...)
	case 'v':
		if k.ip.Is4() {
			return append(dst, "in-addr"...)
		}
		return append(dst, "ip6"...)
	case 'h':
		return append(dst, k.helo...)
	case 'c':
		return k.ip.AppendTo(dst)
	case 'r':
		return append(dst, k.c.receiver()...)
	case 't':
		return strconv.AppendInt(dst, k.c.now().Unix(), 10)
	}
	return dst
}

// appendDotted appends an address as %{i} has it: dotted quad, or 32 nibbles
// (RFC 7208, Section 7.3).
func appendDotted(dst []byte, ip netip.Addr) []byte {
	if ip.Is4() {
		return ip.AppendTo(dst)
	}
	const hex = "0123456789ABCDEF"
	for i, b := range ip.As16() {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = append(dst, hex[b>>4], '.', hex[b&15])
	}
	return dst
}

// transform splits dst[start:] at the delimiters, reverses the parts, keeps
// those on the right and joins them with dots (RFC 7208, Section 7.3).
func (m *macro) transform(dst []byte, start int) []byte {
	delims := m.delims
	if delims == "" {
		delims = "."
	}
	value := string(dst[start:])
	dst = dst[:start]
	count := 1
	for i := range len(value) {
		if strings.IndexByte(delims, value[i]) >= 0 {
			count++
		}
	}
	skip := 0
	if m.keep > 0 && m.keep < count {
		skip = count - m.keep
	}
	if m.reverse {
		// What is right after the reversal was left before it.
		for range skip {
			value = value[:strings.LastIndexAny(value, delims)]
		}
		for range count - skip {
			i := strings.LastIndexAny(value, delims)
			dst = append(append(dst, value[i+1:]...), '.')
			value = value[:max(i, 0)]
		}
		return dst[:len(dst)-1]
	}
	for range skip {
		value = value[strings.IndexAny(value, delims)+1:]
	}
	for i := range len(value) {
		c := value[i]
		if strings.IndexByte(delims, c) >= 0 {
			c = '.'
		}
		dst = append(dst, c)
	}
	return dst
}

// escapeURL escapes all but the unreserved characters of RFC 3986, Section 2.3
// in dst[start:] (RFC 7208, Section 7.3).
func escapeURL(dst []byte, start int) []byte {
	const hex = "0123456789ABCDEF"
	value := string(dst[start:])
	dst = dst[:start]
	for i := range len(value) {
		c := value[i]
		if ascii.IsAlpha(c) || ascii.IsDigit(c) || c == '-' || c == '.' || c == '_' || c == '~' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
