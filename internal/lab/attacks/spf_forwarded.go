package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfForwarded() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_forwarded",
		Story: "The bank writes to Ann's alumni address, which forwards the message as it is.",
		Seen:  "Her statement, in the mailbox that she reads.",
		Ref:   "RFC 7960, Section 3.2.1",
		Legit: true,
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := fromBank(s)
			if err != nil {
				return lab.Result{}, err
			}
			return legit(s.Forward(ctx, "service@"+s.World.Bank, raw))
		}),
	}
}
