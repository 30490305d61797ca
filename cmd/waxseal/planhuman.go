package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// printPlan writes a plan for a person: what protects the way, then each host with
// what was asked and what came of it.
func printPlan(p *printer, plan *outbound.Plan) {
	word, m := planWord(plan)
	p.line("%s%s. %s", clean("The way to "+displayName(plan.Domain)+": "), p.paint(m, word), clean(sentence(plan.Reason)))
	if advice := planAdvice(plan); advice != "" {
		p.line("%s", p.paint(dim, clean(advice)))
	}
	p.unproven(plan.MX.Status)
	for _, n := range planNodes(plan) {
		p.tree(n)
	}
}

// unproven hints at why DANE was left out where nothing could be validated.
func (p *printer) unproven(s resolver.Status) {
	if s == resolver.Indeterminate {
		p.line("%s", p.paint(dim, "hint: nothing was proven, so DANE was left out; unless --dnssec off asked for that, "+strippedHint))
	}
}

// planWord is the conclusion in a few words.
func planWord(plan *outbound.Plan) (string, mark) {
	switch {
	case plan.Outcome == outbound.Reject:
		return "there is none", bad
	case plan.Outcome == outbound.Defer:
		return "closed for now", bad
	case plan.Mechanism == outbound.MechanismOpportunistic:
		return "not protected", doubt
	case anyHost(plan, func(h *outbound.Host) bool {
		return h.State == outbound.Use && h.Policy == outbound.DANEUnauthenticated
	}):
		return "encrypted, but nobody is authenticated", doubt
	case plan.Mechanism == outbound.MechanismDANE:
		return "protected by DANE", good
	case anyHost(plan, func(h *outbound.Host) bool { return h.State == outbound.Use && h.Policy == outbound.DANE }):
		return "protected by DANE and MTA-STS", good
	}
	return "protected by MTA-STS", good
}

func anyHost(plan *outbound.Plan, is func(*outbound.Host) bool) bool {
	for i := range plan.Hosts {
		if is(&plan.Hosts[i]) {
			return true
		}
	}
	return false
}

// planAdvice says who can do what about a plan that is not as it should be.
func planAdvice(plan *outbound.Plan) string {
	owner := "The owner of " + plan.Domain
	switch {
	case plan.MX.Kind == outbound.FailedMX && plan.MX.Status == resolver.Bogus:
		return "Whoever signs the zone of " + plan.Domain + " must mend it, or somebody on the way forges: mail waits until the proof holds again. See waxseal dns " + plan.Domain + " MX."
	case plan.MX.Kind == outbound.FailedMX:
		return "Its name servers, or the resolver in between, failed: mail waits. See waxseal dns " + plan.Domain + " MX."
	case plan.Outcome == outbound.Defer && anyHost(plan, func(h *outbound.Host) bool { return len(h.Forbidden) > 0 }):
		return "Such addresses are for use within a network. " + owner + " has published the wrong ones, or they were forged. Mail waits. Without --public-only they are connected to."
	case plan.Outcome == outbound.Defer && plan.Mechanism == outbound.MechanismMTASTS && len(plan.Hosts) == 0:
		return owner + " must withdraw the MTA-STS policy (mode none) if the domain takes no mail; or the answer was forged. Mail waits until the policy ends."
	case plan.Outcome == outbound.Defer && plan.Mechanism == outbound.MechanismMTASTS:
		return owner + " must list the hosts in the MTA-STS policy and change the id of the record; or the MX records were forged. Mail waits."
	case plan.Outcome == outbound.Defer:
		return "Whoever runs the DNS of the hosts must mend it; mail waits, for whoever can block an answer must not be able to switch protection off."
	case plan.Outcome == outbound.Reject || plan.Mechanism != outbound.MechanismOpportunistic:
		return ""
	case plan.STS != nil && len(plan.STS.Errors) > 0 && plan.STS.Errors[0].Reason != mtasts.NoRecord:
		return owner + " announces MTA-STS, but it does not work: " + plan.STS.Errors[0].Error()[len("mtasts: "):] + "."
	case plan.STS != nil && plan.STS.Policy != nil:
		return owner + " can change the mode of the MTA-STS policy to enforce."
	}
	return owner + " can publish an MTA-STS policy, and whoever runs the hosts TLSA records in signed zones (waxseal dane --make)."
}

// planNodes are the evidence: the hosts in the order to try them, and the MTA-STS
// policy.
func planNodes(plan *outbound.Plan) []*node {
	nodes := []*node{mxNode(&plan.MX)}
	for i := range plan.Hosts {
		nodes = append(nodes, hostNode(&plan.Hosts[i]))
	}
	if plan.STS != nil {
		nodes = append(nodes, stsNode(plan.STS))
	}
	return nodes
}

func mxNode(l *outbound.MXLookup) *node {
	what := map[outbound.MXKind]string{
		outbound.ExplicitMX: "has MX records",
		outbound.ImplicitMX: "has no MX records: the domain itself is the host",
		outbound.NullMX:     "says that it takes no mail",
		outbound.NoDomain:   "does not exist",
		outbound.FailedMX:   "could not be looked up",
	}[l.Kind]
	n := &node{word: l.Status.String(), mark: markOf(l.Status.String()), text: displayName(l.Name) + " " + what}
	if l.Expanded != l.Name {
		n.add(note("it is an alias of %s", displayName(l.Expanded)))
	}
	if l.Reason != "" {
		n.add(note("%s", l.Reason))
	}
	return n
}

