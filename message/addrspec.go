package message

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
)

// addrSpec is addr-spec = local-part "@" domain; pos is at the "@". A second
// "@" gives a second address, which is how some readers see it.
func (p *addressParser) addrSpec(ph phrase) {
	if ph.empty() {
		p.breaks("an address has no local part")
	}
	if ph.loose {
		p.suspect("white space or a comment splits the local part %q", p.text(ph.run, ph.end))
	}
	a := Address{Local: p.localPart(ph)}
	if p.pos != ph.end {
		p.suspect("white space or a comment stands before the @")
	}
	for {
		at := p.pos
		p.pos++
		p.domain(&a)
		p.list = append(p.list, a)
		if p.peek() != '@' || len(p.list) >= p.max {
			return
		}
		p.doubles++
		p.suspect("the address has two @ signs: %q", p.text(ph.run, p.pos))
		if len(a.Local)+p.pos-at > maxLocalShown {
			p.breaks("an address has more than one @")
			return
		}
		a = Address{Local: a.Local + string(p.b[at:p.pos])}
	}
}

// maxLocalShown bounds the local parts made of addresses with several @.
const maxLocalShown = 1000

// localPart returns the local-part without its quotes.
func (p *addressParser) localPart(ph phrase) string {
	b := p.b[ph.run:ph.end]
	if ph.loose || bytes.IndexByte(b, '"') >= 0 {
		b = unquote(b, false)
	}
	if !utf8.Valid(b) || bytes.ContainsAny(b, "@<>(),;:\\\"") || bytes.Contains(b, []byte("=?")) {
		p.suspect("the local part %q has characters that some readers take for syntax", clip(b))
		p.decoded(b)
	}
	return string(b)
}

// reading notes what a reader that knows no quotes, no encoded-words or no
// source routes takes for the author.
func (p *addressParser) reading(local, host string) {
	if n, err := domain.Parse(host); p.guarded && err == nil && len(p.list)+len(p.second)+len(p.aside) < p.max {
		p.second = append(p.second, Address{Local: local, Domain: n})
	}
}

// decoded notes the addresses in a text of which some readers decode the
// encoded-words before all else.
func (p *addressParser) decoded(text []byte) {
	for rest := decodeWords(string(text)); ; {
		shown := otherAddress(rest, "")
		local, host, ok := strings.Cut(shown, "@")
		if !ok {
			return
		}
		p.reading(local, host)
		_, rest, _ = strings.Cut(rest, shown)
	}
}

// domain is domain = dot-atom / domain-literal / obs-domain.
func (p *addressParser) domain(a *Address) {
	start := p.pos
	p.cfws()
	if p.pos != start {
		p.suspect("white space or a comment stands behind the @")
	}
	if p.peek() == '[' {
		a.Literal = p.domainLiteral()
		return
	}
	text := p.obsDomain()
	if len(text) == 0 {
		p.suspect("the address has no domain")
		return
	}
	name, err := domain.Parse(string(text))
	if err != nil {
		p.breaks("%q is not a domain name", clip(text))
		p.brokenDomain(a.Local, text)
		return
	}
	a.Domain = name
}

// brokenDomain notes what readers make of a domain with bytes that no domain
// has: some stop at the first of them, others do not see them, and some decode
// encoded-words before all else.
func (p *addressParser) brokenDomain(local string, text []byte) {
	if len(text) > maxLocalShown {
		return
	}
	if bytes.Contains(text, []byte("=?")) {
		for host := range strings.SplitSeq(decodeWords(string(text)), "@") {
			if i := strings.IndexFunc(host, func(r rune) bool { return !inHostName(r) }); i >= 0 {
				host = host[:i]
			}
			p.reading(local, strings.Trim(host, "."))
		}
	}
	bad := bytes.IndexFunc(text, func(r rune) bool { return !inHostName(r) })
	if bad < 0 {
		p.reading(local, strings.Trim(string(text), "."))
		return
	}
	p.reading(local, string(text[:bad]))
	seen := bytes.Map(func(r rune) rune {
		if !inHostName(r) {
			return -1
		}
		return r
	}, text)
	if string(seen) != string(text[:bad]) {
		p.reading(local, string(seen))
	}
}

func inHostName(r rune) bool {
	return r == '.' || r == '-' || r == '_' || r != utf8.RuneError && r >= 0x80 ||
		r < 0x80 && (ascii.IsAlpha(byte(r)) || ascii.IsDigit(byte(r)))
}

// obsDomain is obs-domain = atom *("." atom), with or without CFWS.
func (p *addressParser) obsDomain() []byte {
	p.cfws()
	start := p.pos
	var joined []byte // only when CFWS was left out
	for {
		from := p.pos
		for p.pos < len(p.b) && (class[p.b[p.pos]] == atomText || p.b[p.pos] == '.') {
			p.control()
			p.pos++
		}
		end := p.pos
		if joined != nil {
			joined = append(joined, p.b[from:end]...)
		}
		if p.peek() == '(' {
			p.suspect("a comment touches the domain %q", p.text(start, end))
		}
		p.cfws()
		split := p.pos != end && end > start && p.pos < len(p.b)
		if !split || p.b[p.pos] != '.' && (p.b[end-1] != '.' || class[p.b[p.pos]] != atomText) {
			p.pos = end
			if joined == nil {
				return p.b[start:end]
			}
			return joined
		}
		p.suspect("white space or a comment splits the domain %q", p.text(start, end))
		if joined == nil {
			joined = append(make([]byte, 0, 64), p.b[start:end]...)
		}
	}
}

// domainLiteral is domain-literal = "[" *([FWS] dtext) [FWS] "]".
func (p *addressParser) domainLiteral() string {
	rest := p.b[p.pos:]
	i := bytes.IndexAny(rest, "]<>@,\"")
	if i < 0 || rest[i] != ']' {
		p.breaks("an address literal is not closed")
		p.pos++
		return ""
	}
	p.pos += i + 1
	return string(rest[:i+1])
}
