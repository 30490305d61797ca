package message

import (
	"fmt"

	"github.com/waxseal/waxseal/domain"
)

// Address is one mailbox of an address list.
type Address struct {
	Display string      `json:"display,omitempty"` // decoded (RFC 2047), for people; controls are U+FFFD
	Local   string      `json:"local"`             // unquoted
	Domain  domain.Name `json:"domain"`            // "" for a null or unreadable domain and an address literal
	Literal string      `json:"literal,omitempty"` // "[192.0.2.1]" as written
	Raw     []byte      `json:"-"`                 // the mailbox as received
}

// Problem says what is wrong with the From of a message. The empty Problem
// means one From field with one mailbox that every reader reads the same way.
type Problem string

// The problems, the worst first.
const (
	NoFrom         Problem = "no From field"
	SeveralFields  Problem = "several From fields"
	Unparseable    Problem = "From cannot be parsed"
	NoMailbox      Problem = "no mailbox in From" // an empty group, a null domain
	SeveralAuthors Problem = "several mailboxes in From"
	Suspicious     Problem = "From is written so that readers may disagree"
	ShownAddress   Problem = "another address is shown beside that of From"
)

// MaxAuthors is how many mailboxes Author lists; more make no message better.
const MaxAuthors = 100

// Author is what the From fields of a message say. Whatever the Problem is,
// Addresses are all that some reader may take for the author: an evaluation
// that skips one of them can be tricked.
type Author struct {
	Fields    int       // number of From fields, "From :" included
	Addresses []Address // of all From fields, in order
	Problem   Problem   // the worst one found
	Detail    string    // one sentence for a person when there is a Problem
}

// Author finds the author of a message (RFC 5322, Section 3.6.2). A field
// counts as From also when only a careless reader takes it for one: with white
// space or bytes nobody sees in its name, or behind a bare CR or LF in another
// field. Its cost is linear in the size of the header.
func (h *Header) Author() Author {
	r := authorReader{p: addressParser{max: MaxAuthors, guarded: true}}
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case f.Is("From"):
			if f.SpaceBeforeColon() {
				r.p.suspect("white space stands before the colon of From")
			}
			r.field(f.Value())
		case f.LooksLike("From"):
			r.p.suspect("the field name %q is From with bytes that nobody sees", clip(f.Name()))
			r.field(f.Value())
		}
	}
	if hasBareEnd(h.Raw) {
		r.hidden(h)
	}
	return r.author()
}

// authorReader collects what the From fields say.
type authorReader struct {
	p      addressParser
	fields int
}

func (r *authorReader) field(value []byte) {
	r.fields++
	if r.p.full {
		return
	}
	r.p.open(value)
	r.p.addressList()
}

// hidden looks for From fields that begin behind a bare CR or LF.
func (r *authorReader) hidden(h *Header) {
	for i := range h.Fields {
		h.Fields[i].eachHidden("From", func(f Field) {
			r.p.suspect("a From field stands behind a bare CR or LF")
			r.field(f.Value())
		})
	}
}

// author draws the conclusion.
func (r *authorReader) author() Author {
	p := &r.p
	a := Author{Fields: r.fields, Addresses: p.list}
	mailboxes := len(p.list) - p.doubles
	switch {
	case r.fields == 0:
		a.Problem, a.Detail = NoFrom, "the message has no From field"
	case r.fields > 1:
		a.Problem, a.Detail = SeveralFields, fmt.Sprintf("the message has %d From fields", r.fields)
	case p.broken != "":
		a.Problem, a.Detail = Unparseable, p.broken
	case !anyHost(p.list): // nor does it matter who else might be meant
		a.Problem, a.Detail = NoMailbox, "From has no address with a domain"
	case mailboxes > 1:
		a.Problem, a.Detail = SeveralAuthors, fmt.Sprintf("From has %d mailboxes", mailboxes)
	case p.suspicious != "":
		a.Problem = Suspicious
	case p.shown != "":
		a.Problem = ShownAddress
	}
	if a.Problem != NoMailbox {
		a.Addresses = append(a.Addresses, p.aside...)
	}
	for _, more := range []string{p.suspicious, p.shown} {
		switch {
		case a.Detail == "":
			a.Detail = more
		case more != "":
			a.Detail += "; " + more
		}
	}
	return a
}

func anyHost(list []Address) bool {
	for i := range list {
		if list[i].Domain != "" || list[i].Literal != "" {
			return true
		}
	}
	return false
}
