package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func arcHonestFail() *lab.Attack {
	return &lab.Attack{
		ID:    "arc_honest_fail",
		Story: "The attacker writes to the trusted list in the bank's name; the list seals that DMARC had failed.",
		Seen:  "A post of the bank on the list.",
		Ref:   "RFC 8617, Section 9",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			l := lab.MailingList{Domain: lab.List, Host: lab.ListOut, Key: s.World.ListKey(), Poster: lab.CrookOut}
			return arrived(s.Post(ctx, l, s.World.Write(s.World.FromBank())))
		}),
	}
}
