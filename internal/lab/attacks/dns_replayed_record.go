package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/resolver"
)

func dnsReplayedRecord() *lab.Attack {
	return &lab.Attack{
		ID:    "dns_replayed_record",
		Story: "The attacker replays a record of last year with its signature: the bank's SPF when it rented his host.",
		Seen:  "A letter from the bank.",
		Ref:   "RFC 4035, Section 5.3.1",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			old, err := s.World.OldRecord(s.World.Bank, "\"v=spf1 ip4:"+lab.CrookIP+" -all\"")
			if err != nil {
				return lab.Result{}, err
			}
			s.Tamper(lab.Forge(s.World.Bank, resolver.TypeTXT, old...))
			return arrived(s.Inject(ctx, lab.CrookOut, "service@"+s.World.Bank, s.World.Write(s.World.FromBank())))
		}),
	}
}
