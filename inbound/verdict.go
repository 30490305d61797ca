package inbound

import (
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/spf"
)

// Verdict is all that was found about a message, with the evidence.
type Verdict struct {
	SPF      spf.Evaluation      `json:"spf"`                // of MAIL FROM; of HELO under a null reverse-path
	Helo     *spf.Evaluation     `json:"spf_helo,omitempty"` // of HELO, where MAIL FROM was checked as well
	DKIM     []dkim.Verification `json:"dkim"`               // one for each DKIM-Signature field, from the top
	ARC      arc.Validation      `json:"arc"`
	DMARC    dmarc.Evaluation    `json:"dmarc"`
	Findings []Finding           `json:"findings"`

	// AuthenticationResults is the header field under AuthServID; filled in by
	// SetHeader, since most callers of a hot path never print it.
	AuthenticationResults string `json:"authentication_results"`

	// Fault is a panic that the message met somewhere, nil for none. What rests on
	// the stage is temperror, and Decide defers the message.
	Fault error `json:"-"`

	remote   netip.Addr
	mailFrom string
	heloName string
}

// Apply writes the override of a decision into the verdict, so that whoever
// prints or stores the verdict shows why a failure was not held against it.
func (v *Verdict) Apply(d Decision) {
	if d.Override != nil {
		v.DMARC.Override = d.Override
		v.DMARC.Disposition = dmarc.PolicyNone
	}
}

// dkimSummary is the outcome of all signatures in a few words.
func (v *Verdict) dkimSummary() string {
	if len(v.DKIM) == 0 {
		return "no signature"
	}
	const most = 3
	var parts []string
	for i := range v.DKIM {
		if i == most {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, string(v.DKIM[i].Result)+", "+orNone(string(v.DKIM[i].Domain)))
	}
	return strings.Join(parts, "; ")
}
