package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dnsRemovedPolicy() *lab.Attack {
	return &lab.Attack{
		ID:    "dns_removed_policy",
		Story: "The attacker says that the bank's DMARC record does not exist.",
		Seen:  "A letter from the bank.",
		Ref:   "RFC 4033, Section 3.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			s.Tamper(lab.Deny("_dmarc." + s.World.Bank))
			return crook(ctx, s, s.World.Write(s.World.FromBank()))
		}),
	}
}
