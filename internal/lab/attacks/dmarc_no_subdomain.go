package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dmarcNoSuchSubdomain() *lab.Attack {
	return &lab.Attack{
		ID:    "dmarc_no_subdomain",
		Story: "From has login.alpenbank.example, which does not exist.",
		Seen:  "A letter from the bank's login service.",
		Ref:   "RFC 9989, Section 4.7 (np)",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Alpenbank Login <code@login." + s.World.Bank + ">", Subject: "Your code"})
			return crook(ctx, s, raw)
		}),
	}
}
