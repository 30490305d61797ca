package attacks

import (
	"context"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/internal/lab"
)

func tlsWeakestDigest() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_weakest_digest",
		Story: "The clinic publishes a SHA-512 record and a SHA-256 one; the attacker has a key that fits the weaker.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 7671, Section 9",
		Run: func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			cert, err := s.World.CA.SelfSigned(s.World.ClinicMX)
			if err != nil {
				return lab.Result{}, err
			}
			if s.Controls.Has(lab.DANE) {
				s.Clinic.TLSA = []string{s.World.TLSA512().String(), dane.MakeRecord(cert.Leaf).String()}
			}
			if err := s.Open(); err != nil {
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
		},
	}
}
