package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/resolver"
)

func tlsFakeMX() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_fake_mx",
		Story: "The clinic's MX is forged to a host of the attacker's that has a valid certificate for its own name.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 8461, Section 4.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			cert, err := s.World.CA.Issue(lab.CrookMX)
			if err != nil {
				return lab.Result{}, err
			}
			loot, err := s.Impersonate(lab.ClinicIP, lab.Impostor{Name: lab.CrookMX, Cert: cert})
			if err != nil {
				return lab.Result{}, err
			}
			s.Tamper(lab.Forge(s.World.Clinic, resolver.TypeMX, s.World.Clinic+". 300 IN MX 10 "+lab.CrookMX+"."))
			sent, err := s.Deliver(ctx, lab.Mail{})
			if err != nil {
				return lab.Result{}, err
			}
			return sent.Read(loot), nil
		}),
	}
}
