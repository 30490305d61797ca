package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsRequireTLS() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_requiretls",
		Story: "A message asks for REQUIRETLS, and the clinic's server would pass it on without.",
		Seen:  "Nothing: the message is read behind the clinic's server.",
		Ref:   "RFC 8689, Section 4.2.1",
		Run: func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			s.Clinic.NoRequireTLS = true
			if err := s.Open(); err != nil {
				return lab.Result{}, err
			}
			sent, err := s.Deliver(ctx, lab.Mail{RequireTLS: true})
			if err != nil {
				return lab.Result{}, err
			}
			loot := new(lab.Loot)
			if sent.Delivery.Delivered {
				_, err = loot.Write([]byte(lab.Secret)) // behind the clinic's server it goes in the clear
			}
			return sent.Read(loot), err
		},
	}
}
