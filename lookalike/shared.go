package lookalike

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// shared looks at whether all that authenticates the message belongs to a
// service that sends for many customers. It is no fault by itself and counts
// more beside another finding.
func (c *check) shared() {
	var own, spf, service bool // a pass: aligned DKIM, aligned SPF, DKIM of a service
	var via, signer domain.Name
	for i := range c.in.Identifiers {
		id := &c.in.Identifiers[i]
		if id.Result != "pass" {
			continue
		}
		suffix, isService := covers(c.p.lists.senders, id.Domain)
		switch {
		case id.Method == "dkim" && id.Aligned && !isService:
			own = true
		case id.Method == "dkim" && isService:
			service, signer = true, suffix
		case id.Method == "spf" && id.Aligned:
			spf = true
			if s := c.serviceOf(id); s != "" {
				via = s
			}
		}
	}
	e := Evidence{Field: "Authentication-Results"}
	text := ""
	switch {
	case !own && spf && via != "":
		e.Protected, e.NotExempt = string(via), "no signature of the author's domain passed"
		text = "The message is authenticated only by the servers of " + quote(via) + ", which send for many customers."
	case !own && !spf && service:
		e.Protected, e.NotExempt = string(signer), "no signature of the author's domain passed"
		text = "Only " + quote(signer) + ", which sends for many customers, signed the message."
	case own && service && c.in.DMARC == "pass":
		e.Protected, e.NotExempt = string(signer), "the author's domain signed, and so did the service"
		text = "The message was sent by " + quote(signer) + ", which sends for many customers, beside a signature of the author's domain."
	default:
		return
	}
	severity := Info
	for i := range c.findings {
		if s := c.findings[i].Severity; s == Medium || s == High {
			severity = Medium
		}
	}
	c.add(AuthShared, severity, text, e)
}

// serviceOf returns the service whose servers SPF passed for.
func (c *check) serviceOf(id *Identifier) domain.Name {
	target, ok := strings.CutPrefix(id.Mechanism, "include:")
	if !ok {
		target, ok = strings.CutPrefix(id.Mechanism, "redirect=")
	}
	if !ok {
		return ""
	}
	suffix, _ := covers(c.p.lists.senders, domain.Name(strings.ToLower(strings.TrimSuffix(target, "."))))
	return suffix
}
