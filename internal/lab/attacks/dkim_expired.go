package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimExpired() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_expired",
		Story: "A message whose signature expired last week is sent again.",
		Seen:  "An old letter from the bank as if it were new.",
		Ref:   "RFC 6376, Section 3.5",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			o := lab.OddSignature{Key: s.World.BankKeys()[0], Expires: s.World.Born.AddDate(0, 0, -7)}
			raw, err := s.World.SignOddly(s.World.Write(s.World.FromBank()), o)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
