package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfPlusAll() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_plus_all",
		Story: "A domain publishes +all, so any host may use it.",
		Seen:  "A letter from that domain.",
		Ref:   "RFC 7208, Section 5.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Sloppy <boss@" + lab.Sloppy + ">", Subject: "Urgent"})
			return arrived(s.Inject(ctx, lab.CrookOut, "boss@"+lab.Sloppy, raw))
		}),
	}
}
