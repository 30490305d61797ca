package lookalike

import "github.com/waxseal/waxseal/message"

// from makes findings of what package message found wrong with From.
func (c *check) from() {
	a := &c.in.Author
	add := func(id ID, severity Severity, text string) {
		if a.Detail != "" {
			text += ": " + a.Detail // which quotes what it repeats
		}
		c.add(id, severity, text+".", Evidence{Field: "From"})
	}
	switch a.Problem {
	case message.NoFrom, message.NoMailbox:
		add(FromNone, High, "The message names no author")
	case message.SeveralFields:
		add(FromMultiple, High, "Programs differ in which From field they show")
	case message.SeveralAuthors:
		// RFC 5322, Section 3.6.2: several authors need a Sender.
		if c.senderAligned() {
			add(FromMultiple, Low, "The message names several authors, and its Sender is of their organization")
			return
		}
		add(FromMultiple, High, "Programs differ in which of several authors they show")
	case message.Suspicious, message.Unparseable:
		add(FromAmbiguous, High, "Programs may show different authors")
	}
}

// senderAligned reports whether the one Sender is of the organization of one of
// the authors and the message is authenticated.
func (c *check) senderAligned() bool {
	if len(c.in.Sender) != 1 || !c.authenticated {
		return false
	}
	for i := range c.in.Author.Addresses {
		if c.x.sameOrg(c.in.Author.Addresses[i].Domain, c.in.Sender[0].Domain) {
			return true
		}
	}
	return false
}
