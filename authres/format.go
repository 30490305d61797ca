package authres

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Limits on what is written, in bytes before quoting: with them no line comes
// near the 998 of RFC 5322, Section 2.1.1.
const (
	maxKeyword  = 64
	maxValue    = 400
	maxComment  = 400
	maxNesting  = 5 // comments in comments; beyond, parentheses become brackets
	foldAt      = 78
	foldedStart = 8 // the column after the tab of a continuation line
)

// Format returns f as the value of an Authentication-Results field: folded,
// beginning with a space, without a last line end.
func (f *Field) Format() string {
	dst := f.AppendTo(nil, FieldName+":")
	return string(dst[len(FieldName)+1:])
}

// AppendTo appends f to dst, folded and without a last line end, behind the
// prefix, such as "Authentication-Results:" or "ARC-Authentication-Results:
// i=1;".
//
// Any text may stand in f: keywords lose the bytes that no keyword has, values
// become quoted strings where the grammar asks for it, control characters and
// broken UTF-8 are replaced and what is very long is cut. So no value can begin
// another property, result or header field.
func (f *Field) AppendTo(dst []byte, prefix string) []byte {
	w := folder{b: append(dst, prefix...), col: len(prefix)}
	id := f.AuthServID
	if id == "" {
		id = "unknown" // the grammar wants one
	}
	w.word(value(id))
	if f.Version > 0 {
		w.word(strconv.Itoa(min(f.Version, 9999)))
	}
	if len(f.Results) == 0 {
		w.tight(";")
		w.word("none")
	}
	for i := range f.Results {
		w.tight(";")
		w.newLine()
		w.result(&f.Results[i])
	}
	return w.b
}

// folder writes words with a line end where the next one would not fit.
type folder struct {
	b     []byte
	col   int
	fresh bool // nothing but the tab is on the line
}

func (w *folder) newLine() {
	w.b = append(w.b, "\r\n\t"...)
	w.col, w.fresh = foldedStart, true
}

func (w *folder) tight(s string) {
	w.b = append(w.b, s...)
	w.col += len(s)
	w.fresh = false
}

// word writes the parts as one word.
func (w *folder) word(parts ...string) {
	n := 0
	for _, s := range parts {
		n += len(s)
	}
	switch {
	case w.fresh:
	case w.col+1+n > foldAt-1: // room for a semicolon
		w.newLine()
	default:
		w.tight(" ")
	}
	for _, s := range parts {
		w.tight(s)
	}
}

// result writes resinfo, with its comment where Parse looks for it first.
func (w *folder) result(r *Result) {
	if r.MethodVersion > 0 {
		w.word(keyword(r.Method), "/", strconv.Itoa(min(r.MethodVersion, 9999)), "=", keyword(r.Value))
	} else {
		w.word(keyword(r.Method), "=", keyword(r.Value))
	}
	if c := comment(r.Comment); c != "" {
		for open := "("; ; open = "" {
			s, rest, more := strings.Cut(c, " ")
			if !more {
				w.word(open, s, ")")
				break
			}
			w.word(open, s)
			c = rest
		}
	}
	if r.Reason != "" {
		w.word("reason=", value(r.Reason))
	}
	for _, p := range r.Props {
		if p.Type != "" {
			w.word(keyword(p.Type), ".", keyword(p.Name), "=", value(p.Value))
		} else {
			w.word(keyword(p.Name), "=", value(p.Value))
		}
	}
}

// keyword returns s as a Keyword.
func keyword(s string) string {
	if isClean(s) {
		return s
	}
	var b []byte
	for i := 0; i < len(s) && len(b) < maxKeyword; i++ {
		if isKeyword(s[i]) {
			b = append(b, ascii.Lower(s[i]))
		}
	}
	if len(b) == 0 {
		return "unknown"
	}
	return string(b)
}

func isClean(keyword string) bool {
	for i := 0; i < len(keyword); i++ {
		if c := keyword[i]; !isKeyword(c) || ascii.Lower(c) != c {
			return false
		}
	}
	return keyword != "" && len(keyword) <= maxKeyword
}

// value returns s as a value: as it is if it is a token or an address, else as
// a quoted-string (RFC 2045, Section 5.1).
func value(s string) string {
	s = clean(s, maxValue)
	if isToken(s) || isAddress(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(append(b, '"'))
}

// comment returns s as the inside of a comment; nobody unescapes comments, so
// there are no escapes in it.
func comment(s string) string {
	s = strings.Trim(clean(s, maxComment), " ")
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	s = strings.ReplaceAll(s, `\`, "/")
	depth := 0
	for i := 0; i < len(s) && depth >= 0 && depth <= maxNesting; i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
	}
	if depth != 0 {
		s = strings.NewReplacer("(", "[", ")", "]").Replace(s)
	}
	return s
}

// clean returns at most n bytes of s as valid UTF-8 without control characters.
func clean(s string, n int) string {
	if len(s) > n {
		for k := n; k > n-utf8.UTFMax; k-- {
			if utf8.RuneStart(s[k]) {
				n = k
				break
			}
		}
		s = s[:n]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\r' || r == '\n':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError:
			return '?'
		case r == 0x2028, r == 0x2029, r == 0x61c, r == 0x200e, r == 0x200f,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '?' // line ends and what turns the direction of text (UAX #9): people read these fields
		}
		return r
	}, s)
}

// isToken reports whether s is a token (RFC 2045, Section 5.1).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !ascii.IsPrint(s[i]) || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// isAddress reports whether s is [dot-atom] "@" domain-name, with the UTF-8 of
// RFC 8616, Section 6.
func isAddress(s string) bool {
	at := strings.IndexByte(s, '@')
	if at < 0 || at+1 == len(s) {
		return false
	}
	for i := 0; i < at; i++ {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`()<>,;:\"[]`, c) >= 0 {
			return false
		}
	}
	for i := at + 1; i < len(s); i++ {
		if c := s[i]; c < 0x80 && !isKeyword(c) && c != '.' {
			return false
		}
	}
	return true
}
