package authres

import "github.com/waxseal/waxseal/internal/ascii"

// keyword is Keyword, in lower case; "" if there is none.
func (p *parser) keyword() string { return ascii.ToLower(p.name()) }

// name is what keywords are made of, with the underscore that some write.
func (p *parser) name() string {
	start := p.pos
	for !p.done() && isKeyword(p.b[p.pos]) {
		p.pos++
	}
	return p.b[start:p.pos]
}

func isKeyword(c byte) bool {
	return ascii.IsAlpha(c) || ascii.IsDigit(c) || c == '-' || c == '_'
}

// run is an unquoted value: what has no meaning in the grammar.
func (p *parser) run() string {
	start := p.pos
	for !p.done() && isValue(p.b[p.pos]) {
		p.pos++
	}
	return p.b[start:p.pos]
}

func isValue(c byte) bool {
	return c > ' ' && c != 0x7f && c != ';' && c != '(' && c != ')' && c != '"' && c != '\\'
}

// number is 1*DIGIT, 0 if there is none or it is too large.
func (p *parser) number() int {
	n, digits := 0, 0
	for ; !p.done() && ascii.IsDigit(p.b[p.pos]); p.pos++ {
		if digits++; digits > 4 {
			return 0
		}
		n = 10*n + int(p.b[p.pos]-'0')
	}
	return n
}

// quotedString is quoted-string of RFC 2045, Section 5.1; pos is at its quote.
func (p *parser) quotedString() string {
	start := p.pos
	var out []byte
	for p.pos++; !p.done(); p.pos++ {
		switch c := p.b[p.pos]; {
		case c == '"':
			p.pos++
			return string(out)
		case c == '\\' && p.pos+1 < len(p.b):
			p.pos++
			if c = p.b[p.pos]; c < ' ' || c == 0x7f {
				p.fail(BadCharacter)
				return ""
			}
			out = append(out, c)
		case c == '\r' || c == '\n':
			if !p.lineEnd() {
				return ""
			}
			p.pos++ // the LF; what follows is content
		case c < ' ' && c != '\t' || c == 0x7f:
			p.fail(BadCharacter)
			return ""
		default:
			out = append(out, c)
		}
	}
	p.pos = start
	p.fail(OpenQuote)
	return ""
}

// lineEnd reports whether a CRLF with WSP behind it is next, and fails if not:
// what stands behind any other line end may be another field to some reader.
func (p *parser) lineEnd() bool {
	rest := p.b[p.pos:]
	if len(rest) > 2 && rest[0] == '\r' && rest[1] == '\n' && ascii.IsWSP(rest[2]) {
		return true
	}
	if rest == "\r\n" { // the end of the field
		return true
	}
	p.fail(BadCharacter)
	return false
}

// cfws is [CFWS].
func (p *parser) cfws() {
	for !p.done() {
		switch c := p.b[p.pos]; {
		case ascii.IsWSP(c):
			p.pos++
		case c == '\r' || c == '\n':
			if p.lineEnd() {
				p.pos += 2
			}
		case c == '(':
			p.skipComment()
		default:
			return
		}
	}
}

// skipComment is comment = "(" *([FWS] ccontent) [FWS] ")".
func (p *parser) skipComment() {
	start, depth := p.pos, 0
	for ; !p.done(); p.pos++ {
		switch c := p.b[p.pos]; {
		case c == '\\':
			if p.pos++; p.done() || p.b[p.pos] < ' ' || p.b[p.pos] == 0x7f {
				p.fail(BadCharacter)
				return
			}
		case c == '(':
			if depth++; depth > MaxCommentDepth {
				p.fail(DeepComment)
				return
			}
		case c == ')':
			if depth--; depth == 0 {
				p.pos++
				if p.comment == "" {
					p.comment = commentText(p.b[start+1 : p.pos-1])
				}
				return
			}
		case c == '\r' || c == '\n':
			if !p.lineEnd() {
				return
			}
			p.pos++
		case c < ' ' && c != '\t' || c == 0x7f:
			p.fail(BadCharacter)
			return
		}
	}
	p.pos = start
	p.fail(OpenComment)
}

// commentText returns a comment for people: escapes resolved, white space
// collapsed.
func commentText(b string) string {
	out := make([]byte, 0, len(b))
	gap := false
	for i := 0; i < len(b); i++ {
		c := b[i]
		if ascii.IsFWS(c) {
			gap = true
			continue
		}
		if c == '\\' && i+1 < len(b) {
			i++
			c = b[i]
		}
		if gap && len(out) > 0 {
			out = append(out, ' ')
		}
		gap, out = false, append(out, c)
	}
	return string(out)
}
