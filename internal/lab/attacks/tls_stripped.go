package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsStripped() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_stripped",
		Story: "The attacker hides the offer of STARTTLS.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 7672, Section 1.3.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
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
