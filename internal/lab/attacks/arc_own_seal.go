package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func arcOwnSeal() *lab.Attack {
	return &lab.Attack{
		ID:    "arc_own_seal",
		Story: "The attacker seals with his own domain that the bank's message had passed.",
		Seen:  "A post of the bank, vouched for by a stranger.",
		Ref:   "RFC 8617, Section 9",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := append([]byte("Authentication-Results: mx."+lab.List+"; dmarc=pass header.from="+s.World.Bank+"\r\n"), s.World.Write(s.World.FromBank())...)
			raw, err := s.Seal(ctx, s.World.CrookKey(lab.Crook, "k"), "mx."+lab.List, raw)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
