package dnssec

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestAliasAboveAnchor: a zone that is trusted below an unsigned one cannot be
// led away by a DNAME record that anybody can write there.
func TestAliasAboveAnchor(t *testing.T) {
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "example.", unsigned: true},
		zoneSpec{origin: "corp.example.", noDS: true, text: "www A 192.0.2.1\n"},
		zoneSpec{origin: "evil.", unsigned: true, text: "www.corp A 192.0.2.66\n"})
	for _, name := range []string{"alone", "beside_the_root"} {
		t.Run(name, func(t *testing.T) {
			text := tr.zones["corp.example."].DS()
			if name != "alone" {
				text += "\n" + tr.zones["."].DS()
			}
			anchors, err := ParseAnchors(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			tr.forge(t, "www.corp.example A", dns.RcodeSuccess, []dns.RR{
				rr(t, "example. DNAME evil."),
				rr(t, "www.corp.example. CNAME www.corp.evil."),
				rr(t, "www.corp.evil. A 192.0.2.66"),
			}, nil)
			v := &Validator{Source: tr.World, Anchors: anchors, Time: func() time.Time { return testNow }, NoLookAhead: true}
			if got, want := ask(t, v, "www.corp.example A"), isBogus(dns.ExtendedErrorCodeRRSIGsMissing); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
