package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/resolver"
)

func dnsPoisonedMX() *lab.Attack {
	return &lab.Attack{
		ID:    "dns_poisoned_mx",
		Story: "The attacker answers for the clinic's MX with a host of his own, which hands the mail on.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 7672, Section 1.3.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			loot, err := s.Impersonate(lab.ClinicIP, lab.Impostor{Name: lab.CrookMX})
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
