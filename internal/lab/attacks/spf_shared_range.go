package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfSharedRange() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_shared_range",
		Story: "A customer of the ESP uses another customer, the shop, in MAIL FROM and From: both share the ESP's addresses.",
		Seen:  "A letter from the shop.",
		Ref:   "RFC 7208, Section 11.4",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Shop <sales@" + lab.Shop + ">", Subject: "Your order"})
			return arrived(s.Inject(ctx, lab.ESPOut, "sales@"+lab.Shop, raw))
		}),
	}
}
