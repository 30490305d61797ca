package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/resolver"
)

func dnsStrippedSignatures() *lab.Attack {
	return &lab.Attack{
		ID:    "dns_stripped",
		Story: "The attacker adds himself to the bank's SPF record and takes all signatures out of its zone.",
		Seen:  "A letter from the bank.",
		Ref:   "RFC 4035, Section 5",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			s.Tamper(lab.Forge(s.World.Bank, resolver.TypeTXT, s.World.Bank+". 300 IN TXT \"v=spf1 ip4:"+lab.CrookIP+" -all\""), lab.StripSignatures(s.World.Bank))
			return arrived(s.Inject(ctx, lab.CrookOut, "service@"+s.World.Bank, s.World.Write(s.World.FromBank())))
		}),
	}
}
