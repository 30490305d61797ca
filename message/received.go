package message

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Trace is the connection a message came by, as the server that took it wrote
// into the message (RFC 5321, Section 4.4). It is only as true as that server
// and all who handled the message since.
type Trace struct {
	IP       netip.Addr `json:"ip"`        // of the client; IPv4-mapped addresses as IPv4
	Helo     string     `json:"helo"`      // as written, "[192.0.2.1]" included
	MailFrom string     `json:"mail_from"` // "" for the null reverse-path, or if NoPath
	NoPath   bool       `json:"no_path"`   // MAIL FROM is not known, which is not the null reverse-path
	Received int        `json:"received"`  // index of the Received field that was read
}

// maxTraceWords is how much of a Received field is looked at; what tells the
// client stands at its beginning.
const maxTraceWords = 30

// Trace reads the topmost Received field in one of the forms of Postfix,
// Sendmail, Exim, Exchange, Gmail, qmail and those who write like them, and the
// Return-Path. Received fields above it that tell of no connection from another
// host are passed over: those without "from", of LMTP, and from a loopback
// address. With the error, a *Error that says what could not be read, comes
// what could.
func (h *Header) Trace() (Trace, error) { return h.TraceBehind(nil) }

// TraceBehind is Trace for a message that a relay of ours has passed on: the fields
// of clients that are relays of ours are passed over as well. Each relay must write
// a Received field of its own, or what a stranger wrote is taken for its word. nil
// means that there are no relays.
func (h *Header) TraceBehind(relay func(netip.Addr) bool) (Trace, error) {
	var t Trace
	problem := h.readReceived(&t, relay)
	path := h.First("Return-Path")
	var said string
	t.NoPath = true
	if path == nil {
		said = "there is no Return-Path field"
	} else if from, ok := reversePath(path.Value()); ok {
		t.MailFrom, t.NoPath = from, false
	} else {
		said = "Return-Path is not a path: " + strconv.Quote(string(clip(ascii.TrimFWS(path.Value()))))
	}
	if problem != "" && said != "" {
		problem += "; "
	}
	if problem += said; problem != "" {
		return t, &Error{Reason: BadReceived, Detail: problem}
	}
	return t, nil
}

// readReceived fills t from the topmost Received field that tells of a client
// and returns what it cannot read.
func (h *Header) readReceived(t *Trace, relay func(netip.Addr) bool) (problem string) {
	problem = "there is no Received field"
	for i := range h.Fields {
		if !h.Fields[i].Is("Received") {
			continue
		}
		r, ok := parseReceived(h.Fields[i].Value())
		switch {
		case !ok:
			problem = "no Received field tells of a client"
			continue
		case r.local():
			problem = "no Received field tells of a client on another host"
			continue
		case relay != nil && r.ip.IsValid() && !r.several && relay(r.ip):
			problem = "no Received field tells of a client that is not a relay"
			continue
		}
		t.Helo, t.Received = r.helo, i
		switch {
		case r.several:
			return "the Received field has several client addresses"
		case !r.ip.IsValid():
			return "the Received field has no client address: " + strconv.Quote(string(clip(ascii.TrimFWS(h.Fields[i].Value()))))
		}
		t.IP = r.ip
		return ""
	}
	return problem
}

// received is the from clause of a Received field.
type received struct {
	helo    string
	ip      netip.Addr
	several bool // different addresses
	lmtp    bool
}

func (r *received) local() bool { return r.lmtp || r.ip.IsLoopback() && !r.several }

// parseReceived reads "from" Extended-Domain with the comments behind it, and
// the protocol behind "with" (RFC 5321, Section 4.4). It reports whether there
// is a from clause.
func parseReceived(value []byte) (r received, ok bool) {
	var literal netip.Addr
	const (
		start = iota
		from
		comments
		other
		with
	)
	state := start
	for n := 0; n < maxTraceWords; n++ {
		word, comment, rest := traceWord(value)
		if len(word) == 0 {
			break
		}
		value = rest
		switch {
		case comment:
			if state == comments {
				r.comment(word)
			}
		case state == start && ascii.EqualFold(word, "from"):
			state = from
		case state == start:
			return r, false
		case state == from:
			r.helo, state = string(word), comments
			literal, _ = bracketed(word)
		case state == with:
			r.lmtp = ascii.HasPrefixFold(word, "LMTP") // RFC 3848
			state = other
		case ascii.EqualFold(word, "with"):
			state = with
		default:
			state = other
		}
	}
	if !r.ip.IsValid() {
		r.ip = literal
	}
	return r, state > from
}

