package smtp

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/internal/ascii"
)

// OriginalRecipient is the value of the ORCPT parameter of RCPT (RFC 3461,
// Section 4.2; RFC 6533, Section 3 for the type "utf-8"). The zero value means
// that the parameter is not there.
type OriginalRecipient struct {
	Type    string `json:"type"`    // such as "rfc822", as written
	Address string `json:"address"` // decoded
}

func (o OriginalRecipient) isUTF8() bool { return ascii.EqualFold(o.Type, "utf-8") }

func parseOriginal(s string) (OriginalRecipient, bool) {
	kind, addr, ok := strings.Cut(s, ";")
	if !ok || kind == "" || len(s) > MaxORCPT {
		return OriginalRecipient{}, false
	}
	for i := 0; i < len(kind); i++ {
		if c := kind[i]; !ascii.IsAlpha(c) && !ascii.IsDigit(c) && c != '-' {
			return OriginalRecipient{}, false
		}
	}
	o := OriginalRecipient{Type: kind}
	if o.isUTF8() {
		o.Address, ok = decodeUnitext(addr)
	} else {
		o.Address, ok = decodeXtext(addr)
	}
	return o, ok && o.Address != ""
}

func (o OriginalRecipient) append(b []byte) []byte {
	b = append(append(b, o.Type...), ';')
	if o.isUTF8() {
		return appendUnitext(b, o.Address)
	}
	return appendXtext(b, o.Address)
}

// decodeXtext decodes xtext (RFC 3461, Section 4): "+" and two hexadecimal
// digits stand for a byte. Control characters are refused in any form: no
// envelope needs them and they end up in reports and logs.
func decodeXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case !ascii.IsPrint(c) || c == '=':
			return "", false
		case c == '+':
			if len(s) < i+3 || !isUpperHex(s[i+1]) || !isUpperHex(s[i+2]) {
				return "", false
			}
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			c = byte(n)
			i += 2
		}
		if c < ' ' || c == 0x7f {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

func isUpperHex(c byte) bool { return ascii.IsDigit(c) || c >= 'A' && c <= 'F' }

func appendXtext(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; !ascii.IsPrint(c) || c == '+' || c == '=' {
			b = append(b, '+', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// decodeUnitext decodes utf-8-addr-xtext and utf-8-addr-unitext (RFC 6533,
// Section 3): "\x{7A}" stands for a character.
func decodeUnitext(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		if rest, ok := strings.CutPrefix(s, `\x{`); ok {
			digits, after, ok := strings.Cut(rest, "}")
			n, err := strconv.ParseUint(digits, 16, 32)
			if !ok || err != nil || len(digits) > 6 || n < ' ' || n == 0x7f || !utf8.ValidRune(rune(n)) {
				return "", false
			}
			b.WriteRune(rune(n))
			s = after
			continue
		}
		c, n := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError && n == 1 || c <= ' ' || c == 0x7f || c == '\\' || c == '+' || c == '=' {
			return "", false
		}
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String(), true
}

// appendUnitext encodes to US-ASCII, which may stand in any command.
func appendUnitext(b []byte, s string) []byte {
	for _, c := range s {
		if c > ' ' && c < 0x7f && c != '\\' && c != '+' && c != '=' {
			b = append(b, byte(c))
			continue
		}
		b = append(append(b, `\x{`...), strings.ToUpper(strconv.FormatInt(int64(c), 16))...)
		b = append(b, '}')
	}
	return b
}
