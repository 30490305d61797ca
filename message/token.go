package message

import (
	"bytes"

	"github.com/waxseal/waxseal/internal/ascii"
)

// The classes of bytes in structured fields.
const (
	atomText  = iota // atext, UTF-8, and what is in no other class
	delimiter        // ends a phrase
	special          // has a meaning of its own
)

// class tells what a byte is in an address list. Brackets and control
// characters are text of a phrase, though RFC 5322 has them quoted.
var class = func() (t [256]uint8) {
	for _, c := range []byte("<>@,;:") {
		t[c] = delimiter
	}
	for _, c := range []byte(" \t\r\n()\".\\[]") {
		t[c] = special
	}
	return t
}()

// phrase is phrase / obs-phrase, and local-part / obs-local-part too: words,
// dots and CFWS up to a delimiter.
func (p *addressParser) phrase() phrase {
	p.cfws()
	ph := phrase{start: p.pos, end: p.pos, run: p.pos}
	dot := false // the last thing was a dot
	for p.pos < len(p.b) && class[p.b[p.pos]] != delimiter {
		at := p.pos
		if p.cfws(); p.pos == len(p.b) || class[p.b[p.pos]] == delimiter {
			break
		}
		isDot := p.b[p.pos] == '.'
		switch gap := p.pos > at; {
		case gap && (isDot || dot):
			ph.loose = true // obs-local-part
		case gap:
			ph.run, ph.loose = p.pos, false
		}
		dot = isDot
		p.word()
		ph.end = p.pos
	}
	return ph
}

// word is one of atom, quoted-string and "."; a byte that should be quoted
// counts as an atom.
func (p *addressParser) word() {
	switch c := p.b[p.pos]; {
	case c == '"' && !p.openQuote:
		p.quotedString()
	case class[c] == special:
		if c == '\\' || c == '(' || c == ')' || c == '"' {
			p.suspect("%q stands outside of a quoted string", c)
		}
		p.pos++
	default:
		for p.pos < len(p.b) && class[p.b[p.pos]] == atomText {
			p.control()
			p.pos++
		}
	}
}

// quotedString is quoted-string = DQUOTE *([FWS] qcontent) [FWS] DQUOTE.
func (p *addressParser) quotedString() {
	for i := p.pos + 1; i < len(p.b); i++ {
		switch c := p.b[i]; {
		case c == '\\':
			i++
		case c == '"':
			p.pos = i + 1
			return
		case c < ' ':
			p.controlAt(i)
		}
	}
	p.breaks("a quoted string is not closed")
	p.openQuote = true
	p.pos++
}

// cfws is CFWS: any number of comments and white space.
func (p *addressParser) cfws() {
	for p.pos < len(p.b) {
		switch c := p.b[p.pos]; {
		case c == '(' && !p.openComment:
			p.skipComment()
		case ascii.IsFWS(c):
			p.control()
			p.pos++
		default:
			return
		}
	}
}

// skipComment is comment = "(" *([FWS] ccontent) [FWS] ")". One that is not
// closed or too deep is left where it is, as text.
func (p *addressParser) skipComment() {
	depth := 0
	for i := p.pos; i < len(p.b); i++ {
		switch c := p.b[i]; {
		case c == '\\':
			i++
		case c == '(':
			if depth++; depth > MaxCommentDepth {
				p.breaks("comments are nested more than %d deep", MaxCommentDepth)
				p.openComment = true
				return
			}
		case c == ')':
			if depth--; depth == 0 {
				p.noteComment(span{p.pos + 1, i})
				p.pos = i + 1
				return
			}
		case c < ' ':
			p.controlAt(i)
		}
	}
	p.breaks("a comment is not closed")
	p.openComment = true
}

func (p *addressParser) noteComment(s span) {
	if bytes.IndexByte(p.b[s.start:s.end], '@') >= 0 && s != p.commentAt {
		if p.commentAt.end > 0 && p.commentAt.start < s.start {
			p.suspect("several comments show addresses")
		}
		p.commentAt = s
	}
	p.comment = s
}

// control notes a control character at pos.
func (p *addressParser) control() {
	if c := p.b[p.pos]; c < ' ' || c == 0x7f {
		p.controlAt(p.pos)
	}
}

// controlAt notes control characters where readers are known to cut: a NUL, a
// CR or LF that is no line end, all of C0 but tab.
func (p *addressParser) controlAt(i int) {
	switch c := p.b[i]; {
	case c == '\t':
	case c == '\r' && i+1 < len(p.b) && p.b[i+1] == '\n':
	case c == '\n' && i > 0 && p.b[i-1] == '\r':
	default:
		p.suspect("there is a bare control character, %q", c)
	}
}
