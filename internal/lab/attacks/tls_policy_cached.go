package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsPolicyCached() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_policy_cached",
		Story: "The same after the bank has written to the clinic before.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 8461, Section 5.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			if _, err := s.Deliver(ctx, lab.Mail{}); err != nil {
				return lab.Result{}, err
			}
			s.Block(lab.PolicyIP + ":443")
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
