package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimWeakKey() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_weak_key",
		Story: "The attacker has factored a key of 512 bits that the bank still publishes.",
		Seen:  "A letter from the bank, with a good signature.",
		Ref:   "RFC 8301, Section 3.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := s.World.SignOddly(s.World.Write(s.World.FromBank()), lab.OddSignature{Key: s.World.WeakKey()})
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
