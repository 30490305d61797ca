package spf

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Received is a Received-SPF field (RFC 7208, Section 9.1). What is empty is
// left out of the field.
type Received struct {
	Result       Result
	Comment      string // for people, without the parentheses
	Receiver     string
	ClientIP     netip.Addr
	EnvelopeFrom string
	Helo         string
	Identity     Identity
	Mechanism    string // "default" if none matched
	Problem      string // of temperror and permerror
}

// MaxReceivedValue is how much of one value a field repeats, in bytes.
const MaxReceivedValue = 320

// Received returns the field that records an evaluation made with args.
func (c *Checker) Received(args Args, e Evaluation) Received {
	r := Received{
		Result: e.Result, Comment: c.receiver() + ": " + e.Reason, Receiver: c.receiver(),
		ClientIP: args.IP.Unmap().WithZone(""), EnvelopeFrom: strings.Trim(args.MailFrom, "<>"), Helo: args.Helo,
		Identity: e.Identity, Mechanism: e.Mechanism,
	}
	switch e.Result {
	case TempError, PermError:
		r.Problem = e.Reason
	case Neutral:
		if r.Mechanism == "" {
			r.Mechanism = "default"
		}
	}
	return r
}

// String returns the whole field with folding and the final CRLF. Whatever the
// values hold, the field is well-formed and ends where it should.
func (r Received) String() string {
	var b strings.Builder
	b.WriteString("Received-SPF: ")
	b.WriteString(string(r.Result))
	if r.Comment != "" {
		b.WriteString("\r\n\t(")
		writeComment(&b, r.Comment)
		b.WriteByte(')')
	}
	ip := ""
	if r.ClientIP.IsValid() {
		ip = r.ClientIP.String()
	}
	first := true
	for _, kv := range [...]struct {
		key, value string
		utf8       bool
	}{
		{"receiver", r.Receiver, false},
		{"client-ip", ip, false},
		{"envelope-from", r.EnvelopeFrom, true}, // RFC 6532: such a message may have it
		{"helo", r.Helo, false},
		{"identity", string(r.Identity), false},
		{"mechanism", r.Mechanism, false},
		{"problem", r.Problem, false},
	} {
		if kv.value == "" {
			continue
		}
		if !first {
			b.WriteByte(';')
		}
		first = false
		b.WriteString("\r\n\t" + kv.key + "=")
		writeValue(&b, kv.value, kv.utf8)
	}
	b.WriteString("\r\n")
	return b.String()
}

// writeValue writes a dot-atom or a quoted-string.
func writeValue(b *strings.Builder, s string, utf8 bool) {
	s = clean(s, utf8)
	if isDotAtom(s) {
		b.WriteString(s)
		return
	}
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
}

func writeComment(b *strings.Builder, s string) {
	s = clean(s, false)
	for i := range len(s) {
		if c := s[i]; c == '(' || c == ')' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
}

// clean returns s without what could end a line or hide in one, shortened.
func clean(s string, allowUTF8 bool) string {
	if len(s) > MaxReceivedValue {
		s = strings.ToValidUTF8(s[:MaxReceivedValue], "") + "..."
	}
	ok := allowUTF8 && utf8.ValidString(s)
	return strings.Map(func(c rune) rune {
		if c >= ' ' && c <= '~' || ok && c >= 0xa0 && c != '\u2028' && c != '\u2029' {
			return c
		}
		return '?'
	}, s)
}

func isDotAtom(s string) bool {
	atom := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if atom == 0 {
				return false
			}
			atom = 0
			continue
		case !isAtext(c):
			return false
		}
		atom++
	}
	return atom > 0
}

// isAtext reports whether c is atext (RFC 5322, Section 3.2.3).
func isAtext(c byte) bool {
	return ascii.IsAlpha(c) || ascii.IsDigit(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}
