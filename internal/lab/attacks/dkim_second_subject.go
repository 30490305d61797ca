package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimSecondSubject() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_second_subject",
		Story: "A second Subject is put above a message whose signature covers one Subject only.",
		Seen:  "A real message under a title of the attacker's.",
		Ref:   "RFC 6376, Section 8.15",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw, err := s.World.SignOddly(s.World.Write(s.World.FromBank()), lab.OddSignature{Key: s.World.BankKeys()[0]})
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, append([]byte("Subject: Your account is closed, call 0900 6666\r\n"), raw...))
		}),
	}
}
