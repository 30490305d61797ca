package main

import (
	"fmt"

	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
	"github.com/waxseal/waxseal/tlsrpt"
)

// printSent writes for a person what became of the message: the outcome, what it
// means, then the attempts and the plan they went by.
func printSent(p *printer, s *sent) {
	m := map[outbound.Result]mark{outbound.Delivered: good, outbound.Deferred: doubt, outbound.Refused: bad}[s.Result]
	p.line("%s %s", p.paint(m, sentWord(s)), clean(sentWhy(s)))
	if advice := sentAdvice(s); advice != "" {
		p.line("%s", p.paint(dim, clean(advice)))
	}
	p.unproven(s.Plan.MX.Status)
	for _, n := range s.Notes {
		p.line("%s", p.paint(dim, clean(n)))
	}
	if len(s.Recipients) > 1 {
		for i := range s.Recipients {
			p.tree(recipientNode(&s.Recipients[i]))
		}
	}
	for i := range s.Attempts {
		p.tree(attemptNode(&s.Attempts[i]))
	}
	top := note("the plan: %s", s.Plan.Reason)
	for _, n := range planNodes(s.Plan) {
		top.add(n)
	}
	p.tree(top)
}

func sentWord(s *sent) string {
	switch {
	case s.interrupted:
		return "Interrupted."
	case s.Result == outbound.Delivered:
		return "Delivered"
	case s.Result == outbound.Refused:
		return "Refused."
	}
	return "Not delivered now."
}

// sentWhy says how the message went, or why it did not.
func sentWhy(s *sent) string {
	switch {
	case s.interrupted:
		return interruptedWhy(s)
	case s.Result != outbound.Delivered:
		return sentence(s.Reason)
	}
	how := "in the clear: everybody on the way could read and change it"
	switch {
	case s.Authenticated && s.Policy == outbound.DANE:
		how = "over " + s.TLS.Version + ", authenticated by DANE"
	case s.Authenticated:
		how = "over " + s.TLS.Version + ", authenticated by its certificate"
	case s.TLS != nil:
		how = "over " + s.TLS.Version + ", but nobody was authenticated"
	}
	return fmt.Sprintf("to %s %s. It said %s", displayName(s.MX), how, sentence(s.Reply))
}

// interruptedWhy says whether the message may have arrived: once all of it is sent,
// only the server knows.
func interruptedWhy(s *sent) string {
	if len(s.Attempts) == 0 {
		return "No server was asked."
	}
	a := &s.Attempts[len(s.Attempts)-1]
	host := displayName(a.Host)
	switch {
	case a.Stage != outbound.StageMessage:
		return "Nothing of the message was said to " + host + "."
	case a.Delivery != nil && a.Delivery.Data != nil && a.Delivery.Data.Code == 354:
		return "The message was on its way to " + host + ": if all of it had been sent, it may be delivered all the same."
	}
	return "The message was not sent to " + host + "; it knows sender and recipients at most."
}

// sentAdvice says what the failure of the channel means and who can mend it.
func sentAdvice(s *sent) string {
	host := displayName(s.MX)
	if s.interrupted {
		return ""
	}
	if answered(s) {
		return fmt.Sprintf("That is what %s answered to the message; the channel to it is not the reason.", host)
	}
	switch s.ResultType {
	case "":
		return ""
	case tlsrpt.StartTLSNotSupported:
		return fmt.Sprintf("%s did not start TLS: whoever runs it has switched it off, or somebody on the way takes it out.%s", host, waits(s))
	case tlsrpt.CertificateHostMismatch, tlsrpt.CertificateExpired, tlsrpt.CertificateNotTrusted:
		return fmt.Sprintf("Whoever runs %s must mend its certificate, or somebody stands in for it.%s", host, waits(s))
	case tlsrpt.DNSSECInvalid:
		return "A name could not be proven: whoever runs its DNS must mend it, or somebody on the way forges or blocks answers." + waits(s)
	case tlsrpt.TLSAInvalid:
		return fmt.Sprintf("Whoever runs %s must publish a TLSA record that can be used (waxseal dane --make): now nobody can be authenticated.", host)
	case tlsrpt.STSPolicyFetchError, tlsrpt.STSPolicyInvalid, tlsrpt.STSWebPKIInvalid:
		return fmt.Sprintf("The owner of %s announces an MTA-STS policy that cannot be used and must mend it; see waxseal mta-sts %s.", s.Plan.Domain, s.Plan.Domain)
	}
	switch {
	case s.Policy == outbound.MTASTS && s.Plan.Outcome == outbound.Defer:
		return fmt.Sprintf("The owner of %s must list the host in the policy and change the id of the record; or the MX records were forged.%s", s.Plan.Domain, waits(s))
	case s.Policy == outbound.DANE:
		return fmt.Sprintf("Whoever runs %s must publish the TLSA record of the key in use, or somebody stands in for it.%s", host, waits(s))
	case s.Policy == outbound.MTASTS:
		return fmt.Sprintf("Whoever runs %s must mend its TLS, or somebody on the way breaks it.%s", host, waits(s))
	}
	return fmt.Sprintf("TLS with %s did not work; whoever runs it must mend it.", host)
}

