package spf

import (
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// maxReceivedPairs is how many key-value pairs a field may have; RFC 7208 knows
// eight keys.
const maxReceivedPairs = 64

// ParseReceived parses the value of a Received-SPF field, folded or not. It
// reports false for what is none. Unknown keys are ignored, of a key given
// twice the first counts. What it says is as true as the host that wrote it.
func ParseReceived(value string) (Received, bool) {
	s := scanner{strings.TrimSuffix(value, "\r\n")}
	s.skipFWS()
	var r Received
	switch word := Result(ascii.ToLower(s.atom())); word {
	case None, Neutral, Pass, Fail, SoftFail, TempError, PermError:
		r.Result = word
	default:
		return Received{}, false
	}
	s.skipFWS()
	if strings.HasPrefix(s.rest, "(") {
		var ok bool
		if r.Comment, ok = s.comment(); !ok {
			return Received{}, false
		}
	}
	for range maxReceivedPairs {
		if s.skipCFWS(); s.rest == "" {
			return r, true
		}
		if s.rest[0] == ';' {
			s.rest = s.rest[1:]
			continue
		}
		key := ascii.ToLower(s.atom())
		s.skipCFWS()
		if key == "" || !strings.HasPrefix(s.rest, "=") {
			return Received{}, false
		}
		s.rest = s.rest[1:]
		s.skipCFWS()
		v, ok := s.value()
		if !ok {
			return Received{}, false
		}
		r.set(key, v)
	}
	return Received{}, false
}

func (r *Received) set(key, value string) {
	var field *string
	switch key {
	case "client-ip":
		if ip, err := netip.ParseAddr(value); err == nil && !r.ClientIP.IsValid() {
			r.ClientIP = ip
		}
		return
	case "identity":
		if r.Identity == "" {
			r.Identity = Identity(value)
		}
		return
	case "receiver":
		field = &r.Receiver
	case "envelope-from":
		field = &r.EnvelopeFrom
	case "helo":
		field = &r.Helo
	case "mechanism":
		field = &r.Mechanism
	case "problem":
		field = &r.Problem
	default:
		return
	}
	if *field == "" {
		*field = value
	}
}

// scanner reads the tokens of a structured field (RFC 5322, Section 3.2).
type scanner struct{ rest string }

func (s *scanner) skipFWS() {
	for s.rest != "" && ascii.IsFWS(s.rest[0]) {
		s.rest = s.rest[1:]
	}
}

func (s *scanner) skipCFWS() {
	for s.skipFWS(); strings.HasPrefix(s.rest, "("); s.skipFWS() {
		if _, ok := s.comment(); !ok {
			s.rest = ")" // no token begins like that: the caller refuses it
			return
		}
	}
}

// atom takes a dot-atom, the "=" of atext left out: it ends a key.
func (s *scanner) atom() string {
	i := 0
	for i < len(s.rest) && (isAtext(s.rest[i]) && s.rest[i] != '=' || s.rest[i] == '.') {
		i++
	}
	a := s.rest[:i]
	s.rest = s.rest[i:]
	return a
}

// value takes a quoted-string, or what stands there up to a separator: many
// write addresses and mechanisms without quotes.
func (s *scanner) value() (string, bool) {
	if strings.HasPrefix(s.rest, `"`) {
		return s.enclosed('"', '"')
	}
	i := strings.IndexAny(s.rest, "; \t\r\n(")
	if i < 0 {
		i = len(s.rest)
	}
	v := s.rest[:i]
	s.rest = s.rest[i:]
	return v, v != ""
}

func (s *scanner) comment() (string, bool) { return s.enclosed('(', ')') }

// enclosed takes what stands between two delimiters, which nest if they differ,
// and undoes quoted-pairs and folding.
func (s *scanner) enclosed(left, right byte) (string, bool) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		switch {
		case c == '\r' || c == '\n':
			continue
		case c == '\\' && i+1 < len(s.rest):
			i++
			c = s.rest[i]
		case c == right && depth == 1:
			s.rest = s.rest[i+1:]
			return b.String(), true
		case c == right && depth > 0:
			depth--
		case c == left:
			if depth++; depth == 1 {
				continue
			}
		}
		b.WriteByte(c)
	}
	return "", false
}
