package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimForged() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_forged",
		Story: "The attacker signs in the bank's name with a key of his own.",
		Seen:  "A letter from the bank, with what looks like its signature.",
		Ref:   "RFC 6376, Section 6.1.3",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := s.World.Sign(s.World.Write(s.World.FromBank()), s.World.CrookKey(s.World.Bank, "ed"))
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
