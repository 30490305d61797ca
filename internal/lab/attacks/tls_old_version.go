package attacks

import (
	"context"
	"crypto/tls"

	"github.com/waxseal/waxseal/internal/lab"
)

func tlsOldVersion() *lab.Attack {
	return &lab.Attack{
		ID:    "tls_old_version",
		Story: "The rogue CA's man in the middle speaks nothing newer than TLS 1.0.",
		Seen:  "Nothing: the mail arrives.",
		Ref:   "RFC 8996",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			cert, err := s.World.RogueCA.Issue(s.World.ClinicMX)
			if err != nil {
				return lab.Result{}, err
			}
			loot, err := s.Intercept(lab.ClinicIP, lab.Impostor{Name: s.World.ClinicMX, Cert: cert, MaxVersion: tls.VersionTLS10})
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
