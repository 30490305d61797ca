package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/resolver"
)

func tlsForgedPolicy() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_forged_policy",
		Story: "After a first contact the attacker announces a new policy, serves mode=none with a certificate of his own making, and strips STARTTLS.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 8461, Section 3.3",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			if _, err := s.Deliver(ctx, lab.Mail{}); err != nil {
				return lab.Result{}, err
			}
			cert, err := s.World.CA.SelfSigned("mta-sts." + s.World.Clinic)
			if err != nil {
				return lab.Result{}, err
			}
			if err := s.InterceptPolicy(cert, "version: STSv1\r\nmode: none\r\nmax_age: 604800\r\n"); err != nil {
				return lab.Result{}, err
			}
			name := "_mta-sts." + s.World.Clinic
			s.Tamper(lab.Forge(name, resolver.TypeTXT, name+". 300 IN TXT \"v=STSv1; id=2;\""))
			loot, err := s.Wiretap(lab.ClinicIP, lab.Unchanged, lab.StripSTARTTLS)
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
