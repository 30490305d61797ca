package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfSpoofedMailFrom() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_mail_from",
		Story: "A stranger's host uses the bank's address in MAIL FROM and From.",
		Seen:  "A letter from the bank.",
		Ref:   "RFC 7208, Section 2.4",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(s.World.FromBank())
			return arrived(s.Inject(ctx, lab.CrookOut, "service@"+s.World.Bank, raw))
		}),
	}
}
