package outbound

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/smtp"
)

func (plan *Plan) end(o Outcome, code int, enhanced smtp.EnhancedCode, format string, args ...any) *Plan {
	plan.Outcome, plan.Code, plan.Enhanced = o, code, enhanced
	plan.Reason = fmt.Sprintf(format, args...)
	plan.Mechanism = cmp.Or(plan.Mechanism, MechanismNone)
	return plan
}

// conclude draws the conclusions for the domain.
func (plan *Plan) conclude() *Plan {
	switch plan.MX.Kind {
	case FailedMX:
		return plan.end(Defer, 451, smtp.EnhancedCode{4, 4, 3}, "the MX of %s could not be looked up: %s", plan.Domain, plan.MX.Reason)
	case NoDomain:
		return plan.deadEnd(550, smtp.EnhancedCode{5, 1, 2}, "%s does not exist", plan.Domain)
	case NullMX:
		return plan.deadEnd(556, smtp.EnhancedCode{5, 1, 10}, "%s takes no mail (null MX)", plan.Domain)
	}
	used, waiting, weakest := 0, 0, 0
	for i := range plan.Hosts {
		switch h := &plan.Hosts[i]; h.State {
		case Use:
			used++
			weakest = max(weakest, h.Policy.rank())
		case Wait:
			waiting++
		}
	}
	switch {
	case used > 0:
		plan.Mechanism = [...]Mechanism{MechanismDANE, MechanismMTASTS, MechanismDANE, MechanismOpportunistic}[weakest]
		return plan.end(Deliver, 0, smtp.EnhancedCode{}, "%s", plan.summary(weakest))
	case waiting > 0:
		if plan.waits(DANE) {
			plan.Mechanism = MechanismDANE
		}
		return plan.end(Defer, 451, smtp.EnhancedCode{4, 4, 3}, "no MX host of %s can be used now: %s", plan.Domain, plan.first(Wait))
	}
	return plan.skipped()
}

// skipped draws them where there is no host to use or to wait for.
func (plan *Plan) skipped() *Plan {
	unlisted, forbidden := false, ""
	for i := range plan.Hosts {
		switch h := &plan.Hosts[i]; {
		case h.DANE.Outcome == dane.NoAddress:
		case h.Policy == MTASTS && h.Unlisted:
			unlisted = true
		case h.unreachable():
			forbidden = h.Reason
		}
	}
	switch {
	case forbidden != "":
		// Temporary: the answer may be forged, or meant for another network.
		return plan.end(Defer, 451, smtp.EnhancedCode{4, 4, 4}, "no MX host of %s can be used: %s", plan.Domain, forbidden)
	case unlisted: // RFC 8461, Section 5: temporary; the policy may be wrong
		plan.Mechanism = MechanismMTASTS
		return plan.end(Defer, 451, smtp.EnhancedCode{4, 7, 0}, "no MX host of %s is in its MTA-STS policy", plan.Domain)
	case plan.Self != "":
		return plan.deadEnd(550, smtp.EnhancedCode{5, 4, 6},
			"mail for %s would come back here: its MX host %s is this host, and none preferred to it has an address", plan.Domain, plan.Self)
	case plan.MX.Kind == ImplicitMX:
		return plan.deadEnd(550, smtp.EnhancedCode{5, 1, 2}, "%s has neither MX nor address", plan.Domain)
	}
	if len(plan.Hosts) == 1 && isAddress(plan.Hosts[0].Name) {
		return plan.deadEnd(550, smtp.EnhancedCode{5, 4, 4}, "%s has no MX host: %s", plan.Domain, plan.Hosts[0].Reason)
	}
	return plan.deadEnd(550, smtp.EnhancedCode{5, 4, 4}, "no MX host of %s has an address", plan.Domain)
}

// deadEnd rejects, unless a policy contradicts what is not proven.
func (plan *Plan) deadEnd(code int, enhanced smtp.EnhancedCode, format string, args ...any) *Plan {
	if !plan.contradicted() {
		return plan.end(Reject, code, enhanced, format, args...)
	}
	plan.Mechanism = MechanismMTASTS
	return plan.end(Defer, 451, smtp.EnhancedCode{4, 4, 3},
		"DNS says that %s; that is not proven and contradicts the MTA-STS policy in force", fmt.Sprintf(format, args...))
}

// contradicted reports whether a dead end is not proven and an enforced MTA-STS
// policy says that there is a way. The policy came from a host with a certificate,
// the denial from whoever answered: a forged null MX (RFC 7505) or NXDOMAIN must not
// turn mail into bounces that a forged MX record could not turn aside. RFC 8461,
// Section 5.1 treats it as a temporary failure that no host satisfies the policy. An
// owner who means it publishes mode none, or lets the policy run out.
func (plan *Plan) contradicted() bool {
	sts := plan.sts()
	if sts == nil || sts.Mode != mtasts.Enforce {
		return false
	}
	proven := plan.MX.Status == resolver.Secure
	for i := range plan.Hosts {
		proven = proven && plan.Hosts[i].DANE.Status == resolver.Secure
	}
	return !proven
}

// rank orders the policies, 0 the strongest.
func (p Policy) rank() int {
	switch p {
	case DANE:
		return 0
	case MTASTS:
		return 1
	case DANEUnauthenticated:
		return 2
	}
	return 3
}

// waits reports whether a host under the policy waits for a lookup.
func (plan *Plan) waits(p Policy) bool {
	return slices.ContainsFunc(plan.Hosts, func(h Host) bool { return h.State == Wait && h.Policy == p })
}

// first returns the reason of the first host in the state.
func (plan *Plan) first(s State) string {
	for i := range plan.Hosts {
		if plan.Hosts[i].State == s {
			return plan.Hosts[i].Reason
		}
	}
	return ""
}

// summary says in a sentence what protects the domain's mail.
func (plan *Plan) summary(weakest int) string {
	switch weakest {
	case 0:
		if plan.MX.Status != resolver.Secure {
			return fmt.Sprintf("every usable host is authenticated by DANE, but the MX lookup is %s: a forger of DNS can name other hosts", plan.MX.Status)
		}
		return "every usable host is authenticated by DANE"
	case 1:
		return "every usable host is authenticated, by DANE or by the MTA-STS policy"
	case 2:
		return "every usable host must use TLS, but the TLSA records of some authenticate nothing"
	}
	if plan.sts() != nil {
		return "the MTA-STS policy is in testing: TLS is used where it works, failures are reported"
	}
	return "nothing demands TLS: it is used where it works, and anyone on the way can prevent it"
}
