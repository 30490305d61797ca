package message

import (
	"bytes"
	"fmt"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Limits on an address list. RFC 5322 sets none.
const (
	MaxAddresses    = 1000 // mailboxes of one field
	MaxCommentDepth = 100  // comments in comments
)

// ParseAddressList parses the value of From, Sender, Reply-To, To or Cc: an
// address-list (RFC 5322, Section 3.4) with its obsolete forms (Section 4.4)
// and the UTF-8 of RFC 6532. The mailboxes of groups are listed like others. It
// goes on behind what it cannot read, so the addresses are all that were found
// even when there is an error, which is a *Error. What is well-formed but
// written so that readers may disagree is no error here; see Header.Author.
func ParseAddressList(value []byte) ([]Address, error) {
	p := addressParser{b: value, max: MaxAddresses}
	p.addressList()
	switch {
	case p.full:
		return p.list, &Error{Reason: TooManyAddresses, Limit: p.max}
	case p.broken != "":
		return p.list, &Error{Reason: BadAddress, Detail: p.broken}
	}
	return p.list, nil
}

// addressParser has a method for each production of RFC 5322, Section 3.4. Each
// byte is looked at a small, fixed number of times whatever the input is.
type addressParser struct {
	b    []byte
	pos  int
	max  int
	list []Address

	// A quote or comment that is never closed is text, and so are all later
	// ones: their end has been looked for already.
	openQuote, openComment bool

	comment    span // the last one
	commentAt  span // the first one with an @ since the last address
	inGroup    bool
	full       bool // more mailboxes than max
	doubles    int  // addresses that are only a second reading of another
	second     []Address
	aside      []Address // second readings of what is no address to most readers
	guarded    bool      // list second readings: who is asked for the author must be told all
	broken     string
	suspicious string
	shown      string // another address that stands in a display name or comment
}

// open makes p go on with another field; what was found stays.
func (p *addressParser) open(b []byte) {
	p.b, p.pos = b, 0
	p.openQuote, p.openComment, p.inGroup = false, false, false
	p.comment, p.commentAt = span{}, span{}
}

type span struct{ start, end int }

// phrase is what stands before a delimiter: a display name, the name of a
// group, or the local part of an address.
type phrase struct {
	start, end int
	run        int  // where the last words joined by dots begin
	loose      bool // CFWS inside the run
}

func (ph phrase) empty() bool { return ph.start == ph.end }

func (p *addressParser) breaks(format string, args ...any) {
	if p.broken == "" {
		p.broken = fmt.Sprintf(format, args...)
	}
}

func (p *addressParser) suspect(format string, args ...any) {
	if p.suspicious == "" {
		p.suspicious = fmt.Sprintf(format, args...)
	}
}

func (p *addressParser) shows(format, address string) {
	if p.shown == "" {
		p.shown = fmt.Sprintf(format, address)
	}
}

// peek returns the next byte, 0 at the end; a NUL that was received is text and
// no production begins with it.
func (p *addressParser) peek() byte {
	if p.pos < len(p.b) {
		return p.b[p.pos]
	}
	return 0
}

// addressList is address-list / obs-addr-list.
func (p *addressParser) addressList() {
	for {
		p.cfws()
		switch p.peek() {
		case ',':
			p.pos++
			continue // RFC 5322, Section 4.4: empty elements are allowed
		case ';':
			if !p.inGroup {
				p.suspect("a semicolon stands outside of a group")
			}
			p.inGroup = false
			p.pos++
			continue
		}
		if p.pos == len(p.b) {
			break
		}
		if len(p.list) >= p.max {
			p.full = true
			return
		}
		p.address()
	}
	if p.inGroup {
		p.suspect("a group is not closed by a semicolon")
	}
}

// address is address = mailbox / group; a group's mailboxes come back here.
func (p *addressParser) address() {
	start, before := p.pos, len(p.list)
	ph := p.phrase()
	switch p.peek() {
	case '<':
		p.angleAddr(ph)
	case '@':
		p.bareAddr(ph)
	case ':':
		p.group(ph)
		return
	case '>':
		p.breaks("a closing angle bracket has no opening one")
		p.pos++
		return
	default:
		if !ph.empty() {
			p.suspect("%q is no address", p.text(ph.start, ph.end))
		}
		if text := p.b[ph.start:ph.end]; bytes.Contains(text, []byte("=?")) {
			p.decoded(text)
		}
		for i := range p.second {
			p.second[i].Raw = p.b[ph.start:ph.end:ph.end]
		}
		p.aside, p.second = append(p.aside, p.second...), p.second[:0]
		return
	}
	p.list, p.second, p.doubles = append(p.list, p.second...), p.second[:0], p.doubles+len(p.second)
	for i := before; i < len(p.list); i++ {
		p.list[i].Raw = ascii.TrimFWS(p.b[start:p.pos:p.pos])
	}
	p.afterMailbox(before)
}

// group is the opening of group = display-name ":" [group-list] ";" [CFWS].
func (p *addressParser) group(ph phrase) {
	p.pos++
	switch {
	case ph.empty():
		p.breaks("a colon has no group name before it")
	case p.inGroup:
		p.breaks("a group stands inside a group")
	}
	p.suspect("the group %q is not a mailbox", p.text(ph.start, ph.end))
	p.inGroup = true
}

// bareAddr is addr-spec without angle brackets. An unquoted address in front of
// an angle-addr is a display name to most readers and the address to others.
func (p *addressParser) bareAddr(ph phrase) {
	first := len(p.list)
	if ph.run > ph.start {
		p.suspect("the address after %q has no angle brackets", p.text(ph.start, ph.run))
	}
	p.addrSpec(ph)
	p.list[first].Display = displayText(p.b[ph.start:ph.run])
	end := p.pos
	p.cfws()
	if p.peek() != '<' {
		p.pos = end
		return
	}
	before := len(p.list)
	if p.angleAddr(phrase{start: ph.start, end: end, run: end}); len(p.list) == before {
		return
	}
	a, b := &p.list[first], &p.list[len(p.list)-1]
	if a.Local == b.Local && a.Domain == b.Domain {
		p.list = append(p.list[:first], p.list[first+1:]...)
		return
	}
	p.doubles++
	p.suspect("%q stands where the display name belongs", p.text(ph.run, end))
}

// angleAddr is angle-addr / obs-angle-addr after the display name ph.
func (p *addressParser) angleAddr(ph phrase) {
	p.pos++
	p.cfws()
	if at := p.pos; p.peek() == '@' {
		p.suspect("the address has a source route")
		if !p.obsRoute() {
			p.pos = at
		}
	}
	first := len(p.list)
	inner := p.phrase()
	switch p.peek() {
	case '@':
		if inner.run > inner.start {
			p.breaks("there is more than an address in angle brackets")
		}
		p.addrSpec(inner)
	default: // RFC 5321, Section 4.1.2 has the null path; in a From it says nothing
		if !inner.empty() {
			p.list = append(p.list, Address{Local: p.localPart(inner)})
		}
		p.suspect("the address in angle brackets has no domain")
	}
	p.cfws()
	if p.peek() == '>' {
		p.pos++
	} else {
		p.breaks("an angle bracket is not closed behind the address")
	}
	for i := first; i < len(p.list); i++ {
		p.list[i].Display = displayText(p.b[ph.start:ph.end])
	}
}

// obsRoute is obs-route = obs-domain-list ":". It reports whether there is one.
func (p *addressParser) obsRoute() bool {
	for {
		p.cfws()
		switch p.peek() {
		case ',':
			p.pos++
		case '@':
			p.pos++
			p.reading("", string(p.obsDomain()))
		case ':':
			p.pos++
			p.cfws()
			return true
		default:
			return false
		}
	}
}

// afterMailbox wants a separator behind the mailboxes from list[first] on. It
// takes the comment there as the display name that old software writes so.
func (p *addressParser) afterMailbox(first int) {
	p.comment = span{}
	p.cfws()
	if first == len(p.list) {
		return
	}
	a := &p.list[first]
	if c := p.comment; a.Display == "" && c.end > c.start {
		a.Display = displayText(p.b[c.start:c.end])
	}
	p.shownAddress(a)
	if c := p.peek(); c != ',' && c != ';' && p.pos < len(p.b) {
		p.suspect("there is text behind the address %q", clip(a.Raw))
	}
}

// shownAddress looks for another address in the texts that people see beside a.
func (p *addressParser) shownAddress(a *Address) {
	if s := otherAddress(a.Display, a.Domain); s != "" {
		p.shows("the display name shows another address, %q", s)
	}
	if c := p.commentAt; c.end > 0 {
		if s := otherAddress(string(p.b[c.start:c.end]), a.Domain); s != "" {
			p.shows("a comment shows another address, %q", s)
		}
	}
	p.commentAt = span{}
}

// text returns what stands in the field there, for a sentence.
func (p *addressParser) text(start, end int) []byte {
	return clip(ascii.TrimFWS(p.b[start:end]))
}

// clip bounds what a sentence repeats of a stranger's bytes.
func clip(b []byte) []byte { return b[:min(len(b), 80)] }