// answered reports whether a server put the message off or refused it, after all
// that was asked of the channel had been met.
func answered(s *sent) bool {
	for i := range s.Attempts {
		if a := &s.Attempts[i]; a.Stage == outbound.StageMessage && a.Reply != nil && !a.Reply.Positive() {
			return !s.Delivered
		}
	}
	return false
}

func waits(s *sent) string {
	if s.Result == outbound.Deferred {
		return " Nothing of the message was said; try again later."
	}
	return " It was delivered all the same, as nothing demands more."
}

func recipientNode(r *outbound.RecipientResult) *node {
	m := map[outbound.Result]mark{outbound.Delivered: good, outbound.Deferred: doubt, outbound.Refused: bad}[r.Result]
	n := &node{word: string(r.Result), mark: m, text: r.Recipient.String()}
	if r.Reply != nil {
		n.text += ": " + r.Reply.String()
	}
	return n
}

// attemptNode is one connection: how far it came and what was seen on the way.
func attemptNode(a *outbound.Attempt) *node {
	n := &node{text: displayName(a.Host), mark: dim}
	if a.Address != "" {
		n.text += " " + a.Address
	}
	n.text += ", policy " + string(a.Policy)
	n.word, n.mark = stageWord(a)
	if a.Hello != "" {
		n.add(note("it says it is %s, STARTTLS %s", a.Hello, map[bool]string{true: "offered", false: "not offered"}[a.StartTLSOffered]))
	}
	if a.TLS != nil {
		n.add(note("%s, %s", a.TLS.Version, a.TLS.Cipher))
	}
	if a.Match != nil {
		n.add((&node{word: string(a.Match.Result), mark: map[bool]mark{true: good, false: bad}[a.Authenticated], text: "DANE: " + a.Match.Reason}))
	}
	if a.PKIX != "" {
		n.add(&node{word: "invalid", mark: bad, text: "certificate: " + a.PKIX})
	}
	if d := a.Delivery; d != nil {
		n.add(replyNotes(d)...)
	}
	told := a.PKIX != "" || a.Match != nil && !a.Authenticated
	if !told && (a.Stage != outbound.StageMessage || a.Reply == nil) {
		n.add(note("%s", a.Reason))
	}
	if a.ResultType != "" {
		text := "for TLSRPT this is " + string(a.ResultType)
		if a.FailureReason != "" {
			text += " (" + a.FailureReason + ")"
		}
		n.add(note("%s", text))
	}
	return n
}

func stageWord(a *outbound.Attempt) (string, mark) {
	switch a.Stage {
	case outbound.StagePlan:
		return "not asked", doubt
	case outbound.StageConnect:
		return "no connection", bad
	case outbound.StageHello:
		return "no session", bad
	case outbound.StageTLS:
		if a.TLS != nil { // but REQUIRETLS is not offered
			return "not sent", doubt
		}
		return "TLS failed", bad
	}
	if a.Reply.Positive() {
		return "delivered", good
	}
	return "asked", doubt
}

func replyNotes(d *smtp.Delivery) []*node {
	var out []*node
	say := func(verb string, r *smtp.Reply) {
		if r != nil {
			out = append(out, note("%s: %s", verb, r))
		}
	}
	say("MAIL", d.Mail)
	for i := range d.Recipients {
		say("RCPT", d.Recipients[i].Rcpt)
	}
	for i := range d.Recipients {
		if f := d.Recipients[i].Final; f != nil {
			say("message", f)
			break
		}
	}
	return out
}
