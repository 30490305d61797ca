package dmarc

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
)

// TestDNSSEC checks that the result rests on what the validator says: proof of
// what is not there counts as well, and a bogus record never means none.
func TestDNSSEC(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const rec = "_dmarc.example.com."
	for _, tt := range []struct {
		name, from string
		breakIt    func(*zonesign.Signed)
		want       string
	}{
		{"secure", "mail.example.com", func(*zonesign.Signed) {}, "fail secure"},
		{"secure-np", "gone.example.com", func(*zonesign.Signed) {}, "fail secure"},
		{"bogus-record", "mail.example.com", func(z *zonesign.Signed) { z.Corrupt(rec, dns.TypeTXT) }, "temperror bogus"},
		{"bogus-author", "example.com", func(z *zonesign.Signed) { z.Corrupt(rec, dns.TypeTXT) }, "temperror bogus"},
		{"removed-record", "example.com", func(z *zonesign.Signed) { z.Remove(rec, dns.TypeTXT) }, "temperror bogus"},
		{"stripped", "example.com", func(z *zonesign.Signed) { z.Strip(rec, dns.TypeTXT) }, "temperror bogus"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, err := zonesign.NewKey("com.", dns.ED25519, zonesign.KSK, "com")
			if err != nil {
				t.Fatal(err)
			}
			zone := zonesign.MustSign(zonesign.Zone{
				Origin: "com.", Keys: []*zonesign.Key{key},
				Text:      rec + ` 300 TXT "v=DMARC1; p=reject; sp=quarantine; np=none"` + "\nmail.example.com. 300 A 192.0.2.1\n",
				Inception: now.Add(-time.Hour), Expiration: now.Add(time.Hour),
			})
			tt.breakIt(zone)
			anchors, err := dnssec.ParseAnchors(strings.NewReader(key.DS(dns.SHA256).String()))
			if err != nil {
				t.Fatal(err)
			}
			v := &dnssec.Validator{
				Source:  &zonesign.World{Zones: []*zonesign.Signed{zone}},
				Anchors: anchors, Time: func() time.Time { return now },
			}
			e := (&Evaluator{Resolver: v}).Evaluate(context.Background(), author(tt.from), nil)
			if got := string(e.Result) + " " + e.DNSSEC.String(); got != tt.want {
				t.Errorf("got %s, want %s: %s", got, tt.want, e.Reason)
			}
		})
	}
}
