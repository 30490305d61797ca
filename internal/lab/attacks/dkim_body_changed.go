package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimBodyChanged() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_body_changed",
		Story: "A signed message of the bank is sent again with another account number in it.",
		Seen:  "A letter from the bank with the attacker's account in it.",
		Ref:   "RFC 6376, Section 3.7",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := fromBank(s)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, lab.Replace(raw, "4711", "6666"))
		}),
	}
}
