package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsUnsignedTLSA() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_unsigned_tlsa",
		Story: "The same man in the middle in front of a domain whose TLSA records lie in a zone without DNSSEC.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 6698, Section 4.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			cert, err := s.World.CA.SelfSigned(lab.PlainMX)
			if err != nil {
				return lab.Result{}, err
			}
			loot, err := s.Intercept(lab.PlainIP, lab.Impostor{Name: lab.PlainMX, Cert: cert})
			if err != nil {
				return lab.Result{}, err
			}
			sent, err := s.Deliver(ctx, lab.Mail{Domain: lab.Plain})
			if err != nil {
				return lab.Result{}, err
			}
			return sent.Read(loot), nil
		}),
	}
}
