package message

import "github.com/waxseal/waxseal/domain"

// Address is one mailbox of an address list.
type Address struct {
	Display string      `json:"display,omitempty"` // decoded (RFC 2047), for people
	Local   string      `json:"local"`             // unquoted
	Domain  domain.Name `json:"domain"`            // "" for a null domain or an address literal
	Literal string      `json:"literal,omitempty"` // "[192.0.2.1]" as written
	Raw     []byte      `json:"-"`                 // the mailbox as received
}

// Problem says what is wrong with the From of a message. The empty Problem
// means one From field with one mailbox that every reader reads the same way.
type Problem string

// The problems.
const (
	NoFrom         Problem = "no From field"
	SeveralFields  Problem = "several From fields"
	SeveralAuthors Problem = "several mailboxes in From"
	Unparseable    Problem = "From cannot be parsed"
	NoMailbox      Problem = "no mailbox in From" // an empty group, a null domain
	Suspicious     Problem = "From is written so that readers may disagree"
)

// Author is what the From fields of a message say.
type Author struct {
	Fields    int       // number of From fields, "From :" included
	Addresses []Address // of all From fields, in order
	Problem   Problem   // the worst one found
	Detail    string    // one sentence for a person when there is a Problem
}
