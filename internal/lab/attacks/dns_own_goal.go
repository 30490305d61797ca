package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dnsOwnGoal() *lab.Attack {
	return &lab.Attack{
		ID:    "dns_own_goal",
		Story: "A domain whose DNSSEC signatures are damaged writes to Ann.",
		Seen:  "An ordinary message.",
		Ref:   "RFC 4035, Section 5.5",
		Legit: true,
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Broken Ltd <office@" + lab.BadlyRun + ">", Subject: "Invoice"})
			return legit(s.Inject(ctx, lab.BrokenOut, "office@"+lab.BadlyRun, raw))
		}),
	}
}
