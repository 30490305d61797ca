package attacks

import (
	"context"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/internal/lab"
)

func smtpInjection() *lab.Attack {
	return &lab.Attack{
		ID:    "smtp_injection",
		Story: "The attacker puts a command of his own behind STARTTLS, or into the clear, so that the server takes it for the client's.",
		Seen:  "A message from another sender than the one that signed on.",
		Ref:   "CVE-2011-0411",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			const injected = "MAIL FROM:<mail@" + lab.Crook + ">\r\n"
			_, err := s.Wiretap(lab.ClinicIP, func(line string) string {
				switch {
				case strings.HasPrefix(line, "STARTTLS"):
					return line + injected
				case strings.HasPrefix(line, "MAIL FROM"):
					return injected
				}
				return line
			}, lab.Unchanged)
			if err != nil {
				return lab.Result{}, err
			}
			sent, err := s.Deliver(ctx, lab.Mail{})
			if err != nil {
				return lab.Result{}, err
			}
			if slices.Contains(s.Told(), "mail@"+lab.Crook) {
				return lab.Result{Outcome: lab.Passes, Text: "the server has taken the attacker's command for the bank's"}, nil
			}
			return sent.Read(new(lab.Loot)), nil
		}),
	}
}
