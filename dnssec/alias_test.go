package dnssec

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
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

// TestReplayedWildcardHidesZone: a wildcard's alias replayed as the answer for
// the DS of a zone does no more harm than any other forged reply, and no longer.
func TestReplayedWildcardHidesZone(t *testing.T) {
	for name, denial := range map[string]zonesign.Denial{"NSEC": zonesign.NSEC, "NSEC3": zonesign.NSEC3} {
		t.Run(name, func(t *testing.T) {
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "example.", denial: denial, text: "* CNAME www\nwww A 192.0.2.9\n"},
				zoneSpec{origin: "corp.example.", text: "www A 192.0.2.1\n"})
			answer, authority := tr.replayed("corp2.example.", dns.TypeDS)
			var moved []dns.RR
			for _, rr := range answer {
				if dns.CanonicalName(rr.Header().Name) == "corp2.example." {
					rr = dns.Copy(rr)
					rr.Header().Name = "corp.example."
					moved = append(moved, rr)
				}
			}
			tr.forge(t, "corp.example DS", dns.RcodeSuccess, moved, authority)
			v := tr.validator(t)
			if got, want := ask(t, v, "www.corp.example A"), isBogus(dns.ExtendedErrorCodeNSECMissing); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			tr.Tamper = nil
			v.Time = func() time.Time { return testNow.Add(resolver.BogusTTL) }
			run(t, v, []askRow{
				{"www.corp.example A", secure("192.0.2.1")},
				{"else.example A", secure("www.example.|192.0.2.9")},
				{"below.else.example A", secure("www.example.|192.0.2.9")},
			})
		})
	}
}
