package lookalike

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// domainName runs the rules on the author's domain.
func (c *check) domainName() {
	name := c.author.Domain
	if name == "" || c.x.isOwn(name) || c.x.groupOf(name) != 0 {
		c.domainTenant()
		return
	}
	org := c.org
	text := orgLabel(org)
	c.domainScripts()
	if !c.domainLabel(text, org) {
		c.domainBelow()
	}
	c.domainTenant()
}

// domainLabel compares the organization's label with the protected ones and
// reports whether it is like one of them.
func (c *check) domainLabel(text string, org domain.Name) bool {
	if l, ok := c.sameLabel(text); ok {
		c.domain(DomainTLD, Low, l, text, "exact",
			"The domain "+quote(org)+" has the name of "+quote(l.domain)+" under another suffix.")
		return true
	}
	for _, l := range c.x.labels[Skeleton(text)] {
		if l.text != text && !plainShort(l.text, text) {
			c.domain(DomainSkeleton, High, l, text, "skeleton",
				"The domain "+quote(org.Unicode())+" reads like "+quote(l.domain.Unicode())+".")
			return true
		}
	}
	if l, ok := c.x.nearLabel(text); ok && l.use == NameOnly {
		c.domain(DomainEdit, Medium, l, text, "edit",
			"The domain "+quote(org.Unicode())+" is one keystroke from "+quote(l.domain.Unicode())+".")
		return true
	}
	return c.domainCombo(text, org)
}

// minSame is the length from which the same label under another public suffix is
// no accident.
const minSame = 4

func (c *check) sameLabel(text string) (label, bool) {
	if len(text) < minSame {
		return label{}, false
	}
	for _, l := range c.x.exact[text] {
		if l.use == NameOnly {
			return l, true
		}
	}
	return label{}, false
}

// Lengths from which a protected label is looked for inside of others.
const (
	minCombo = 3 // between hyphens, beside a word that lures
	minPlain = 5 // between hyphens, beside any word; or grown together with a word that lures
	minLure  = 5 // of such a word
)

// domainCombo looks for a protected label with words added: "acme-login" or
// "acmelogin".
func (c *check) domainCombo(text string, org domain.Name) bool {
	parts := strings.SplitN(text, "-", maxParts)
	if len(parts) > 1 {
		lure := false
		for _, p := range parts {
			lure = lure || isLure(p)
		}
		for _, p := range parts {
			for _, l := range c.x.labels[Skeleton(p)] {
				if plainShort(l.text, p) && l.text != p || len(p) < minCombo || !lure && (len(p) < minPlain || l.use != NameOnly) {
					continue
				}
				severity := Medium
				if !lure {
					severity = Low
				}
				c.domain(DomainCombo, severity, l, text, "combination",
					"The domain "+quote(org.Unicode())+" is the name of "+quote(l.domain)+" with words added.")
				return true
			}
		}
		if c.squeezed(text, org) {
			return true
		}
	}
	for n := minPlain; n < len(text)-1; n++ {
		for _, cut := range [...][2]string{{text[:n], text[n:]}, {text[len(text)-n:], text[:len(text)-n]}} {
			if word := strings.Trim(cut[1], "-"); len(word) < minLure || !isLure(word) {
				continue
			}
			for _, l := range c.x.exact[cut[0]] {
				c.domain(DomainCombo, Medium, l, text, "combination",
					"The domain "+quote(org.Unicode())+" is the name of "+quote(l.domain)+" with words added.")
				return true
			}
		}
	}
	return false
}

// maxParts is how many parts of a label are looked at.
const maxParts = 8

// squeezed looks for a protected label that hyphens were put into.
func (c *check) squeezed(text string, org domain.Name) bool {
	all := strings.ReplaceAll(text, "-", "")
	for _, l := range c.x.labels[Skeleton(all)] {
		if len(all) >= minEdit {
			c.domain(DomainCombo, Medium, l, text, "spacing",
				"The domain "+quote(org.Unicode())+" is the name of "+quote(l.domain)+" with hyphens.")
			return true
		}
	}
	return false
}

