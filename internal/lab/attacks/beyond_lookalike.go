package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func beyondLookalike() *lab.Attack {
	return &lab.Attack{
		ID:    "beyond_lookalike",
		Story: "The attacker has registered a1penbank.example and set up everything for it.",
		Seen:  "A letter from what looks like the bank.",
		Ref:   "UTS #39",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			l := lab.Letter{From: "Service <service@" + lab.LikeBank + ">", Subject: "Your statement"}
			raw, err := s.World.Sign(s.World.Write(l), s.World.CrookKey(lab.LikeBank, "k"))
			if err != nil {
				return lab.Result{}, err
			}
			return arrived(s.Inject(ctx, lab.CrookOut, "service@"+lab.LikeBank, raw))
		}),
	}
}
