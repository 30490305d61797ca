package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func arcTrustedList() *lab.Attack {
	return &lab.Attack{
		ID:    "arc_trusted_list",
		Story: "The bank writes to a mailing list that changes the subject, adds a footer and seals what it had found.",
		Seen:  "A post of the bank on the list.",
		Ref:   "RFC 8617; RFC 7960, Section 3.2.3",
		Legit: true,
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := fromBank(s)
			if err != nil {
				return lab.Result{}, err
			}
			l := lab.MailingList{Domain: lab.List, Host: lab.ListOut, Key: s.World.ListKey()}
			return legit(s.Post(ctx, l, raw))
		}),
	}
}
