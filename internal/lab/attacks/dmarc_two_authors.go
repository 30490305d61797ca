package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dmarcTwoAuthors() *lab.Attack {
	return &lab.Attack{
		ID:    "dmarc_two_authors",
		Story: "From has two mailboxes: the attacker's, which passes, and the bank's.",
		Seen:  "A letter from the bank: some programs show only one of the two.",
		Ref:   "RFC 9989, Section 11.5",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Mail <mail@" + lab.Crook + ">, Alpenbank <service@" + s.World.Bank + ">", Subject: "Your statement"})
			return crook(ctx, s, raw)
		}),
	}
}
