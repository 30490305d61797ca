package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfOwnEnvelope() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_own_envelope",
		Story: "The attacker uses his own domain in MAIL FROM and the bank's in From.",
		Seen:  "A letter from the bank.",
		Ref:   "RFC 7208, Section 11.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			return crook(ctx, s, s.World.Write(s.World.FromBank()))
		}),
	}
}