// domainBelow looks for protected names below the author's organization.
func (c *check) domainBelow() {
	below := strings.TrimSuffix(strings.TrimSuffix(string(c.author.Domain), string(c.org)), ".")
	if below == "" {
		return
	}
	for rest := below; rest != ""; {
		first, after, _ := strings.Cut(rest, ".")
		for _, l := range c.x.exact[first] {
			org := l.domain.Organizational()
			if full := strings.HasPrefix(rest+".", string(org)+"."); full {
				c.domain(DomainSubdomain, High, l, string(org), "exact",
					"The domain "+quote(c.author.Domain)+" begins like "+quote(org)+" but is of "+quote(c.org)+".")
				return
			}
			if l.use == NameOnly && len(first) >= minPlain {
				c.domain(DomainSubdomain, Low, l, first, "exact",
					"The domain "+quote(c.author.Domain)+" has the name of "+quote(org)+" but is of "+quote(c.org)+".")
				return
			}
		}
		rest = after
	}
}

// domain notes a finding on the author's domain.
func (c *check) domain(id ID, severity Severity, l label, shown, method, text string) {
	if c.ownAuthor() {
		return
	}
	e := Evidence{Shown: shown, Protected: string(l.domain), Method: method}
	e.Normalized = strings.ToLower(shown)
	e.Skeleton = Skeleton(shown)
	e.CodePoints = codePoints(shown, func(r rune) bool { return r >= 0x80 })
	e.Start = max(0, strings.Index(c.author.Domain.Unicode(), shown))
	e.End = e.Start + len(shown)
	e.NotExempt = "the domain is neither an own one nor one of the brand's, nor an alias"
	c.add(id, severity, text, e)
}

// domainScripts looks for U-labels that mix scripts or read as Latin ones.
func (c *check) domainScripts() {
	if !strings.Contains(string(c.author.Domain), "xn--") {
		return
	}
	name := c.author.Domain.Unicode()
	start := 0
	for _, text := range strings.Split(name, ".") {
		var f folder
		var all scripts
		for _, r := range text {
			f.rune(r)
			all |= scriptOf(r)
		}
		e := Evidence{
			Shown: text, Start: start, End: start + len(text), Normalized: string(f.normalized), Skeleton: string(f.skeleton),
			CodePoints: codePoints(text, func(r rune) bool { return r >= 0x80 }),
		}
		start += len(text) + 1
		switch {
		case all.mixes():
			e.NotExempt = "no language writes " + all.String() + " in one word"
			c.add(DomainMixed, Medium, "The domain "+quote(name)+" mixes "+all.String()+" letters.", e)
		case all&(latin|eastAsian) == 0 && all != 0 && f.looks&(mapped|unmapped|soft) == mapped && isASCIIText(name[strings.LastIndexByte(name, '.')+1:]):
			e.NotExempt = "all letters look like Latin ones, under a suffix in Latin letters"
			c.add(DomainMixed, Low, "The domain "+quote(name)+" is in "+all.String()+" letters that all look like Latin ones.", e)
		}
	}
}

// domainTenant tells that the author's domain is one of many on a platform.
func (c *check) domainTenant() {
	suffix, ok := covers(c.p.lists.tenants, c.author.Domain)
	if !ok || suffix == c.author.Domain || c.x.isOwn(c.author.Domain) {
		return
	}
	e := Evidence{Shown: string(c.author.Domain), End: len(c.author.Domain), Protected: string(suffix)}
	e.NotExempt = "anybody can have a name below " + string(suffix)
	c.add(DomainTenant, Info, "The domain "+quote(c.author.Domain)+" is of a customer of "+quote(suffix)+"; the reputation of that platform says nothing of it.", e)
}

// isLure reports whether a word makes a domain look like the service of a
// brand.
func isLure(s string) bool {
	switch s {
	case "secure", "security", "login", "signin", "logon", "verify", "verification", "account", "accounts", "support", "service", "services",
		"billing", "update", "updates", "alert", "alerts", "help", "helpdesk", "online", "bank", "banking", "payment", "payments", "pay",
		"invoice", "invoices", "auth", "team", "portal", "customer", "center", "centre", "info", "notice", "notification", "notifications",
		"mail", "email", "web", "my", "app", "admin", "it", "hr", "id", "refund", "reset", "password", "confirm", "recovery", "wallet",
		"delivery", "tracking", "shipping", "cloud", "office", "sso", "vpn", "access", "safe", "protect", "unlock", "limited":
		return true
	}
	return false
}
