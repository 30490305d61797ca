package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsPolicyBlocked() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_policy_blocked",
		Story: "At the first contact the attacker blocks the policy host, then strips STARTTLS.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 8461, Section 10.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
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
