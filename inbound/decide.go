package inbound

import (
	"fmt"

	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/spf"
)

// Action is what becomes of a message.
type Action string

// The actions.
const (
	Accept     Action = "accept"
	Quarantine Action = "quarantine" // deliver apart: hold, or the spam folder
	Reject     Action = "reject"     // 5xx
	TempFail   Action = "tempfail"   // 4xx, the sender tries again
)

// Mode says whether a Decision is carried out.
type Mode string

// The modes.
const (
	Monitor Mode = "monitor" // accept whatever the verdict, report what would have been done
	Enforce Mode = "enforce"
)

// Policy is what the operator makes of verdicts. The zero Policy accepts
// everything, so that a first install changes nothing for senders.
type Policy struct {
	SPF   Mode // enforce: SPF fail of MAIL FROM is rejected whatever DMARC says
	DMARC Mode // enforce: the domain owner's policy is carried out

	// TempError is what to do when a control that is enforced cannot be
	// evaluated now: TempFail, or Accept; "" means TempFail. SPFTempError and
	// DMARCTempError say so for one control; "" means TempError.
	TempError      Action
	SPFTempError   Action
	DMARCTempError Action

	// PermError is what to do when DMARC is enforced and no author domain can be
	// told, so that no policy can be looked for: Reject, Quarantine or Accept; ""
	// means Quarantine. To accept these is to let through whoever breaks his From
	// in a way that people still read, or hides it behind a header over a limit.
	PermError Action

	Trust Trust // who may override a DMARC failure
}

// Decision is what a Policy makes of a Verdict.
type Decision struct {
	Action Action `json:"action"`
	Would  Action `json:"would"` // what enforcing every control would have done

	// Code, Enhanced and Text are the SMTP reply of Reject and TempFail (RFC
	// 5321, Section 4.2; RFC 3463; RFC 7372). The text is for the sender.
	Code     int    `json:"code,omitempty"`
	Enhanced string `json:"enhanced,omitempty"`
	Text     string `json:"text,omitempty"`

	Disposition dmarc.Policy    `json:"disposition"` // applied, for the aggregate report
	Override    *dmarc.Override `json:"override,omitempty"`
}

// Decide applies a policy to a verdict. It is pure: the same values give the
// same decision.
func Decide(v *Verdict, p Policy) Decision {
	o := p.Trust.override(v)
	all := p
	all.DMARC = Enforce
	would := outcome(v, all, o)
	d := outcome(v, p, o)
	d.Would, d.Override = would.Action, o
	return d
}

func outcome(v *Verdict, p Policy, o *dmarc.Override) Decision {
	accept := Decision{Action: Accept, Disposition: dmarc.PolicyNone}
	if v.Fault != nil {
		// In every mode: nobody knows what else is wrong with what was found out.
		return Decision{
			Action: TempFail, Code: 451, Enhanced: "4.3.0", Disposition: dmarc.PolicyNone,
			Text: "the message cannot be checked now, try again later",
		}
	}
	if p.SPF == Enforce && !p.Trust.forwards(v) { // whose own address no sender's SPF has
		switch v.SPF.Result {
		case spf.Fail:
			return refuse(550, "5.7.23", spfText(v)) // RFC 7372, Section 3.2
		case spf.TempError:
			if d, deferred := p.tempError(p.SPFTempError, "4.7.24", "SPF of "+v.SPF.Domain+" cannot be evaluated now"); deferred {
				return d
			}
		}
	}
	if p.DMARC != Enforce {
		return accept
	}
	switch {
	case v.DMARC.Result == dmarc.TempError:
		if d, deferred := p.tempError(p.DMARCTempError, "4.7.26", "DMARC of "+string(v.DMARC.From)+" cannot be evaluated now"); deferred {
			return d
		}
	case v.DMARC.Result == dmarc.PermError:
		return p.permError()
	case v.DMARC.Result != dmarc.Fail || o != nil:
	case v.DMARC.Disposition == dmarc.PolicyReject:
		d := refuse(550, "5.7.26", dmarcText(v)) // RFC 7372, Section 3.3: several checks failed
		d.Disposition = dmarc.PolicyReject
		return d
	case v.DMARC.Disposition == dmarc.PolicyQuarantine:
		return Decision{Action: Quarantine, Disposition: dmarc.PolicyQuarantine}
	}
	return accept
}

func (p Policy) tempError(action Action, enhanced, text string) (Decision, bool) {
	if action == "" {
		action = p.TempError
	}
	if action == Accept {
		return Decision{}, false
	}
	return Decision{Action: TempFail, Code: 451, Enhanced: enhanced, Text: text, Disposition: dmarc.PolicyNone}, true
}

func (p Policy) permError() Decision {
	switch p.PermError {
	case Accept:
		return Decision{Action: Accept, Disposition: dmarc.PolicyNone}
	case Reject:
		return refuse(550, "5.7.26", "the author domain of this message cannot be told from its From field, so that DMARC cannot be evaluated")
	}
	return Decision{Action: Quarantine, Disposition: dmarc.PolicyNone}
}

func refuse(code int, enhanced, text string) Decision {
	return Decision{Action: Reject, Code: code, Enhanced: enhanced, Text: text, Disposition: dmarc.PolicyNone}
}

func spfText(v *Verdict) string {
	if v.SPF.Explanation != "" {
		return fmt.Sprintf("SPF of %s fails; the domain explains: %s", v.SPF.Domain, v.SPF.Explanation)
	}
	return fmt.Sprintf("SPF of %s does not permit this client", v.SPF.Domain)
}

// dmarcText tells the sender which control to mend, in one line.
func dmarcText(v *Verdict) string {
	return fmt.Sprintf("DMARC policy of %s rejects this message: neither SPF (%s, %s) nor DKIM (%s) passes for a domain aligned with the From address",
		v.DMARC.From, v.SPF.Result, orNone(v.SPF.Domain), v.dkimSummary())
}

func orNone(s string) string {
	if s == "" {
		return "no domain"
	}
	return s
}
