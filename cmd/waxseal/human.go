package main

import (
	"fmt"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/inbound"
)

// printVerdict writes a verdict for a person: the conclusion first, then what it
// rests on.
func printVerdict(p *printer, name string, v *inbound.Verdict, notes []string) {
	if name != "" {
		p.line("%s", p.paint(dim, clean(name)))
	}
	p.line("%s", headline(p, v))
	for _, n := range notes {
		p.line("%s", p.paint(dim, clean(n)))
	}
	root := []*node{dmarcNode(&v.DMARC), spfNode(&v.SPF)}
	if v.Helo != nil {
		root = append(root, spfNode(v.Helo))
	}
	root = append(root, dkimNode(v.DKIM), arcNode(&v.ARC))
	if len(v.Findings) > 0 {
		root = append(root, findingsNode(v.Findings))
	}
	for _, n := range root {
		p.tree(n)
	}
	if v.AuthenticationResults != "" {
		p.line("%s", p.paint(dim, cleanField(v.AuthenticationResults)))
	}
}

// headline answers the one question: is this message from whom it says?
func headline(p *printer, v *inbound.Verdict) string {
	d := &v.DMARC
	who := d.From.Unicode()
	if who == "" {
		who = "its author"
	}
	word, m, why := conclusion(v)
	return clean("This message is from "+who+": ") + p.paint(m, word) + ". " + clean(why)
}

func conclusion(v *inbound.Verdict) (word string, m mark, why string) {
	d := &v.DMARC
	switch d.Result {
	case dmarc.Pass:
		return "yes", good, "DMARC passes by " + passedBy(d) + "."
	case dmarc.Fail:
		why = "DMARC fails, its policy asks " + asks(d.Disposition) + "."
		if d.Override != nil {
			return "no, but let through", doubt, fmt.Sprintf("DMARC fails; overridden (%s: %s).", d.Override.Type, d.Override.Comment)
		}
		if d.Disposition == dmarc.PolicyNone {
			return "not proven", doubt, why
		}
		return "no", bad, why
	case dmarc.TempError:
		return "cannot be told now", doubt, "DMARC gives temperror: " + d.Reason
	case dmarc.PermError:
		return "cannot be told", bad, "DMARC gives permerror: " + d.Reason
	}
	for i := range v.DKIM {
		if v.DKIM[i].Result == dkim.Pass && v.DKIM[i].Domain == d.From {
			return "probably", plain, "It publishes no DMARC policy, but its DKIM signature passes."
		}
	}
	return "not proven", doubt, "It publishes no DMARC policy, so nobody may conclude anything from a failure."
}

func passedBy(d *dmarc.Evaluation) string {
	switch {
	case d.SPFAligned && d.DKIMAligned:
		return "SPF and DKIM"
	case d.SPFAligned:
		return "SPF"
	}
	return "DKIM"
}

func asks(p dmarc.Policy) string {
	switch p {
	case dmarc.PolicyReject:
		return "to reject"
	case dmarc.PolicyQuarantine:
		return "to quarantine"
	}
	return "for nothing"
}

func dmarcNode(d *dmarc.Evaluation) *node {
	n := &node{word: string(d.Result), mark: markOf(string(d.Result)), text: "DMARC of " + orDash(string(d.From))}
	n.add(note("%s", d.Reason))
	if d.RecordDomain != "" {
		policy := note("record of %s: %s", d.RecordDomain, d.RecordText)
		for _, s := range d.Notes {
			policy.add(note("%s", s))
		}
		n.add(policy)
	}
	if d.Override != nil {
		n.add(note("override %s: %s", d.Override.Type, d.Override.Comment))
	}
	for i := range d.Identifiers {
		id := &d.Identifiers[i]
		word, m := "not aligned", dim
		if id.Aligned {
			word, m = "aligned", good
		}
		n.add(&node{word: word, mark: m, text: fmt.Sprintf("%s %s %s: %s", id.Method, id.Result, orDash(id.Domain), id.Reason)})
	}
	if len(d.Walk) > 0 {
		walk := note("tree walk, organizational domain %s", orDash(string(d.OrgDomain)))
		for _, s := range d.Walk {
			text := fmt.Sprintf("%s: %s [%s]", s.Name, s.Found, s.Status)
			if s.Reason != "" {
				text += " " + s.Reason
			}
			walk.add(note("%s", text))
		}
		n.add(walk)
	}
	if d.RFC7489 != nil {
		n.add(note("a reader of RFC 7489: %s", d.RFC7489.Text))
	}
	for i := range d.Authors {
		n.add(dmarcNode(&d.Authors[i]))
	}
	return n
}

func dkimNode(all []dkim.Verification) *node {
	if len(all) == 0 {
		return &node{word: "none", text: "DKIM: the message has no signature"}
	}
	if len(all) == 1 {
		return signatureNode(&all[0])
	}
	n := &node{text: fmt.Sprintf("DKIM: %d signatures", len(all))}
	for i := range all {
		n.add(signatureNode(&all[i]))
	}
	return n
}

func signatureNode(d *dkim.Verification) *node {
	n := &node{word: string(d.Result), mark: markOf(string(d.Result)), text: fmt.Sprintf("DKIM d=%s s=%s", orDash(string(d.Domain)), orDash(d.Selector))}
	if d.Algorithm != "" {
		n.text += fmt.Sprintf(" %s", d.Algorithm)
	}
	if d.KeyBits > 0 {
		n.text += fmt.Sprintf(", %d bits", d.KeyBits)
	}
	n.text += fmt.Sprintf(", DNSSEC %s", d.DNSSEC)
	if d.Reason != "" {
		n.add(note("%s", d.Reason))
	}
	return n
}

func arcNode(a *arc.Validation) *node {
	n := &node{word: string(a.Result), mark: markOf(string(a.Result)), text: fmt.Sprintf("ARC, %d sets", len(a.Sets))}
	if len(a.Sets) == 0 {
		n.text = "ARC: the message has no chain"
	}
	if a.Reason != "" {
		n.add(note("%s", a.Reason))
	}
	for i := range a.Sets {
		s := &a.Sets[i]
		set := note("i=%d cv=%s: seal %s by %s, message signature %s by %s", s.Instance, s.CV,
			orDash(string(s.AS.Result)), orDash(string(s.AS.Domain)), orDash(string(s.AMS.Result)), orDash(string(s.AMS.Domain)))
		if s.Reason != "" {
			set.add(note("%s", s.Reason))
		}
		n.add(set)
	}
	return n
}

func findingsNode(fs []inbound.Finding) *node {
	n := &node{text: fmt.Sprintf("%d findings", len(fs))}
	if len(fs) == 1 {
		n.text = "1 finding"
	}
	for _, f := range fs {
		m := doubt
		if f.Severity == inbound.Info {
			m = dim
		}
		n.add((&node{word: string(f.Severity), mark: m, text: f.Text}).add(note("%s: %s", f.ID, f.Evidence)))
	}
	return n
}
