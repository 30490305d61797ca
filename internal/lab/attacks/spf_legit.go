package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfLegit() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_legit",
		Story: "The bank writes to Ann, signed and from its own host.",
		Seen:  "Her statement.",
		Ref:   "RFC 7208",
		Legit: true,
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := fromBank(s)
			if err != nil {
				return lab.Result{}, err
			}
			return legit(s.Inject(ctx, lab.BankOut, "service@"+s.World.Bank, raw))
		}),
	}
}
