package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func arcForgedChain() *lab.Attack {
	return &lab.Attack{
		ID:    "arc_forged_chain",
		Story: "The attacker writes an ARC set in the name of the list and seals it with his own key.",
		Seen:  "A post of the bank on the list.",
		Ref:   "RFC 8617, Section 9",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := append([]byte("Authentication-Results: mx."+lab.List+"; dmarc=pass header.from="+s.World.Bank+"\r\n"), s.World.Write(s.World.FromBank())...)
			raw, err := s.Seal(ctx, s.World.CrookKey(lab.List, "arc"), "mx."+lab.List, raw)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
