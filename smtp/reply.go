package smtp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// EnhancedCode is an enhanced mail system status code (RFC 3463): class,
// subject, detail. The zero value means none.
type EnhancedCode [3]int

// String returns the form "5.7.1", and "" for none.
func (c EnhancedCode) String() string {
	if c == (EnhancedCode{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", c[0], c[1], c[2])
}

// MarshalText returns the form of String.
func (c EnhancedCode) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the form of String.
func (c *EnhancedCode) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*c = EnhancedCode{}
		return nil
	}
	e, rest, ok := cutEnhanced(string(b))
	if !ok || rest != "" {
		return &Error{Reason: BadReply, Detail: quote(b)}
	}
	*c = e
	return nil
}

// Reply is one reply of a server (RFC 5321, Section 4.2).
type Reply struct {
	Code     int          `json:"code"`
	Enhanced EnhancedCode `json:"enhanced,omitzero"`
	Lines    []string     `json:"lines"` // the text without the codes, one entry a line
}

// NewReply returns a reply; a line break in text begins a new line of it.
func NewReply(code int, enhanced EnhancedCode, text string) *Reply {
	return &Reply{Code: code, Enhanced: enhanced, Lines: strings.Split(text, "\n")}
}

// Positive reports whether the code is 2yz.
func (r *Reply) Positive() bool { return r != nil && r.Code/100 == 2 }

// Temporary reports whether the code is 4yz.
func (r *Reply) Temporary() bool { return r != nil && r.Code/100 == 4 }

// Permanent reports whether the code is 5yz.
func (r *Reply) Permanent() bool { return r != nil && r.Code/100 == 5 }

// String returns the reply in one line for people: "550 5.7.1 text / more text".
func (r *Reply) String() string {
	if r == nil {
		return "no reply"
	}
	s := strconv.Itoa(r.Code)
	if e := r.Enhanced.String(); e != "" {
		s += " " + e
	}
	if t := strings.Join(r.Lines, " / "); t != "" {
		s += " " + t
	}
	return s
}

// Append appends the reply as it goes over the wire, with the enhanced code in
// every line (RFC 2034, Section 4) if it has one. Bytes that a line must not
// have become "?", so that a text made of a stranger's bytes cannot end the
// reply, and long lines are broken.
func (r *Reply) Append(dst []byte) []byte {
	lines := r.Lines
	if len(lines) == 0 {
		lines = []string{""}
	}
	for i, n := 0, 0; i < len(lines) && n < MaxReplyLines; n++ {
		dst = strconv.AppendInt(dst, int64(min(max(r.Code, 200), 599)), 10)
		mark := len(dst)
		dst = r.Enhanced.append(append(dst, '-'))
		most := 512 - len("\r\n") - (len(dst) - mark + 3) // RFC 5321, Section 4.5.3.1.5
		l := lines[i]
		if len(l) > most {
			lines = append([]string{l[:most], l[most:]}, lines[i+1:]...)
			l, i = l[:most], 0
		}
		dst = appendText(dst, l)
		if i++; i == len(lines) || n == MaxReplyLines-1 {
			dst[mark] = ' '
		}
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// append appends the code and a space, nothing if there is none.
func (c EnhancedCode) append(b []byte) []byte {
	if c == (EnhancedCode{}) {
		return b
	}
	for i, n := range c {
		b = append(strconv.AppendInt(b, int64(n), 10), ". "[i/2])
	}
	return b
}

func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !ascii.IsPrint(c) && c != ' ' {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}

// ParseReply parses one whole reply as it came over the wire, such as
// "250 2.1.0 fine\r\n". The error is a *Error.
func ParseReply(raw []byte) (*Reply, error) {
	r := newReader(strings.NewReader(string(raw)), nil)
	reply, err := readReply(r)
	if err == nil && r.buffered() > 0 {
		return nil, &Error{Reason: BadReply, Detail: "more than one reply: " + quote(r.bytes())}
	}
	return reply, err
}

// readReply reads a reply of one or more lines. An error about the bytes has
// the reason BadReply or ReplyTooLong.
func readReply(r *reader) (*Reply, error) {
	reply := &Reply{}
	for {
		line, err := r.line(MaxReplyLine)
		if err != nil {
			return nil, replyError(err)
		}
		code, more, ok := replyCode(line)
		switch {
		case !ok, reply.Code != 0 && code != reply.Code: // RFC 5321, Section 4.2.1
			return nil, &Error{Reason: BadReply, Detail: quote(line)}
		case len(reply.Lines) == MaxReplyLines:
			return nil, &Error{Reason: ReplyTooLong, Detail: "limit " + strconv.Itoa(MaxReplyLines) + " lines"}
		}
		reply.Code = code
		reply.Lines = append(reply.Lines, string(line[min(4, len(line)):]))
		if !more {
			reply.takeEnhanced()
			return reply, nil
		}
	}
}

// replyCode reads "250-" or "250 " or the "250" of a line without text. The grammar
// ends the second digit at 5, but servers refuse for good with a 571 or a 591, and of
// an unknown code the first digit counts (RFC 5321, Section 4.2).
func replyCode(line []byte) (code int, more, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' ||
		!ascii.IsDigit(line[1]) || !ascii.IsDigit(line[2]) {
		return 0, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	switch {
	case len(line) == 3, line[3] == ' ':
		return code, false, true
	}
	return code, true, line[3] == '-'
}

func replyError(err error) error {
	var e *Error
	if errors.As(err, &e) {
		switch e.Reason {
		case BareLF, BareCR, LineTooLong:
			return &Error{Reason: BadReply, Detail: string(e.Reason) + " in " + e.Detail}
		}
	}
	return err
}

// takeEnhanced moves the enhanced code from the text to its field. Its class
// must be that of the reply (RFC 2034, Section 4); what looks like one but does
// not match is text.
func (r *Reply) takeEnhanced() {
	e, _, ok := cutEnhanced(r.Lines[0])
	if !ok || e[0] != r.Code/100 {
		return
	}
	r.Enhanced = e
	for i, l := range r.Lines {
		if own, rest, ok := cutEnhanced(l); ok && own == e {
			r.Lines[i] = rest
		}
	}
}

// cutEnhanced reads "5.7.1 " at the front of s.
func cutEnhanced(s string) (e EnhancedCode, rest string, ok bool) {
	for i := range e {
		n := 0
		for n < len(s) && n < 3 && ascii.IsDigit(s[n]) {
			e[i] = e[i]*10 + int(s[n]-'0')
			n++
		}
		if n == 0 {
			return EnhancedCode{}, s, false
		}
		s = s[n:]
		if i < 2 {
			if s == "" || s[0] != '.' {
				return EnhancedCode{}, s, false
			}
			s = s[1:]
		}
	}
	if e[0] != 2 && e[0] != 4 && e[0] != 5 { // RFC 3463, Section 3.1
		return EnhancedCode{}, s, false
	}
	if s == "" {
		return e, s, true
	}
	return e, strings.TrimPrefix(s, " "), s[0] == ' '
}
