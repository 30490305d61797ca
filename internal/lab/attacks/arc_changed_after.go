package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func arcChangedAfter() *lab.Attack {
	return &lab.Attack{
		ID:    "arc_changed_after",
		Story: "A message that the list sealed is changed and sent on by the attacker.",
		Seen:  "A post of the bank with the attacker's account in it.",
		Ref:   "RFC 8617, Section 5.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := fromBank(s)
			if err != nil {
				return lab.Result{}, err
			}
			l := lab.MailingList{Domain: lab.List, Host: lab.ListOut, Key: s.World.ListKey()}
			raw, err = s.Remail(ctx, l, "service@"+s.World.Bank, raw)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, lab.Replace(raw, "4711", "6666"))
		}),
	}
}
