package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dmarcSubdomain() *lab.Attack {
	return &lab.Attack{
		ID:    "dmarc_subdomain",
		Story: "From has news.alpenbank.example, a subdomain without a record of its own.",
		Seen:  "A letter from the bank's newsroom.",
		Ref:   "RFC 9989, Section 4.7 (sp)",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Alpenbank News <editor@news." + s.World.Bank + ">", Subject: "News"})
			return crook(ctx, s, raw)
		}),
	}
}
