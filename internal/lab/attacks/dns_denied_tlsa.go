package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dnsDeniedTLSA() *lab.Attack {
	return &lab.Attack{
		ID:    "dns_denied_tlsa",
		Story: "The attacker says that there are no TLSA records, and strips STARTTLS.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 7672, Section 2.1.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			s.Tamper(lab.Deny("_25._tcp." + s.World.ClinicMX))
			loot, err := s.Wiretap(lab.ClinicIP, lab.Unchanged, lab.StripSTARTTLS)
			if err != nil {
				return lab.Result{}, err
			}
			sent, err := s.Deliver(ctx, lab.Mail{})
			if err != nil {
				return lab.Result{}, err
			}
			return sent.Read(loot), nil
		}),
	}
}
