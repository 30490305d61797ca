package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func headerForgedResults() *lab.Attack {
	return &lab.Attack{
		ID:    "header_forged_results",
		Story: "The message brings an Authentication-Results field in the clinic's own name that says dmarc=pass.",
		Seen:  "A mark of trust that nobody gave.",
		Ref:   "RFC 8601, Section 5; CVE-2019-16378",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			l := lab.Letter{From: "Crook <mail@" + lab.Crook + ">", Subject: "Trust me"}
			l.Extra = "Authentication-Results: " + s.World.ClinicMX + "; dmarc=pass header.from=" + s.World.Bank + "\r\n"
			return crook(ctx, s, s.World.Write(l))
		}),
	}
}
