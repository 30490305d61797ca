package lookalike

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

// replyTo looks at where an answer would go.
func (c *check) replyTo() {
	if c.author.Domain == "" {
		return
	}
	for i := range c.in.ReplyTo {
		if i == MaxMailboxes {
			return
		}
		if a := &c.in.ReplyTo[i]; a.Domain != "" && c.foreign(a.Domain) {
			c.reply(a)
		}
	}
}

// reply judges one mailbox of another organization in Reply-To.
func (c *check) reply(a *message.Address) {
	org := a.Domain.Organizational()
	e := Evidence{Field: "Reply-To", Address: addressText(a), Shown: string(org), End: len(org)}
	if c.replyLooks(org, e) || c.x.isOwn(a.Domain) || c.isRecipientOrg(a.Domain) {
		return
	}
	switch {
	case c.in.List, c.in.AutoSubmitted:
		return
	case c.ownAuthor() || isNoReply(c.author.Local) && c.authenticated:
		return // forms and services that write for somebody
	}
	if c.isFreemail(a.Domain) && !c.isFreemail(c.author.Domain) {
		e.NotExempt = "the author's domain is no free provider, and the message is of no list or program"
		c.add(ReplyFree, Medium, "Answers go to a free mailbox, "+quote(e.Address)+", and not to "+quote(c.author.Domain)+".", e)
		return
	}
	e.NotExempt = "its organization is neither the author's nor an alias of it, and the message is of no list or program"
	c.add(ReplyOrg, Low, "Answers go to another organization, "+quote(e.Address)+", and not to "+quote(c.author.Domain)+".", e)
}

// replyLooks reports whether the organization looks like the author's, an own
// domain or a brand.
func (c *check) replyLooks(org domain.Name, e Evidence) bool {
	if c.x.groupOf(org) != 0 {
		return false
	}
	text, author := orgLabel(org), orgLabel(c.org)
	e.Skeleton = Skeleton(text)
	e.NotExempt = "it is neither an own domain nor an alias"
	how, like := alike(text, author), c.org
	if how == "" {
		for _, l := range c.x.labels[e.Skeleton] {
			if l.brand < 0 && l.text != text && !plainShort(l.text, text) {
				how, like = bySkeleton, l.domain
			}
		}
	}
	if how == "" {
		if l, ok := c.x.nearLabel(text); ok && l.brand < 0 {
			how, like = byEdit, l.domain
		}
	}
	if how == "" {
		return false
	}
	e.Protected, e.Method = string(like), string(how)
	c.add(ReplyLook, High, "Answers go to "+quote(e.Address)+", whose domain looks like "+quote(like.Unicode())+".", e)
	return true
}

// isNoReply reports whether a local part says that nobody reads its mail.
func isNoReply(local string) bool {
	s := strings.ToLower(clip(local))
	for _, word := range [...]string{"noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "do_not_reply", "nepasrepondre", "notification"} {
		if strings.HasPrefix(s, word) {
			return true
		}
	}
	return false
}
