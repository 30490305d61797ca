package attacks

import (
	"context"
	"slices"

	"github.com/waxseal/waxseal/internal/lab"
)

// Exposure is what one attack does to a domain with its records of today.
type Exposure struct {
	Attack *lab.Attack
	Result lab.Result
	// Close is the record that would stop the attack, and more where a record is
	// not enough; "" if it is stopped.
	Close string
}

// against lists the attacks that a domain's records decide about.
func against(domain string) (sender, receiver []weakness) {
	reject := "_dmarc." + domain + `. TXT "v=DMARC1; p=reject"`
	sign := "a DS record of " + domain + " at its parent, and signatures in the zone"
	policy := "_mta-sts." + domain + `. TXT "v=STSv1; id=1;" and a policy with mode: enforce at https://mta-sts.` + domain + "/"
	tlsa := "_25._tcp.(each MX host). TLSA 3 1 1 (its key; waxseal dane --make), in a signed zone"
	sender = []weakness{
		{spfSpoofedMailFrom(), domain + `. TXT "v=spf1 (your hosts) -all" and ` + reject},
		{spfOwnEnvelope(), reject},
		{spfHelo(), domain + `. TXT "v=spf1 (your hosts) -all" and ` + reject},
		{dkimForeignDomain(), reject},
		{dmarcSubdomain(), "_dmarc." + domain + `. TXT "v=DMARC1; p=reject; sp=reject"`},
		{dmarcNoSuchSubdomain(), "_dmarc." + domain + `. TXT "v=DMARC1; p=reject; np=reject"`},
		{dmarcTwoAuthors(), reject},
		{dnsRemovedPolicy(), sign + "; then " + reject},
		{dnsStrippedSignatures(), sign},
		{dnsReplacedKey(), sign},
	}
	receiver = []weakness{
		{tlsStripped(), policy + "; or " + tlsa},
		{tlsSelfSigned(), policy + "; or " + tlsa},
		{tlsRogueCA(), tlsa},
		{tlsFakeMX(), policy + "; or " + sign},
		{tlsPolicyBlocked(), tlsa},
		{dnsPoisonedMX(), policy + "; or " + sign},
		{dnsDeniedTLSA(), policy + "; or " + tlsa},
	}
	return sender, receiver
}

type weakness struct {
	attack *lab.Attack
	close  string
}

// Expose runs the attacks that a domain's records decide about, against others
// who have everything switched on.
func Expose(ctx context.Context, rs *lab.Records) ([]Exposure, error) {
	sender, receiver, err := rs.Worlds()
	if err != nil {
		return nil, err
	}
	columns := lab.Columns()
	all := columns[slices.IndexFunc(columns, func(c lab.Column) bool { return c.Name == "all" })]
	ofSender, ofReceiver := against(rs.Domain)
	if receiver == nil {
		ofReceiver = nil
	}
	exposures := []Exposure{}
	run := func(w *lab.World, list []weakness) error {
		for _, x := range list {
			cell, err := lab.Run(ctx, w, x.attack, all)
			if err != nil {
				return err
			}
			e := Exposure{Attack: x.attack, Result: cell.Result}
			if cell.Outcome != lab.Stopped {
				e.Close = x.close
			}
			exposures = append(exposures, e)
		}
		return nil
	}
	if err := run(sender, ofSender); err != nil {
		return nil, err
	}
	return exposures, run(receiver, ofReceiver)
}
