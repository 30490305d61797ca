package dmarc

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
)

// URI is a reporting URI (RFC 9989, Section 4.6).
type URI struct {
	Text   string `json:"uri"` // as published, the obsolete size limit left out
	Scheme string `json:"-"`   // lower case

	// Address and Domain are the mailbox of a mailto URI, decoded.
	Address string      `json:"-"`
	Domain  domain.Name `json:"-"`
}

// uris parses dmarc-urilist. URIs that are none are left out, so that one typing
// mistake does not cost the others.
func (p *recordParser) uris(i int) []URI {
	t := &p.tag[i]
	if !t.seen {
		return nil
	}
	if t.broken {
		p.note("ignored: not a value of "+tagNames[i]+": ", t.text)
		return nil
	}
	var uris []URI
	for part := range strings.SplitSeq(t.text, ",") {
		if len(uris) == maxReportURIs {
			p.note("ignored: more URIs than are read in ", tagNames[i])
			break
		}
		part = ascii.TrimWSP(part)
		u, ok := parseURI(cutSize(part))
		if !ok {
			p.note("ignored: not a URI in "+tagNames[i]+": ", part)
			continue
		}
		uris = append(uris, u)
	}
	return uris
}

// cutSize removes obs-dmarc-report-size, "!" 1*DIGIT [ "k" / "m" / "g" / "t" ],
// which RFC 9989, Section 4.8 asks to ignore.
func cutSize(s string) string {
	i := strings.LastIndexByte(s, '!')
	if i < 0 {
		return s
	}
	size := s[i+1:]
	if n := len(size); n > 1 && strings.IndexByte("kmgt", ascii.Lower(size[n-1])) >= 0 {
		size = size[:n-1]
	}
	if size == "" || strings.Trim(size, "0123456789") != "" {
		return s
	}
	return s[:i]
}

// parseURI parses dmarc-uri: an RFC 3986 URI in which "," and "!" are encoded.
func parseURI(s string) (URI, bool) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) || rest == "" || !isURIText(rest) {
		return URI{}, false
	}
	u := URI{Text: s, Scheme: ascii.ToLower(scheme)}
	if u.Scheme != "mailto" {
		return u, true
	}
	to, _, _ := strings.Cut(rest, "?")
	address, err := url.PathUnescape(to)
	at := strings.LastIndexByte(address, '@')
	if err != nil || at <= 0 || !isAddress(address) {
		return URI{}, false
	}
	u.Address = address
	u.Domain, err = domain.Parse(address[at+1:])
	return u, err == nil
}

// isAddress refuses what could end a command or begin a second recipient where
// the address is used.
func isAddress(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == ',' {
			return false
		}
	}
	return utf8.ValidString(s) // RFC 6068, Section 2: encoded UTF-8 is allowed
}

// isScheme reports whether s is a scheme (RFC 3986, Section 3.1).
func isScheme(s string) bool {
	if s == "" || !ascii.IsAlpha(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !ascii.IsAlpha(c) && !ascii.IsDigit(c) && strings.IndexByte("+-.", c) < 0 {
			return false
		}
	}
	return true
}

// isURIText reports whether s has only characters of a URI (RFC 3986, Section
// 2), "!" left out, and whole percent escapes.
func isURIText(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
		case !ascii.IsAlpha(c) && !ascii.IsDigit(c) && strings.IndexByte("-._~:/?#[]@$&'()*+=", c) < 0:
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return ascii.IsDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func joinURIs(uris []URI) string {
	parts := make([]string, len(uris))
	for i := range uris {
		parts[i] = uris[i].Text
	}
	return strings.Join(parts, ",")
}
