package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func beyondBoss() *lab.Attack {
	return &lab.Attack{
		ID:    "beyond_boss",
		Story: "The attacker uses the name of Ann's boss with an address of his own.",
		Seen:  "A request from her boss.",
		Ref:   "RFC 9989, Section 11.4",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			l := lab.Letter{From: "Dr. Maria Keller <mail@" + lab.Crook + ">", Subject: "Are you at your desk?"}
			raw, err := s.World.Sign(s.World.Write(l), s.World.CrookKey(lab.Crook, "k"))
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
