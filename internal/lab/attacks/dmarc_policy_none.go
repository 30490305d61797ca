package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dmarcPolicyNone() *lab.Attack {
	return &lab.Attack{
		ID:    "dmarc_policy_none",
		Story: "From has a domain that only watches (p=none).",
		Seen:  "A letter from the gazette.",
		Ref:   "RFC 9989, Section 4.7 (p)",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Gazette <editor@" + lab.Gazette + ">", Subject: "Renew now"})
			return crook(ctx, s, raw)
		}),
	}
}
