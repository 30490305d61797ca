package lookalike

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// displayName runs the rules on the display name of c.author.
func (c *check) displayName() {
	display := c.author.Display
	if display == "" {
		return
	}
	c.name.split(display)
	c.nameCharacters()
	shown := c.nameAddresses()
	c.nameDomains(shown)
	if c.isOnlyAddress(shown) {
		return
	}
	c.namePeople()
	c.nameBrands()
	c.nameRecipient()
}

// span is a part of the display name.
type span struct{ start, end int }

// isOnlyAddress reports whether the name is nothing but an address.
func (c *check) isOnlyAddress(shown []span) bool {
	if len(shown) != 1 {
		return false
	}
	for i := range c.name.list {
		if w := &c.name.list[i]; w.start < shown[0].start || w.end > shown[0].end {
			return false
		}
	}
	return true
}

// nameAddresses looks for addresses of other organizations in the name and
// returns where there are addresses.
func (c *check) nameAddresses() []span {
	var found []span
	text := c.name.text
	for i := 0; ; {
		at, size := atSign(text[i:])
		if at < 0 {
			return found
		}
		at += i
		start, end := at, at+size
		for start > i && inAddress(text[start-1]) {
			start--
		}
		for end < len(text) && inAddress(text[end]) {
			end++
		}
		i = end
		host := strings.Trim(text[at+size:end], ".")
		end = at + size + len(host)
		if start == at || strings.IndexByte(host, '.') < 0 {
			continue
		}
		name, err := domain.Parse(host)
		if err != nil {
			continue
		}
		found = append(found, span{start, end})
		c.nameAddress(text[start:at]+"@"+host, name, span{start, end})
	}
}

// atSign returns where s has an @, one of another width included.
func atSign(s string) (at, size int) {
	at, size = strings.IndexByte(s, '@'), 1
	for _, wide := range [...]string{"＠", "﹫"} {
		limit := s
		if at >= 0 {
			limit = s[:at]
		}
		if i := strings.Index(limit, wide); i >= 0 {
			at, size = i, len(wide)
		}
	}
	return at, size
}

func inAddress(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte(`<>()[]@,;:"'\|`, c) < 0
}

// nameAddress judges one address in the name.
func (c *check) nameAddress(address string, host domain.Name, at span) {
	if !c.foreign(host) || c.ownAuthor() {
		return
	}
	e := Evidence{Shown: c.name.text[at.start:at.end], Start: at.start, End: at.end, Protected: string(host)}
	switch {
	case c.in.List && c.via():
		return // a list writes whom it forwards for: "ann@example.org via list"
	case c.isNotifier() && (c.repliesTo(address) || len(c.in.ReplyTo) == 0):
		return
	case c.in.List:
		e.NotExempt = "a list, but the name does not say \"via\""
	case c.isNotifier():
		e.NotExempt = "a service that shows addresses, but Reply-To is another one"
	case c.repliesTo(address):
		e.NotExempt = "Reply-To is this address, but the author is no service known to show addresses"
	default:
		e.NotExempt = "its organization is neither the author's nor an alias of it"
	}
	if c.x.isOwn(host) || c.isRecipientOrg(host) || c.isRecipient(address) {
		c.add(NameAddrRcpt, High, "The sender's name shows an address of the recipient's organization, "+quote(address)+", but the message is from "+quote(addressText(c.author))+".", e)
		return
	}
	c.add(NameAddr, Medium, "The sender's name shows the address "+quote(address)+", but the message is from "+quote(addressText(c.author))+".", e)
}

// via reports whether the name says that it is forwarded.
func (c *check) via() bool {
	for i := range c.name.list {
		w := &c.name.list[i]
		if i > 0 && (string(w.normalized) == "via" || string(w.normalized) == "over") {
			return true
		}
	}
	return false
}

// isNotifier reports whether the author is a service that writes the address of
// the person who acts into the name, authenticated.
func (c *check) isNotifier() bool {
	if !c.authenticated {
		return false
	}
	if c.p.lists.notifierAddresses[strings.ToLower(addressText(c.author))] {
		return true
	}
	_, ok := covers(c.p.lists.notifiers, c.author.Domain)
	return ok
}

func (c *check) repliesTo(address string) bool {
	for i := range c.in.ReplyTo {
		if isAddress(&c.in.ReplyTo[i], address) {
			return true
		}
	}
	return false
}

// isRecipient reports whether a recipient has that address.
func (c *check) isRecipient(address string) bool {
	for _, r := range c.in.Recipients[:min(len(c.in.Recipients), maxRecipients)] {
		if strings.EqualFold(r, address) {
			return true
		}
	}
	return false
}

// isRecipientOrg reports whether d is of the organization of a recipient. The
// users of a free provider are none.
func (c *check) isRecipientOrg(d domain.Name) bool {
	for _, r := range c.in.Recipients[:min(len(c.in.Recipients), maxRecipients)] {
		_, host, _ := cutLast(r, "@")
		if host == "" {
			continue
		}
		if n, err := domain.Parse(host); err == nil && !c.isFreemail(n) && c.x.sameOrg(n, d) {
			return true
		}
	}
	return false
}

// maxRecipients is how many recipients are looked at for their organization.
const maxRecipients = 100
