package milter

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// parseConnect parses host NUL family [port address NUL].
func parseConnect(b []byte) (Client, bool) {
	var c Client
	host, rest, ok := bytes.Cut(b, []byte{0})
	if !ok || len(rest) == 0 {
		return c, false
	}
	c.Host = string(host)
	family := rest[0]
	rest = rest[1:]
	switch family {
	case familyUnknown:
		return c, true
	case familyUnix, familyInet, familyInet6:
	default:
		return c, false
	}
	if len(rest) < 3 || rest[len(rest)-1] != 0 {
		return c, false
	}
	c.Port = binary.BigEndian.Uint16(rest)
	if family == familyUnix {
		c.Port = 0
		return c, true
	}
	c.Addr, ok = parseAddr(string(rest[2 : len(rest)-1]))
	return c, ok
}

// parseAddr parses an address as Postfix and Sendmail write it, the latter with
// the tag of RFC 5321, Section 4.1.3.
func parseAddr(s string) (netip.Addr, bool) {
	const tag = "IPv6:"
	if ascii.HasPrefixFold(s, tag) {
		s = s[len(tag):]
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
}

// parseStrings parses strings that each end in NUL.
func parseStrings(b []byte) ([]string, bool) {
	if len(b) == 0 || b[len(b)-1] != 0 {
		return nil, false
	}
	return strings.Split(string(b[:len(b)-1]), "\x00"), true
}

// path returns a reverse-path or forward-path without angle brackets and source
// route (RFC 5321, Appendix C).
func path(s string) string {
	s = ascii.TrimWSP(s)
	if len(s) >= 2 && s[0] == '<' && s[len(s)-1] == '>' {
		s = s[1 : len(s)-1]
	}
	if strings.HasPrefix(s, "@") {
		if _, mailbox, ok := strings.Cut(s, ":"); ok {
			return mailbox
		}
	}
	return s
}

// parseHeader parses name NUL value NUL.
func parseHeader(b []byte) (name, value []byte, ok bool) {
	name, rest, ok := bytes.Cut(b, []byte{0})
	if !ok || len(rest) == 0 {
		return nil, nil, false
	}
	value = rest[:len(rest)-1]
	return name, value, rest[len(rest)-1] == 0 && bytes.IndexByte(value, 0) < 0
}

// appendField appends a header field as it stood in the message. Mail servers hand
// over folded values with LF; those that give CRLF are taken at their word. A name
// or value that would make two fields of one is refused.
func appendField(dst, name, value []byte, spaceKept bool) ([]byte, bool) {
	if len(name) == 0 || ascii.IsFWS(name[0]) || bytes.ContainsAny(name, ":\r\n") {
		return dst, false
	}
	dst = append(append(dst, name...), ':')
	// Without leadingSpace the mail server has eaten one space if there was one, and
	// no tab: a value that begins with a space had two.
	if !spaceKept && (len(value) == 0 || value[0] == ' ' || !ascii.IsFWS(value[0])) {
		dst = append(dst, ' ')
	}
	for {
		i := bytes.IndexByte(value, '\n')
		if i < 0 {
			break
		}
		dst = append(dst, value[:i]...)
		if i == 0 || value[i-1] != '\r' {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		value = value[i+1:]
		if len(value) == 0 || !ascii.IsWSP(value[0]) {
			return dst, false
		}
	}
	return append(append(dst, value...), "\r\n"...), true
}
