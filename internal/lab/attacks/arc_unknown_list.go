package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func arcUnknownList() *lab.Attack {
	return &lab.Attack{
		ID:    "arc_unknown_list",
		Story: "The same by a list whose seals the clinic has no reason to believe.",
		Seen:  "A post of the bank on the list.",
		Ref:   "RFC 8617, Section 9",
		Legit: true,
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := fromBank(s)
			if err != nil {
				return lab.Result{}, err
			}
			l := lab.MailingList{Domain: lab.Forum, Host: lab.ForumOut, Key: s.World.ForumKey()}
			return legit(s.Post(ctx, l, raw))
		}),
	}
}
