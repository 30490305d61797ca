package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// print writes one answer for a person: what is wrong and whose fault it is,
// the records, then the chain of trust.
func (d *dnsCommand) print(p *printer, out *found) {
	a := out.answer
	if out.err == nil { // an error is told by itself, with its hints
		word, m, why := d.conclude(a)
		p.line("%s%s. %s", clean(fmt.Sprintf("%s %s: ", displayName(a.Name), a.Type)), p.paint(m, word), clean(why))
		if d.dns.at != "" {
			p.line("%s", p.paint(dim, clean("evaluated as of "+d.dns.at)))
		}
		for _, line := range a.Lines() {
			p.line("  %s", clean(line))
		}
		d.printHints(p, a)
	}
	for _, n := range chainNodes(a) {
		p.tree(n)
	}
	if out.queries != nil {
		n := note("%d queries", len(out.queries))
		for _, x := range out.queries {
			n.add(note("%s", x.String()))
		}
		p.tree(n)
	}
}

// displayName is the name with U-labels beside it where it has some.
func displayName(name string) string {
	if u := unicodeOf(name); u != name {
		return fmt.Sprintf("%s (%s)", u, name)
	}
	return name
}

// conclude says in words what the answer is worth.
func (d *dnsCommand) conclude(a *resolver.Answer) (word string, m mark, why string) {
	switch {
	case a.Status == resolver.Bogus:
		return "not to be believed", bad, sentence(a.Reason) + " " + d.blame(a)
	case a.RCode != resolver.NoError && a.RCode != resolver.NXDomain:
		return "no answer", bad, sentence(a.Reason) + " The servers of the name, or the resolver in between, failed; nothing is said about whether it exists."
	case a.Status == resolver.Secure:
		return "proven", good, sentence(contents(a)) + " Every signature holds, from the trust anchor down to " + lastZone(a) + "."
	case d.unproven != "":
		return "not proven", plain, sentence(contents(a)) + " " + sentence(d.unproven)
	case a.Status == resolver.Insecure:
		return "not proven", plain, sentence(contents(a)) + " " + sentence(a.Reason) + " " + insecureBlame(a)
	}
	return "cannot be judged", doubt, sentence(contents(a)) + " " + sentence(a.Reason)
}

// contents says what the answer holds.
func contents(a *resolver.Answer) string {
	alias := ""
	if c := a.Canonical(); c != a.Name {
		alias = fmt.Sprintf("it is an alias of %s; ", displayName(c))
	}
	n := 0
	for _, rr := range a.Records {
		if t := resolver.Type(rr.Header().Rrtype); t == a.Type || a.Type == resolver.TypeANY {
			n++
		}
	}
	switch {
	case a.NXDomain() && alias != "":
		return alias + "that name does not exist"
	case a.NXDomain():
		return "the name does not exist"
	case a.Void():
		return alias + fmt.Sprintf("the name exists and has no %s records", a.Type)
	case n == 1:
		return alias + "there is 1 record"
	}
	return alias + fmt.Sprintf("there are %d records", n)
}

// Codes of RFC 8914, Section 4 that tell whose fault it is.
const (
	edeUnsupportedKey    = 1
	edeUnsupportedDigest = 2
	edeIndeterminate     = 5
	edeBogus             = 6
	edeExpired           = 7
	edeNotYetValid       = 8
	edeNoKey             = 9
	edeNoSignatures      = 10
	edeNoDenial          = 12
	edeIterations        = 27
)

