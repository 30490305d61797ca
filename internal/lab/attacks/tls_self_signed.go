package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsSelfSigned() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_self_signed",
		Story: "A man in the middle shows a certificate for mx.clinic.example that he signed himself.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 3207, Section 6",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			cert, err := s.World.CA.SelfSigned(s.World.ClinicMX)
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
