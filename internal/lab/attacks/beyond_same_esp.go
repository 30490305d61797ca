package attacks

import (
	"context"

	"github.com/waxseal/waxseal/internal/lab"
)

func beyondSameESP() *lab.Attack {
	return &lab.Attack{
		ID:    "beyond_same_esp",
		Story: "A customer of the ESP writes the shop into From; the ESP signs it with the key that it holds for the shop.",
		Seen:  "A letter from the shop.",
		Ref:   "RFC 7208, Section 11.4",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			raw := s.World.Write(lab.Letter{From: "Shop <sales@" + lab.Shop + ">", Subject: "Your order"})
			raw, err := s.World.Sign(raw, s.World.ShopKey())
			if err != nil {
				return lab.Result{}, err
			}
			return arrived(s.Inject(ctx, lab.ESPOut, "bounce@"+lab.ESP, raw))
		}),
	}
}