// blame says who has to mend a bogus answer.
func (d *dnsCommand) blame(a *resolver.Answer) string {
	zone := lastZone(a)
	operator := "whoever runs " + zone
	switch a.EDE {
	case edeExpired:
		return sentence(operator+" must sign it again; no resolver that validates answers for it until then") + d.clockDoubt()
	case edeNotYetValid:
		return "Either the clock of the one who signs " + zone + " is wrong, or this one." + d.clockDoubt()
	case edeNoKey:
		if len(a.Chain) == 1 {
			return "Either the trust anchor is old or not that of " + zone + ", or somebody answers in its place."
		}
		return sentence(operator + " must have the DS records in " + parentZone(zone) + " changed to fit the keys in use, or taken out: a move or a key change was left half done")
	case edeNoSignatures:
		return "Either " + operator + " stopped signing and left the DS records in " + parentZone(zone) +
			", or something on the way takes signatures out: then another server (--dns, --recursive) shows them."
	case edeNoDenial:
		return "The servers of " + zone + " must send the proof of what they do not have; or somebody on the way hides records."
	}
	return "The records were changed after " + zone + " signed them: by a fault of its servers, or by somebody on the way. Until that is known, treat it as an attack."
}

// clockDoubt shows the time that signatures were held to.
func (d *dnsCommand) clockDoubt() string {
	if d.dns.at != "" {
		return ""
	}
	return " (This host's clock says " + time.Now().UTC().Format("2006-01-02 15:04") + " UTC.)"
}

func insecureBlame(a *resolver.Answer) string {
	switch {
	case a.HasEDE && (a.EDE == edeUnsupportedKey || a.EDE == edeUnsupportedDigest || a.EDE == edeIterations):
		return "Whoever runs it should sign it in a current way (RFC 9904); until then it is worth no more than an unsigned zone."
	case a.HasEDE:
		return ""
	}
	return "That is no fault, but nobody can tell whether the answer was changed on the way."
}

// printHints tells what can be done from here.
func (d *dnsCommand) printHints(p *printer, a *resolver.Answer) {
	switch {
	case a.Status == resolver.Bogus && d.validator != nil:
		p.line("%s", p.paint(dim, "hint: --dnssec off shows the records all the same"))
	case a.Status == resolver.Indeterminate && a.HasEDE && a.EDE == edeIndeterminate && len(a.Chain) > 0:
		p.line("%s", p.paint(dim, "hint: "+strippedHint))
	}
}

// chainNodes draws the zones of the chain, each below its parent.
func chainNodes(a *resolver.Answer) []*node {
	var roots []*node
	nodes := map[string]*node{}
	for i := range a.Chain {
		l := &a.Chain[i]
		up := parentZone(l.Zone)
		for nodes[up] == nil && up != "." && up != "" {
			up = parentZone(up)
		}
		above := nodes[up]
		n := linkNode(l, above == nil)
		if above == nil {
			roots = append(roots, n)
		} else {
			above.add(n)
		}
		nodes[l.Zone] = n
	}
	return roots
}

// linkNode is one zone. Of the topmost the DS records are the trust anchors.
func linkNode(l *resolver.Link, top bool) *node {
	name := displayName(l.Zone)
	if l.Zone == "." {
		name = ". (the root)"
	}
	n := &node{word: l.Status.String(), mark: markOf(l.Status.String()), text: "zone " + name}
	if l.Reason != "" {
		n.add(note("%s", l.Reason))
	}
	for _, line := range l.DS {
		what := "DS"
		if top {
			what = "trust anchor"
		}
		n.add(note("%s %s", what, dsText(line)))
	}
	for _, line := range l.Keys {
		n.add(note("%s", keyText(line)))
	}
	return n
}

func lastZone(a *resolver.Answer) string {
	zone := a.Name
	if n := len(a.Chain); n > 0 {
		zone = a.Chain[n-1].Zone
	}
	if zone == "." {
		return "the root"
	}
	return displayName(zone)
}

// parentZone is the name above; that of the root is empty.
func parentZone(name string) string {
	if name == "." || name == "" {
		return ""
	}
	if _, up, ok := strings.Cut(name, "."); ok && up != "" {
		return up
	}
	return "."
}

// sentence begins with a capital, unless with a name, and ends with a dot.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, _, _ := strings.Cut(s, " ")
	if !strings.ContainsAny(first, ".:/0123456789") && first[0] >= 'a' && first[0] <= 'z' {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return strings.TrimSuffix(s, ".") + "."
}
