package message

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"golang.org/x/text/encoding/charmap"
)

// displayText returns a phrase or comment as people see it: without quotes and
// comments, white space collapsed, encoded words decoded. Control characters
// become U+FFFD so that the text can be printed.
func displayText(b []byte) string {
	b = ascii.TrimFWS(b)
	if len(b) == 0 {
		return ""
	}
	s := string(unquote(b, true))
	if strings.Contains(s, "=?") {
		s = decodeWords(s)
	}
	if strings.IndexFunc(s, isControl) >= 0 {
		s = strings.Map(visible, s)
	}
	return s
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func visible(r rune) rune {
	if isControl(r) {
		return utf8.RuneError
	}
	return r
}

// unquote returns b without quotes, escapes and comments. Runs of white space
// become one space, or nothing as in an obsolete local part. A quote or comment
// that is not closed is text.
func unquote(b []byte, spaces bool) []byte {
	out := make([]byte, 0, len(b))
	gap, openQuote, openComment := false, false, false
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case ascii.IsFWS(c):
			gap = true
			i++
			continue
		case c == '(' && !openComment:
			if n := commentLen(b[i:]); n > 0 {
				gap = true
				i += n
				continue
			}
			openComment = true
		}
		if gap && spaces && len(out) > 0 {
			out = append(out, ' ')
		}
		gap = false
		if c == '"' && !openQuote {
			var n int
			if out, n = appendQuoted(out, b[i:]); n > 0 {
				i += n
				continue
			}
			openQuote = true
		}
		out = append(out, c)
		i++
	}
	return out
}

// appendQuoted appends the content of the quoted-string that b begins with and
// returns its length in b, 0 if it is not closed.
func appendQuoted(out, b []byte) ([]byte, int) {
	kept := len(out)
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return out, i + 1
		case c == '\\' && i+1 < len(b):
			i++
			out = append(out, b[i])
		case c == '\r' || c == '\n': // RFC 5322, Section 3.2.4: folding is no content
		default:
			out = append(out, c)
		}
	}
	return out[:kept], 0
}

// commentLen returns the length of the comment that b begins with, 0 if it is
// not closed or too deep.
func commentLen(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '(':
			if depth++; depth > MaxCommentDepth {
				return 0
			}
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// decodeWords decodes the encoded-words of s (RFC 2047), wherever they stand:
// the RFC has them decoded only as whole words outside of quotes, but that is
// not what readers do. One that cannot be decoded stays as it is.
func decodeWords(s string) string {
	var out strings.Builder
	d := mime.WordDecoder{CharsetReader: charsetReader}
	last := 0      // s is done up to here
	after := false // an encoded-word ends there
	for i := 0; ; {
		k := strings.Index(s[i:], "=?")
		if k < 0 {
			break
		}
		i += k
		n, whole := encodedWordLen(s[i:])
		text, err := "", error(nil)
		if whole {
			text, err = d.Decode(s[i : i+n])
		}
		if !whole || err != nil {
			i += n
			continue
		}
		// RFC 2047, Section 6.2: white space between two encoded-words is not shown.
		if gap := s[last:i]; !after || strings.Trim(gap, " ") != "" {
			out.WriteString(gap)
		}
		out.WriteString(text)
		i += n
		last, after = i, true
	}
	out.WriteString(s[last:])
	return out.String()
}

// encodedWordLen returns the length of the encoded-word at the start of s, and
// false with the number of bytes that need not be looked at again if it is none.
func encodedWordLen(s string) (n int, whole bool) {
	n = 2
	for range 2 { // charset and encoding
		i := strings.IndexAny(s[n:], "? ")
		if i < 0 || s[n+i] == ' ' {
			return n, false
		}
		n += i + 1
	}
	i := strings.IndexByte(s[n:], '?')
	if i < 0 || n+i+1 == len(s) || s[n+i+1] != '=' {
		return n, false
	}
	return n + i + 2, true
}

// errCharset is for a character set that nobody here knows; the word stays as it
// is, so that nobody reads the error.
var errCharset = errors.New("message: unknown charset")

// charsets are the one-byte character sets by charsetName. Their names are made
// once: a header has room for half a million encoded-words.
var charsets = sync.OnceValue(func() map[string]*charmap.Charmap {
	known := make(map[string]*charmap.Charmap, len(charmap.All))
	for _, e := range charmap.All {
		if m, ok := e.(*charmap.Charmap); ok {
			known[charsetName(m.String())] = m
		}
	}
	return known
})

func charsetName(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", " ") }

// charsetReader knows the one-byte character sets; mime itself knows UTF-8,
// US-ASCII and ISO-8859-1.
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	const longest = 40 // of the names that there are
	if len(charset) <= longest {
		if m := charsets()[charsetName(charset)]; m != nil {
			return m.NewDecoder().Reader(r), nil
		}
	}
	return nil, errCharset
}

// otherAddress returns the first address in text whose domain is not name, ""
// if there is none.
func otherAddress(text string, name domain.Name) string {
	for i := 0; ; {
		k := strings.IndexByte(text[i:], '@')
		if k < 0 {
			return ""
		}
		at := i + k
		start, end := at, at+1
		for start > i && inShownAddress(text[start-1]) {
			start--
		}
		for end < len(text) && inShownAddress(text[end]) {
			end++
		}
		i = end
		host := strings.Trim(text[at+1:end], ".")
		if start == at || strings.IndexByte(host, '.') < 0 {
			continue
		}
		if n, err := domain.Parse(host); err == nil && n != name {
			return text[start:end]
		}
	}
}

// inShownAddress reports whether c may be part of what looks like an address.
func inShownAddress(c byte) bool {
	return c > ' ' && c != 0x7f && bytes.IndexByte([]byte(`<>()[]@,;:"'\`), c) < 0
}
