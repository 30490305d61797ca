package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func spfLegitESP() *lab.Attack {
	return &lab.Attack{
		ID:    "spf_legit_esp",
		Story: "The shop writes to Ann through the ESP, which signs with the key that it holds for the shop.",
		Seen:  "A letter from the shop.",
		Ref:   "RFC 7208, Section 5.2",
		Legit: true,
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Shop <sales@" + lab.Shop + ">", Subject: "Your order"})
			raw, err := s.World.Sign(raw, s.World.ShopKey())
			if err != nil {
				return lab.Result{}, err
			}
			return legit(s.Inject(ctx, lab.ESPOut, "bounce-17@"+lab.Shop, raw))
		}),
	}
}
