package authres

import (
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Parse parses the value of an Authentication-Results field, or what follows
// the instance in an ARC-Authentication-Results field. The error is a *Error;
// the Field is then nil, as RFC 8601, Section 2.2 gives a field that does not
// follow the syntax no meaning at all.
func Parse(value []byte) (*Field, error) {
	if len(value) > MaxFieldBytes {
		return nil, &Error{TooLarge, MaxFieldBytes}
	}
	p := parser{b: string(value)} // the one copy that all of the Field refers to
	f := &Field{}
	p.payload(f)
	if p.err != nil {
		return nil, p.err
	}
	return f, nil
}

// parser has a method for each production of RFC 8601, Section 2.2. The first
// error ends the field: pos is then at the end, where no production begins.
type parser struct {
	b       string
	pos     int
	comment string // the first one since it was last cleared
	err     *Error
}

func (p *parser) fail(r Reason) {
	if p.err == nil {
		p.err = &Error{r, p.pos}
	}
	p.pos = len(p.b)
}

// peek returns the next byte, 0 at the end; a NUL is refused where it stands.
func (p *parser) peek() byte {
	if p.pos < len(p.b) {
		return p.b[p.pos]
	}
	return 0
}

func (p *parser) done() bool { return p.pos == len(p.b) }

// accept skips c with the CFWS around it if c is next.
func (p *parser) accept(c byte) bool {
	p.cfws()
	if p.peek() != c || p.done() {
		return false
	}
	p.pos++
	p.cfws()
	return true
}

// payload is authres-payload = [CFWS] authserv-id [CFWS authres-version]
// (no-result / 1*resinfo) [CFWS].
func (p *parser) payload(f *Field) {
	p.cfws()
	if !p.startsResult() {
		p.authservID(f)
	}
	none := false
	for !p.done() {
		if f.AuthServID != "" || len(f.Results) > 0 {
			if !p.accept(';') {
				p.fail(BadResult)
				return
			}
			if p.done() || p.peek() == ';' {
				continue
			}
		}
		switch {
		case none: // something follows "none"
			p.fail(BadResult)
		case len(f.Results) == MaxResults:
			p.fail(TooManyResults)
		case len(f.Results) == 0 && p.noResult():
			none = true
		default:
			f.Results = append(f.Results, p.resinfo())
		}
	}
}

// startsResult reports whether a methodspec comes where the authserv-id should
// be, as in the fields that Microsoft writes.
func (p *parser) startsResult() bool {
	at, err := p.pos, p.err
	ok := len(p.name()) > 0
	p.cfws()
	ok = ok && p.err == nil && (p.peek() == '=' || p.peek() == '/')
	if ok && p.peek() == '/' {
		p.pos++
		p.cfws()
		p.number()
		p.cfws()
		ok = p.peek() == '='
	}
	p.pos, p.err = at, err
	return ok
}

// authservID is authserv-id [CFWS authres-version].
func (p *parser) authservID(f *Field) {
	if p.peek() == '"' {
		f.AuthServID = p.quotedString()
	} else {
		f.AuthServID = p.run()
	}
	if f.AuthServID == "" {
		p.fail(NoAuthServID)
		return
	}
	p.endOfValue()
	p.cfws()
	if !p.done() && p.peek() != ';' {
		if f.Version = p.number(); f.Version == 0 {
			p.fail(BadVersion)
		}
		p.cfws()
	}
}

// noResult is "none" without more.
func (p *parser) noResult() bool {
	at := p.pos
	name := p.name()
	p.cfws()
	if ascii.EqualFold(name, "none") && (p.done() && p.err == nil || p.peek() == ';') {
		return true
	}
	if p.err == nil {
		p.pos = at
	}
	return false
}

// resinfo is methodspec [CFWS reasonspec] [CFWS 1*propspec].
func (p *parser) resinfo() Result {
	p.comment = ""
	r := Result{Method: p.keyword()}
	if p.accept('/') {
		if r.MethodVersion = p.number(); r.MethodVersion == 0 {
			p.fail(BadVersion)
		}
	}
	if r.Method == "" || !p.accept('=') {
		p.fail(BadResult)
		return r
	}
	if r.Value = p.keyword(); r.Value == "" {
		p.fail(BadResult)
	}
	for p.cfws(); !p.done() && p.peek() != ';'; p.cfws() {
		if !ascii.IsFWS(p.b[p.pos-1]) && p.b[p.pos-1] != ')' {
			p.fail(TouchingText)
			break
		}
		prop := p.propspec()
		switch {
		case prop.Type == "" && prop.Name == "reason" && r.Reason == "" && len(r.Props) == 0:
			r.Reason = prop.Value
		case len(r.Props) == MaxProps:
			p.fail(TooManyProps)
		default:
			r.Props = append(r.Props, prop)
		}
	}
	r.Comment = p.comment
	return r
}

// propspec is ptype [CFWS] "." [CFWS] property [CFWS] "=" pvalue; reasonspec
// and Microsoft's action=none are the same without a type.
func (p *parser) propspec() Prop {
	prop := Prop{Name: p.keyword()}
	if p.accept('.') {
		prop.Type, prop.Name = prop.Name, p.keyword()
		if prop.Type == "" {
			p.fail(BadProperty)
		}
	}
	if prop.Name == "" || !p.accept('=') {
		p.fail(BadProperty)
		return prop
	}
	if p.pos > 0 && p.b[p.pos-1] != '=' && p.startsProp() {
		p.fail(BadProperty) // it has no value: the next one must not become it
		return prop
	}
	prop.Value = p.pvalue()
	return prop
}

// startsProp reports whether what is next can be read as a propspec.
func (p *parser) startsProp() bool {
	run := p.b[p.pos:]
	n := 0
	for n < len(run) && (isKeyword(run[n]) || run[n] == '.') {
		n++
	}
	return n > 0 && n < len(run) && run[n] == '='
}

// pvalue is [CFWS] (value / [[local-part] "@"] domain-name) [CFWS], and any
// other text that has no meaning in the grammar. It may be missing.
func (p *parser) pvalue() string {
	if p.peek() != '"' {
		s := p.run()
		p.endOfValue()
		return s
	}
	at := p.pos
	s := p.quotedString()
	if p.peek() == '@' { // a quoted local part
		p.run()
		if s = p.b[at:p.pos]; strings.ContainsAny(s, "\r\n") {
			p.fail(BadCharacter)
		}
	}
	p.endOfValue()
	return s
}

// endOfValue refuses what touches a value: a reader that takes it for a part of
// the value, and one that does not, would see different domains
// (CVE-2020-12272: "header.d=example.net(.example.com").
func (p *parser) endOfValue() {
	if c := p.peek(); !p.done() && c != ';' && !ascii.IsFWS(c) {
		p.fail(TouchingText)
	}
}
