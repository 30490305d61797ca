package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimForeignDomain() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_foreign_d",
		Story: "The attacker signs with his own domain and writes the bank into From.",
		Seen:  "A letter from the bank, with a good signature.",
		Ref:   "RFC 6376, Section 6.3",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := s.World.Sign(s.World.Write(s.World.FromBank()), s.World.CrookKey(lab.Crook, "k"))
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
