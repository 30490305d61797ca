package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dmarcPublicSuffix() *lab.Attack {
	return &lab.Attack{
		ID:    "dmarc_psd",
		Story: "From has a name below city.example that nobody has registered; the suffix itself has a policy (psd=y).",
		Seen:  "A letter from an office of the city.",
		Ref:   "RFC 9989, Section 4.10",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Tax office <tax@taxes." + lab.City + ">", Subject: "Last reminder"})
			return crook(ctx, s, raw)
		}),
	}
}
