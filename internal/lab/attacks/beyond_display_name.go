package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func beyondDisplayName() *lab.Attack {
	return &lab.Attack{
		ID:    "beyond_display_name",
		Story: "The attacker writes the bank's address into the display name of his own, which passes everything.",
		Seen:  "service@alpenbank.example: a telephone shows only the name.",
		Ref:   "RFC 9989, Section 11.4",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			l := lab.Letter{From: "\"Alpenbank service@" + s.World.Bank + "\" <mail@" + lab.Crook + ">", Subject: "Your statement"}
			raw, err := s.World.Sign(s.World.Write(l), s.World.CrookKey(lab.Crook, "k"))
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
