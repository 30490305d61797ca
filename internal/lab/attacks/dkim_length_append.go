package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func dkimLengthAppend() *lab.Attack {
	return &lab.Attack{
		ID:    "dkim_length_append",
		Story: "The bank once signed with l=, so the attacker appends to the body.",
		Seen:  "The bank's letter with the attacker's text below it.",
		Ref:   "RFC 6376, Section 8.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			l := s.World.FromBank()
			l.Body = "Dear Ann, " + lab.Secret + ".\r\n"
			o := lab.OddSignature{Key: s.World.BankKeys()[0], Length: int64(len(l.Body))}
			raw, err := s.World.SignOddly(s.World.Write(l), o)
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, append(raw, "Please send the money to our new account.\r\n"...))
		}),
	}
}
