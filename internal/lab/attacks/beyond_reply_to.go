package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func beyondReplyTo() *lab.Attack {
	return &lab.Attack{
		ID:    "beyond_reply_to",
		Story: "A message of the attacker's own asks for the answer to a lookalike of the clinic.",
		Seen:  "A message that looks answered within the house.",
		Ref:   "RFC 5322, Section 3.6.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			l := lab.Letter{From: "Supplier <mail@" + lab.Crook + ">", Subject: "New account", Extra: "Reply-To: Accounts <accounts@c1inic.example>\r\n"}
			raw, err := s.World.Sign(s.World.Write(l), s.World.CrookKey(lab.Crook, "k"))
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
