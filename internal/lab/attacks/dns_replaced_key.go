package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/resolver"
)

func dnsReplacedKey() *lab.Attack {
	return &lab.Attack{
		ID:    "dns_replaced_key",
		Story: "The attacker answers for the bank's DKIM key with his own.",
		Seen:  "A letter from the bank, with a good signature.",
		Ref:   "RFC 6376, Section 8.5; RFC 4033",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			name := "rsa._domainkey." + s.World.Bank
			s.Tamper(lab.Forge(name, resolver.TypeTXT, name+". 300 IN TXT "+s.World.CrookRecord()))
			raw, err := s.World.Sign(s.World.Write(s.World.FromBank()), s.World.CrookKey(s.World.Bank, "rsa"))
			if err != nil {
				return lab.Result{}, err
			}
			return crook(ctx, s, raw)
		}),
	}
}
