package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimSecondFrom() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_second_from",
		Story: "The attacker signs for his own domain and puts the bank's From above his own.",
		Seen:  "A letter from the bank: many programs show the first From.",
		Ref:   "RFC 6376, Section 8.15; CVE-2019-16378",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Crook <mail@" + lab.Crook + ">", Subject: "Your statement"})
			raw, err := s.World.SignOddly(raw, lab.OddSignature{Key: s.World.CrookKey(lab.Crook, "k")})
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, append([]byte("From: Alpenbank <service@"+s.World.Bank+">\r\n"), raw...))
		}),
	}
}
