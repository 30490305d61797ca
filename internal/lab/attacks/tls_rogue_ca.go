package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsRogueCA() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_rogue_ca",
		Story: "A man in the middle shows a certificate for mx.clinic.example from a CA that everybody trusts.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 7672, Section 1.3.4; RFC 8461, Section 10.5",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			cert, err := s.World.RogueCA.Issue(s.World.ClinicMX)
			if err != nil {
				return lab.Result{}, err
			}
			loot, err := s.Intercept(lab.ClinicIP, lab.Impostor{Name: s.World.ClinicMX, Cert: cert})
			if err != nil {
				return lab.Result{}, err
			}
			sent, err := s.Deliver(ctx, lab.Mail{})
			if err != nil {
				return lab.Result{}, err
			}
			return sent.Read(loot), nil
		}),
	}
}
