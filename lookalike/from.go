package lookalike

import "github.com/waxseal/waxseal/message"

// from makes findings of what package message found wrong with From.
func (c *check) from() {
	a := &c.in.Author
	e := Evidence{Field: "From"}
	add := func(id ID, severity Severity, text string) {
		c.add(id, severity, text, e)
	}
	e.NotExempt = a.Detail
	switch a.Problem {
	case message.NoFrom, message.NoMailbox:
		add(FromNone, High, "The message names no author.")
	case message.SeveralFields:
		add(FromMultiple, High, "The message has several From fields; programs differ in which one they show.")
	case message.SeveralAuthors:
		// RFC 5322, Section 3.6.2: several authors need a Sender.
		if c.senderAligned() {
			add(FromMultiple, Low, "The message names several authors, and its Sender is one of their organizations.")
			return
		}
		add(FromMultiple, High, "The message names several authors; programs differ in which one they show.")
	case message.Suspicious:
		add(FromAmbiguous, High, "From is written so that programs may show different authors.")
	case message.Unparseable:
		add(FromAmbiguous, High, "From cannot be read for certain; programs may show different authors.")
	}
}

// senderAligned reports whether the one Sender is of the organization of one of
// the authors and the message is authenticated.
func (c *check) senderAligned() bool {
	if len(c.in.Sender) != 1 {
		return false
	}
	for i := range c.in.Author.Addresses {
		if c.x.sameOrg(c.in.Author.Addresses[i].Domain, c.in.Sender[0].Domain) {
			return true
		}
	}
	return false
}