func hostNode(h *outbound.Host) *node {
	n := &node{word: string(h.Policy), mark: policyMark(h.Policy), text: fmt.Sprintf("%d %s", h.Preference, displayName(h.Name))}
	switch h.State {
	case outbound.Wait:
		n.word, n.mark = "defer", bad
	case outbound.Skip:
		n.word, n.mark = "skip", doubt
	}
	if addrs := h.Addresses(); len(addrs) > 0 {
		n.text += " " + fmt.Sprint(addrs)
	}
	n.add(note("%s", h.Reason))
	if h.Unlisted && h.State == outbound.Use {
		n.add(note("the MTA-STS policy does not list it"))
	}
	if h.Pattern != "" && h.Policy != outbound.MTASTS {
		n.add(note("the MTA-STS policy lists it as %s", h.Pattern))
	}
	if h.DANE == nil {
		return n
	}
	return n.add(discoveryNotes(h.DANE, h.Names)...)
}

func policyMark(p outbound.Policy) mark {
	switch p {
	case outbound.DANE, outbound.MTASTS:
		return good
	}
	return doubt
}

// discoveryNotes are the questions about one host and what they brought.
func discoveryNotes(d *dane.Discovery, names []string) []*node {
	var out []*node
	for _, l := range d.Lookups {
		text := fmt.Sprintf("asked %s %s: %s", l.Name, l.Type, l.Status)
		if l.Failed {
			text = fmt.Sprintf("asked %s %s: failed, %s", l.Name, l.Type, l.Reason)
		}
		out = append(out, note("%s", text))
	}
	for _, r := range d.Records {
		out = append(out, recordNode(r))
	}
	if len(names) > 1 {
		out = append(out, note("names a certificate may be for: %s", strings.Join(names, ", ")))
	}
	return out
}

func recordNode(r dane.Record) *node {
	n := note("TLSA %s", shortRecord(r))
	if why := r.Unusable(); why != "" {
		n.word, n.mark, n.text = "unusable", doubt, n.text+": "+why
	}
	return n
}

// shortRecord cuts a record that holds a whole certificate.
func shortRecord(r dane.Record) string {
	const most = 8 + 2*64 // a SHA-512
	s := r.String()
	if len(s) > most {
		return fmt.Sprintf("%s... (%d bytes)", s[:most], len(r.Data))
	}
	return s
}

// stsNode is the MTA-STS policy of a domain.
func stsNode(ev *mtasts.Evaluation) *node {
	n := &node{word: string(ev.Status), mark: stsMark(ev), text: "MTA-STS of " + displayName(ev.Domain)}
	if ev.ID != "" {
		n.text += ", id " + ev.ID
	}
	switch ev.Source {
	case mtasts.FromCache:
		n.add(note("from the cache: fetched %s, holds until %s", stamp(ev.Fetched), stamp(ev.Expires)))
	case mtasts.FromNetwork:
		n.add(note("fetched now from https://mta-sts.%s/.well-known/mta-sts.txt, holds until %s", ev.Domain, stamp(ev.Expires)))
	}
	if ev.Policy != nil {
		n.add(policyNotes(ev.Policy)...)
	}
	if ev.Downgrade != "" {
		n.add(&node{word: "downgrade", mark: bad, text: fmt.Sprintf("the policy was enforced before and now is %s: a mistake of the domain's, or an attack", ev.Downgrade)})
	}
	for _, e := range ev.Errors {
		if e.Reason == mtasts.NoRecord && ev.Policy == nil {
			n.add(note("there is no TXT record at _mta-sts.%s [%s]", ev.Domain, ev.Lookup.Status))
			continue
		}
		n.add(&node{word: "error", mark: bad, text: strings.TrimPrefix(e.Error(), "mtasts: ")})
	}
	return n
}

func stsMark(ev *mtasts.Evaluation) mark {
	switch {
	case ev.Status == mtasts.None:
		return dim
	case ev.Status != mtasts.Valid:
		return bad
	case ev.Policy.Mode == mtasts.Enforce:
		return good
	}
	return doubt
}

func policyNotes(p *mtasts.Policy) []*node {
	what := map[mtasts.Mode]string{
		mtasts.Enforce: "hosts that are not listed or have no valid certificate get no mail",
		mtasts.Testing: "failures are only reported",
		mtasts.NoMode:  "the domain has withdrawn its policy",
	}[p.Mode]
	out := []*node{note("mode %s: %s", p.Mode, what)}
	if len(p.MX) > 0 {
		out = append(out, note("mx %s", strings.Join(p.MX, ", ")))
	}
	out = append(out, note("max_age %d (%s)", p.MaxAge, span(p.Lifetime())))
	if p.Mode == mtasts.Enforce && p.Lifetime() < 24*time.Hour {
		out = append(out, &node{word: "warning", mark: doubt, text: "max_age is under a day: whoever blocks the policy host for as long is rid of the policy"})
	}
	for _, w := range p.Warnings {
		out = append(out, &node{word: "warning", mark: doubt, text: w})
	}
	return out
}