// traceWord returns the first word or comment of b, without parentheses, and
// what follows it. The word is empty at the end or at the date.
func traceWord(b []byte) (word []byte, comment bool, rest []byte) {
	b = ascii.TrimFWS(b)
	if len(b) == 0 || b[0] == ';' {
		return nil, false, nil
	}
	if b[0] == '(' {
		if n := commentLen(b); n > 2 {
			return b[1 : n-1], true, b[n:]
		}
		return nil, false, nil
	}
	n := bytes.IndexFunc(b, func(r rune) bool {
		return r == '(' || r == ';' || r < 0x80 && ascii.IsFWS(byte(r))
	})
	if n < 0 {
		n = len(b)
	}
	return b[:n], false, b[n:]
}

// comment reads TCP-info as it is written in practice:
//
//	(rdns [192.0.2.1])            Postfix, Sendmail, Gmail
//	([192.0.2.1]:25 helo=name)    Exim
//	(192.0.2.1)                   Exchange
//	(HELO name) (user@192.0.2.1)  qmail
func (r *received) comment(b []byte) {
	if i := bytes.IndexByte(b, '('); i >= 0 {
		b = b[:i] // "(may be forged)"
	}
	words := bytes.FieldsFunc(b, func(c rune) bool { return c < 0x80 && ascii.IsFWS(byte(c)) })
	if len(words) == 2 && (ascii.EqualFold(words[0], "HELO") || ascii.EqualFold(words[0], "EHLO")) {
		r.helo = string(words[1])
		return
	}
	for i, w := range words {
		if ascii.HasPrefixFold(w, "helo=") || ascii.HasPrefixFold(w, "ehlo=") {
			if len(w) > len("helo=") {
				r.helo = string(w[len("helo="):])
			}
			continue
		}
		ip, ok := bracketed(w)
		if !ok && i == 0 && len(words) == 1 { // a bare address stands alone
			ip, ok = parseIP(w[bytes.LastIndexByte(w, '@')+1:])
		}
		if !ok {
			continue
		}
		r.several = r.several || r.ip.IsValid() && r.ip != ip
		r.ip = ip
	}
}

// bracketed reads an address literal, with the port that Exim writes behind it.
func bracketed(w []byte) (netip.Addr, bool) {
	rest, ok := bytes.CutPrefix(w, []byte("["))
	end := bytes.IndexByte(rest, ']')
	if !ok || end < 0 || end+1 < len(rest) && rest[end+1] != ':' {
		return netip.Addr{}, false
	}
	return parseIP(rest[:end])
}

func parseIP(b []byte) (netip.Addr, bool) {
	const tag = "IPv6:" // RFC 5321, Section 4.1.3
	if ascii.HasPrefixFold(b, tag) {
		b = b[len(tag):]
	}
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	if len(b) > longest {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(string(b))
	return ip.Unmap(), err == nil && ip.Zone() == ""
}

// maxPath is how long a reverse-path may be; RFC 5321, Section 4.5.3.1.3 allows
// 256 bytes, UTF-8 and quoting take more.
const maxPath = 1024

// reversePath returns what is between the angle brackets, without a source
// route. The brackets may be missing.
func reversePath(value []byte) (string, bool) {
	s := string(ascii.TrimFWS(value))
	if len(s) > maxPath || s == "" {
		return "", false
	}
	if s[0] == '<' {
		if s[len(s)-1] != '>' || len(s) < 2 {
			return "", false
		}
		s = s[1 : len(s)-1]
	}
	if strings.HasPrefix(s, "@") { // RFC 5321, Appendix C
		_, after, ok := strings.Cut(s, ":")
		if !ok {
			return "", false
		}
		s = after
	}
	at := strings.LastIndexByte(s, '@')
	quoted := at > 1 && s[0] == '"' && s[at-1] == '"'
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c == 0x7f || !(quoted && i < at) && strings.IndexByte(" <>()\"\\,;", c) >= 0 {
			return "", false
		}
	}
	return s, s == "" || at > 0 && at+1 < len(s)
}
