// Package outbound is the sending walk: where a domain's mail goes, what protects
// the way there, and the delivery that holds to it.
//
// Planner.Plan decides for each MX host: DANE (RFC 7672) where it applies, else
// MTA-STS (RFC 8461), never the weaker of the two. In particular:
//
//   - A host under usable TLSA records and a secure MX lookup is authenticated by
//     DANE; MTA-STS has no say (RFC 8461, Section 2).
//   - Where the MX lookup is not secure, an MTA-STS policy first says which hosts
//     count, for anyone could have named a signed host of his own.
//   - Where the TLSA records are all unusable, which demands TLS but authenticates
//     nothing, an enforced MTA-STS policy does.
//   - A lookup that fails defers its host. MTA-STS does not rescue it. Where it is the
//     MTA-STS record that cannot be looked up, and no policy from before holds, the
//     hosts wait that DANE does not prove.
//   - A null MX, a domain or an address that does not exist ends in a bounce. Where an
//     enforced MTA-STS policy is in force, that must be proven by DNSSEC; otherwise the
//     mail waits.
package outbound

import (
	"errors"
	"net/netip"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/smtp"
)

// Policy is what a host must satisfy before it gets any mail.
type Policy string

// The policies, the strongest first.
const (
	DANE                Policy = "dane"                 // a match with the TLSA records
	MTASTS              Policy = "mta-sts"              // a certificate for the host by a CA that counts
	DANEUnauthenticated Policy = "dane-unauthenticated" // TLS, with whomever
	Opportunistic       Policy = "opportunistic"        // TLS if it is offered and works
)

// Mechanism is what protects the way to a domain as a whole.
type Mechanism string

// The mechanisms. A domain has the weakest that one of its hosts in use has; where
// none is in use, the one that keeps them out.
const (
	MechanismDANE          Mechanism = "dane"
	MechanismMTASTS        Mechanism = "mta-sts"
	MechanismOpportunistic Mechanism = "opportunistic"
	MechanismNone          Mechanism = "none" // no host is in use, and no policy is the reason
)

// Outcome is what a plan comes to before any connection.
type Outcome string

// The outcomes.
const (
	Deliver Outcome = "deliver" // at least one host is in use
	Defer   Outcome = "defer"   // no host now; what keeps them out can pass
	Reject  Outcome = "reject"  // proven that the domain takes no mail
)

// State is what a plan does with a host.
type State string

// The states.
const (
	Use  State = "use"
	Wait State = "defer" // a lookup failed, of the host or of the MTA-STS record
	Skip State = "skip"  // the policy does not list it, or it has no address
)

// Plan is where the mail of a domain goes and under what policy, with the evidence.
type Plan struct {
	Domain    string    `json:"domain"`
	Mechanism Mechanism `json:"mechanism"`
	// Hosts are in the order to try them.
	Hosts  []Host `json:"mx"`
	Reason string `json:"reason"`

	Outcome Outcome `json:"outcome"`
	// Code and Enhanced go with Outcome Reject and Defer: what a client or a
	// bounce is told.
	Code     int               `json:"code,omitempty"`
	Enhanced smtp.EnhancedCode `json:"enhanced,omitzero"`
	MX       MXLookup          `json:"mx_lookup"`
	// STS is the domain's MTA-STS policy; nil if nobody asked.
	STS *mtasts.Evaluation `json:"mta_sts,omitempty"`
	// Self is the MX host that is the planning host itself: it and those after it are
	// not in Hosts.
	Self string `json:"self,omitempty"`
	// Fault is a panic that ended the planning, nil for none; then Outcome is Defer.
	Fault error `json:"-"`
}

// Host is one MX host of a plan.
type Host struct {
	Name       string        `json:"host"`
	Preference uint16        `json:"preference"`
	Policy     Policy        `json:"policy"`
	TLSA       []dane.Record `json:"tlsa"`
	Reason     string        `json:"reason"`

	State State `json:"state"`
	// Names are the reference identifiers that a certificate is checked for: for
	// DANE-TA those of RFC 7672, Section 3.2.2, for MTA-STS the host alone.
	Names []string `json:"names,omitempty"`
	// Pattern is the mx pattern of the MTA-STS policy that names the host.
	Pattern string `json:"mta_sts_mx,omitempty"`
	// Unlisted is set if the MTA-STS policy, enforced or in testing, does not name
	// the host.
	Unlisted bool `json:"mta_sts_unlisted,omitempty"`
	// Forbidden are the addresses that must not be connected to, each with the reason.
	Forbidden []string `json:"forbidden,omitempty"`
	// DANE is the evidence of address and TLSA lookups.
	DANE *dane.Discovery `json:"dane,omitempty"`
}

// Faults returns the panics that the plan met, joined, nil for none.
func (plan *Plan) Faults() error {
	all := []error{plan.Fault}
	if plan.STS != nil {
		for _, e := range plan.STS.Errors {
			if e.Reason == mtasts.Faulted {
				all = append(all, e)
			}
		}
	}
	return errors.Join(all...)
}

// Addresses are those to connect to, in the order to try them.
func (h *Host) Addresses() []netip.Addr {
	if h.DANE == nil {
		return nil
	}
	return h.DANE.Addresses
}

// ServerName is the name to send in SNI: the TLSA base domain under DANE (RFC 7672,
// Section 8.1), else the host.
func (h *Host) ServerName() string {
	if h.Policy == DANE && h.DANE != nil && h.DANE.Base != "" {
		return h.DANE.Base
	}
	return h.Name
}
