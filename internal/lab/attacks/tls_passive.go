package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsPassive() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_passive",
		Story: "The attacker listens on the way.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 7435",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			loot, err := s.Wiretap(lab.ClinicIP, lab.Unchanged, lab.Unchanged)
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
