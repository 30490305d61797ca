package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimReplay() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_replay",
		Story: "A message that the bank signed for the attacker is sent unchanged to Ann and a million others.",
		Seen:  "A letter from the bank that was meant for somebody else.",
		Ref:   "RFC 6376, Section 8.6",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := fromBank(s)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
