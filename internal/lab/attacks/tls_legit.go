package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsLegit() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_legit",
		Story: "The bank's server delivers to the clinic's.",
		Seen:  "Her statement.",
		Ref:   "RFC 3207",
		Legit: true,
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			sent, err := s.Deliver(ctx, lab.Mail{})
			if err != nil {
				return lab.Result{}, err
			}
			return sent.Legit(), nil
		}),
	}
}
