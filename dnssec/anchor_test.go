package dnssec

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestBadAnchors(t *testing.T) {
	whole := strings.Repeat("AB", 32)
	for name, row := range map[string]struct{ text, want string }{
		"whole":       {". IN DS 1 13 2 " + whole, ""},
		"unknown":     {". IN DS 1 13 99 AB", ""},
		"cut_off":     {". IN DS 1 13 2 " + whole[2:], `dnssec: trust anchor . DS 1: "` + whole[2:] + `" is no digest of type 2`},
		"not_hex":     {". IN DS 1 13 2 ZZ" + whole[2:], `dnssec: trust anchor . DS 1: "ZZ` + whole[2:] + `" is no digest of type 2`},
		"other_class": {". CH DS 1 13 2 " + whole, "dnssec: trust anchor .: class CH, not IN"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if _, err := ParseAnchors(strings.NewReader(row.text)); err != nil {
				got = err.Error()
			}
			if got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestWrongAnchor: a trust anchor that fits no key is not the parent's fault.
func TestWrongAnchor(t *testing.T) {
	tr := plant(t, zoneSpec{origin: ".", text: "a A 192.0.2.1\n"})
	anchors, err := ParseAnchors(strings.NewReader(". IN DS 1 13 2 " + strings.Repeat("AB", 32)))
	if err != nil {
		t.Fatal(err)
	}
	v := tr.validator(t)
	v.Anchors = anchors
	got, why := askReason(t, v, "a A")
	if want, reason := isBogus(dns.ExtendedErrorCodeDNSKEYMissing), "no key of zone . matches its trust anchors"; got != want || why != reason {
		t.Errorf("got  %+v (%s)\nwant %+v (%s)", got, why, want, reason)
	}
}
