package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimRevokedKey() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_revoked_key",
		Story: "The attacker signs with a key that was stolen and that the bank has revoked.",
		Seen:  "A letter from the bank, with a good signature.",
		Ref:   "RFC 6376, Section 3.6.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := s.World.Sign(s.World.Write(s.World.FromBank()), s.World.StolenKey())
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
