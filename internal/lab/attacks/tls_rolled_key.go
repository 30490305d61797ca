package attacks

import (
	"context"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/internal/lab"
)

func tlsRolledKey() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_rolled_key",
		Story: "The clinic has changed the key of its server and forgotten its TLSA record.",
		Seen:  "Nothing, until somebody calls.",
		Ref:   "RFC 7671, Section 8.1",
		Legit: true,
		Run: func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			if s.Controls.Has(lab.DANE) {
				cert, err := s.World.CA.Issue("old." + s.World.ClinicMX)
				if err != nil {
					return lab.Result{}, err
				}
				s.Clinic.TLSA = []string{dane.MakeRecord(cert.Leaf).String()}
			}
			if err := s.Open(); err != nil {
				return lab.Result{}, err
			}
			sent, err := s.Deliver(ctx, lab.Mail{})
			if err != nil {
				return lab.Result{}, err
			}
			return sent.Legit(), nil
		},
	}
}
