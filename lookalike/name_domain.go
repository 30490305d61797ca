package lookalike

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// minLabel is the length from which the label of a domain in a name is taken for
// a domain: initials such as "J.Co" are not.
const minLabel = 3

// nameDomains looks for domains of other organizations in the name, outside of
// the addresses there.
func (c *check) nameDomains(addresses []span) {
	text := c.name.text
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && inHost(text[i]) {
			i++
		}
		if i == start {
			i++
			continue
		}
		host := strings.TrimRight(text[start:i], ".-")
		at := span{start, start + len(host)}
		if strings.IndexByte(host, '.') < 0 || inside(at, addresses) {
			continue
		}
		c.nameDomain(host, at)
	}
}

func inHost(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c >= 0x80
}

func inside(at span, addresses []span) bool {
	for _, a := range addresses {
		if at.start < a.end && a.start < at.end {
			return true
		}
	}
	return false
}

// nameDomain judges what looks like a domain in the name.
func (c *check) nameDomain(host string, at span) {
	if strings.EqualFold(host, c.author.Local) || isTechnology(host) {
		return
	}
	name, err := domain.Parse(strings.TrimLeft(host, ".-"))
	if err != nil || !c.foreign(name) || c.ownAuthor() {
		return
	}
	org := name.Organizational()
	suffix, listed := name.PublicSuffix()
	label := orgLabel(org)
	if !listed || suffix == name || len(label) < minLabel {
		return
	}
	e := Evidence{
		Shown: c.name.text[at.start:at.end], Start: at.start, End: at.end, Protected: string(org),
		NotExempt: "its organization is neither the author's nor an alias of it",
	}
	if c.in.List && c.via() {
		return
	}
	if c.x.isOwn(name) || c.isRecipientOrg(name) {
		c.add(NameRcpt, Medium, "The sender's name shows the recipient's domain "+quote(host)+", but the message is from "+quote(c.author.Domain)+".", e)
		return
	}
	severity := Medium
	if label == orgLabel(c.org) {
		severity = Low
		e.NotExempt = "the same name under another public suffix, which may be somebody else's"
	}
	c.add(NameDomain, severity, "The sender's name shows the domain "+quote(host)+", but the message is from "+quote(c.author.Domain)+".", e)
}

// isTechnology reports whether a text that could be a domain names a thing.
func isTechnology(s string) bool {
	switch strings.ToLower(s) {
	case "asp.net", "vb.net", "ado.net", "ml.net", "paint.net", "socket.io":
		return true
	}
	return false
}

// nameRecipient looks for the name of the operator's organization beside a word
// such as "support".
func (c *check) nameRecipient() {
	if len(c.x.own) == 0 || c.x.isOwn(c.author.Domain) {
		return
	}
	for i := range c.name.list {
		w := &c.name.list[i]
		for _, l := range c.x.labels[string(w.skeleton)] {
			if l.brand >= 0 || len(l.text) < minOwnLabel || !c.besideRole(i, 1) {
				continue
			}
			e := c.wordEvidence(i, 1)
			e.Protected, e.Method = l.text, "exact"
			if string(w.normalized) != l.text {
				e.Method = "skeleton"
			}
			e.NotExempt = "the author's domain is none of the own ones"
			c.add(NameRcpt, Medium, "The sender's name has the name of the recipient's organization, "+quote(e.Shown)+", but the message is from "+quote(c.author.Domain)+".", e)
			return
		}
	}
}

// minOwnLabel is the length from which the label of an own domain is a name of
// its own.
const minOwnLabel = 4

// wordEvidence is the evidence of n words of the name from the i-th on.
func (c *check) wordEvidence(i, n int) Evidence {
	first, last := &c.name.list[i], &c.name.list[i+n-1]
	e := Evidence{
		Shown: c.name.text[first.start:last.end], Start: first.start, End: last.end,
	}
	for k := i; k < i+n; k++ {
		w := &c.name.list[k]
		if k > i {
			e.Normalized += " "
			e.Skeleton += " "
		}
		e.Normalized += string(w.normalized)
		e.Skeleton += string(w.skeleton)
	}
	e.CodePoints = codePoints(e.Shown, func(r rune) bool { return r >= 0x80 })
	return e
}
