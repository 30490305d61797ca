package dnssec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// sign makes a zone that was signed in March 2026.
func sign(origin, text string) *zonesign.Signed {
	key, err := zonesign.NewKey(origin, dns.ED25519, zonesign.KSK, "example")
	if err != nil {
		panic(err)
	}
	return zonesign.MustSign(zonesign.Zone{
		Origin: origin, Text: text, Keys: []*zonesign.Key{key},
		Inception:  time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Expiration: time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC),
	})
}

// The source can be a recursive server (resolver/upstream), the root servers
// (resolver/iterative) or, as here, zones in memory.
func ExampleValidator() {
	leaf := sign("example.org.", "_25._tcp.mx TLSA 3 1 1 00\n")
	root := sign(".", "example.org. NS ns.example.org.\n"+leaf.DS())
	anchors, err := dnssec.ParseAnchors(strings.NewReader(root.DS()))
	if err != nil {
		panic(err)
	}
	v := &dnssec.Validator{
		Source:  &zonesign.World{Zones: []*zonesign.Signed{root, leaf}},
		Anchors: anchors,
		Time:    func() time.Time { return time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC) },
	}
	a, err := v.Lookup(context.Background(), "_25._tcp.mx.example.org", resolver.TypeTLSA)
	if err != nil {
		panic(err)
	}
	fmt.Println(a.Status, a.RCode)
	for _, link := range a.Chain {
		fmt.Println(link.Zone, link.Status)
	}

	v = &dnssec.Validator{Source: v.Source, Anchors: anchors, Time: func() time.Time {
		return time.Date(2026, 4, 15, 0, 0, 0, 0, time.UTC)
	}}
	_, err = v.Lookup(context.Background(), "_25._tcp.mx.example.org", resolver.TypeTLSA)
	var e *resolver.Error
	if errors.As(err, &e) {
		fmt.Println(e.Reason, e.Answer.EDE)
		fmt.Println(e.Detail)
	}
	// Output:
	// secure NOERROR
	// . secure
	// example.org secure
	// bogus Signature Expired
	// the signature over . DNSKEY expired on 2026-03-31; zone .
}

func ExampleTracker() {
	tracker, err := dnssec.NewTracker(".", dnssec.RootAnchors())
	if err != nil {
		panic(err)
	}
	fmt.Println(len(tracker.DS), "configured keys to be looked for in zone", tracker.Zone)
	// Output: 2 configured keys to be looked for in zone .
}
