package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfHelo() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_helo",
		Story: "The attacker says HELO with a name of his own that passes, and uses the bank in MAIL FROM.",
		Seen:  "A letter from the bank.",
		Ref:   "CVE-2019-20790",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(s.World.FromBank())
			return arrived(s.Inject(ctx, lab.Host{IP: lab.CrookIP, Helo: lab.Crook}, "service@"+s.World.Bank, raw))
		}),
	}
}
