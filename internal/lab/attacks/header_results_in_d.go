package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func headerResultsInDomain() *lab.Attack {
	return &lab.Attack{
		ID:    "header_results_in_d",
		Story: "The attacker signs with d=crook.invalid(.alpenbank.example, for readers who copy it into a header.",
		Seen:  "A letter from the bank, with a good signature.",
		Ref:   "CVE-2020-12272",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			o := lab.OddSignature{Key: s.World.CrookKey(lab.Crook, "k"), D: lab.Crook + "(." + s.World.Bank}
			raw, err := s.World.SignOddly(s.World.Write(s.World.FromBank()), o)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
