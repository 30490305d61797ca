package smtp

import (
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Body is the value of the BODY parameter of MAIL (RFC 6152).
type Body string

// The values. BINARYMIME is not implemented.
const (
	Body7Bit Body = "7BIT"
	Body8Bit Body = "8BITMIME"
)

// Return is the value of the RET parameter of MAIL (RFC 3461, Section 4.3).
type Return string

// The values.
const (
	ReturnFull    Return = "FULL"
	ReturnHeaders Return = "HDRS"
)

// MailOptions are the parameters of MAIL. The zero value is none of them.
type MailOptions struct {
	Size       int64  `json:"size,omitempty"`       // in bytes; 0 for not said
	Body       Body   `json:"body,omitempty"`       // "" for not said
	UTF8       bool   `json:"smtputf8,omitempty"`   // SMTPUTF8
	RequireTLS bool   `json:"requiretls,omitempty"` // REQUIRETLS
	Return     Return `json:"ret,omitempty"`        // "" for not said
	EnvID      string `json:"envid,omitempty"`      // decoded
}

// Notify is a set of the values of the NOTIFY parameter of RCPT (RFC 3461,
// Section 4.1). Zero means that the parameter is not there.
type Notify uint8

// The values.
const (
	NotifyNever Notify = 1 << iota // alone or not at all
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// String returns the form on the wire, such as "SUCCESS,FAILURE".
func (n Notify) String() string {
	var words []string
	for i, w := range notifyWords {
		if n&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, ",")
}

// MarshalText returns the form of String.
func (n Notify) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads the form of String.
func (n *Notify) UnmarshalText(b []byte) error {
	v, ok := parseNotify(string(b))
	if !ok && len(b) > 0 {
		return &Error{Reason: BadParameter, Detail: quote(b)}
	}
	*n = v
	return nil
}

var notifyWords = [...]string{"NEVER", "SUCCESS", "FAILURE", "DELAY"}

// RcptOptions are the parameters of RCPT. The zero value is none of them.
type RcptOptions struct {
	Notify   Notify            `json:"notify,omitzero"`
	Original OriginalRecipient `json:"orcpt,omitzero"`
}

// ParseMail parses the argument of MAIL, "FROM:<path> parameters", without
// regard to what was offered: that is for the caller to compare. The error is a
// *Error.
func ParseMail(arg string) (Path, MailOptions, error) {
	var o MailOptions
	p, err := parsePathAndParameters(arg, "FROM:", o.set)
	if err == nil && !o.UTF8 && (!p.IsASCII() || !ascii.Is7Bit(arg)) {
		err = &Error{Reason: NeedsUTF8, Detail: quote(arg)} // RFC 6531, Section 3.4
	}
	if err != nil {
		return Path{}, MailOptions{}, withVerb(err, "MAIL")
	}
	return p, o, nil
}

// ParseRcpt parses the argument of RCPT, "TO:<path> parameters". Whether a path
// beyond US-ASCII may stand there depends on the MAIL before it. The error is a
// *Error.
func ParseRcpt(arg string) (Path, RcptOptions, error) {
	var o RcptOptions
	p, err := parsePathAndParameters(arg, "TO:", o.set)
	if err == nil && p.IsNull() {
		err = badPath(arg)
	}
	if err != nil {
		return Path{}, RcptOptions{}, withVerb(err, "RCPT")
	}
	return p, o, nil
}

// parsePathAndParameters hands each parameter to set once.
func parsePathAndParameters(arg, keyword string, set func(keyword, value string) error) (Path, error) {
	s, err := cutKeyword(arg, keyword)
	if err != nil {
		return Path{}, err
	}
	p, s, err := cutPath(s)
	if err != nil {
		return Path{}, err
	}
	if s != "" && s[0] != ' ' {
		return Path{}, badPath(arg)
	}
	seen := make([]string, 0, 4)
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		var param string
		param, s, _ = strings.Cut(s, " ")
		name, value, _ := strings.Cut(param, "=")
		name = strings.ToUpper(name)
		if err := checkParameter(name, param, seen); err != nil {
			return Path{}, err
		}
		seen = append(seen, name)
		if err := set(name, value); err != nil {
			return Path{}, err
		}
	}
	return p, nil
}

// checkParameter holds esmtp-param (RFC 5321, Section 4.1.2) and that none
// comes twice.
func checkParameter(name, param string, seen []string) error {
	bad := name == "" || len(seen) == MaxParameters || strings.HasSuffix(param, "=")
	for i := 0; i < len(name); i++ {
		c := name[i]
		bad = bad || !ascii.IsAlpha(c) && !ascii.IsDigit(c) && (c != '-' || i == 0)
	}
	for _, s := range seen {
		bad = bad || s == name
	}
	if bad {
		return &Error{Reason: BadParameter, Detail: quote(param)}
	}
	return nil
}

func (o *MailOptions) set(name, value string) error {
	ok := true
	switch name {
	case "SIZE":
		o.Size, ok = parseSize(value)
	case "BODY":
		o.Body = Body(strings.ToUpper(value))
		ok = o.Body == Body7Bit || o.Body == Body8Bit
	case "SMTPUTF8":
		o.UTF8, ok = true, value == "" // RFC 6531, Section 3.4
	case "REQUIRETLS":
		o.RequireTLS, ok = true, value == ""
	case "RET":
		o.Return = Return(strings.ToUpper(value))
		ok = o.Return == ReturnFull || o.Return == ReturnHeaders
	case "ENVID":
		o.EnvID, ok = decodeXtext(value)
		ok = ok && o.EnvID != "" && len(o.EnvID) <= MaxEnvID
	default:
		return &Error{Reason: UnknownParameter, Detail: quote(name)}
	}
	if !ok {
		return &Error{Reason: BadParameter, Detail: quote(name + "=" + value)}
	}
	return nil
}

func (o *RcptOptions) set(name, value string) error {
	ok := true
	switch name {
	case "NOTIFY":
		o.Notify, ok = parseNotify(value)
	case "ORCPT":
		o.Original, ok = parseOriginal(value)
	default:
		return &Error{Reason: UnknownParameter, Detail: quote(name)}
	}
	if !ok {
		return &Error{Reason: BadParameter, Detail: quote(name + "=" + value)}
	}
	return nil
}

func parseNotify(s string) (Notify, bool) {
	var n Notify
words:
	for _, word := range strings.Split(s, ",") {
		for i, w := range notifyWords {
			if ascii.EqualFold(word, w) && n&(1<<i) == 0 {
				n |= 1 << i
				continue words
			}
		}
		return 0, false
	}
	return n, n == NotifyNever || n&NotifyNever == 0
}

// append appends the parameters as they go over the wire, each with a space
// before it, as far as the server offers them. The caller has seen to those
// that must not be dropped.
func (o *MailOptions) append(b []byte, offered *Extensions) []byte {
	if offered.Size && o.Size > 0 {
		b = strconv.AppendInt(append(b, " SIZE="...), o.Size, 10)
	}
	if offered.EightBitMIME && o.Body != "" {
		b = append(append(b, " BODY="...), o.Body...)
	}
	if o.UTF8 {
		b = append(b, " SMTPUTF8"...)
	}
	if o.RequireTLS {
		b = append(b, " REQUIRETLS"...)
	}
	if offered.DSN && o.Return != "" {
		b = append(append(b, " RET="...), o.Return...)
	}
	if offered.DSN && o.EnvID != "" {
		b = appendXtext(append(b, " ENVID="...), o.EnvID)
	}
	return b
}

func (o *RcptOptions) append(b []byte, offered *Extensions) []byte {
	if !offered.DSN {
		return b
	}
	if o.Notify != 0 {
		b = append(append(b, " NOTIFY="...), o.Notify.String()...)
	}
	if o.Original.Address != "" {
		b = o.Original.append(append(b, " ORCPT="...))
	}
	return b
}

// withVerb names the command in an error of a parser that serves several.
func withVerb(err error, verb string) error {
	if e, ok := err.(*Error); ok && e.Verb == "" {
		e.Verb = verb
	}
	return err
}
