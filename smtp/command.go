package smtp

import (
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Command is one command line.
type Command struct {
	Verb string // in upper case
	Arg  string // what follows, without the spaces around it
}

// ParseCommand parses a command line without its CRLF. Control characters are
// refused everywhere; other bytes above US-ASCII are for the argument's parser
// to judge. The error is a *Error.
func ParseCommand(line []byte) (Command, error) {
	for i, c := range line {
		if c < ' ' || c == 0x7f {
			return Command{}, &Error{Reason: ControlCharacter, Detail: quote(line[i:])}
		}
	}
	n := 0
	for n < len(line) && ascii.IsAlpha(line[n]) {
		n++
	}
	if n == 0 || n < len(line) && line[n] != ' ' {
		return Command{}, &Error{Reason: BadCommand, Detail: quote(line)}
	}
	return Command{verb(line[:n]), string(ascii.TrimWSP(line[n:]))}, nil
}

// verb returns the verb in upper case, without making memory for known ones.
func verb(b []byte) string {
	for _, v := range [...]string{"MAIL", "RCPT", "DATA", "BDAT", "EHLO", "QUIT", "RSET", "NOOP", "HELO", "STARTTLS"} {
		if ascii.EqualFold(b, v) {
			return v
		}
	}
	return strings.ToUpper(string(b))
}

// cutKeyword cuts "FROM:" or "TO:" off the argument of MAIL or RCPT. A space
// after the colon is accepted, as every server in use does.
func cutKeyword(arg, keyword string) (string, error) {
	if !ascii.HasPrefixFold(arg, keyword) {
		return "", &Error{Reason: BadCommand, Detail: "want " + keyword + "<path>, got " + quote(arg)}
	}
	return strings.TrimLeft(arg[len(keyword):], " "), nil
}

// chunk is the argument of BDAT (RFC 3030, Section 2).
type chunk struct {
	size int64
	last bool
}

func parseChunk(arg string) (chunk, error) {
	num, rest, spaced := strings.Cut(arg, " ")
	size, ok := parseSize(num)
	rest = strings.TrimLeft(rest, " ")
	if !ok || spaced && !ascii.EqualFold(rest, "LAST") {
		return chunk{}, &Error{Reason: BadParameter, Verb: "BDAT", Detail: quote(arg)}
	}
	return chunk{size, spaced}, nil
}

// parseSize reads a number of bytes: digits only, no more than 18 of them, so
// that sums of a few of them do not overflow.
func parseSize(s string) (int64, bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if !ascii.IsDigit(s[i]) {
			return 0, false
		}
	}
	s = strings.TrimLeft(s, "0")
	if s == "" {
		return 0, true
	}
	if len(s) > 18 {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// parseHello reads the argument of EHLO, HELO or LHLO: a name or an address
// literal by RFC 5321, Section 4.1.1.1, but clients say all sorts of things
// here and Section 4.1.4 forbids to refuse mail for it, so any visible text is
// taken.
func parseHello(arg string) (string, error) {
	if arg == "" || len(arg) > maxHello {
		return "", &Error{Reason: BadParameter, Detail: quote(arg)}
	}
	for i := 0; i < len(arg); i++ {
		if !ascii.IsPrint(arg[i]) {
			return "", &Error{Reason: BadParameter, Detail: quote(arg)}
		}
	}
	return arg, nil
}
