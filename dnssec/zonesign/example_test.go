package zonesign_test

import (
	"fmt"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
)

func ExampleSign() {
	key, err := zonesign.NewKey("example.", dns.ED25519, zonesign.KSK, "seed")
	if err != nil {
		panic(err)
	}
	z, err := zonesign.Sign(zonesign.Zone{
		Origin: "example.", Text: "mx A 192.0.2.1\n", Keys: []*zonesign.Key{key}, Denial: zonesign.NSEC,
		Inception:  time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Expiration: time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		panic(err)
	}
	for _, rr := range z.Answer("nope.example.", dns.TypeA).Ns {
		if nsec, ok := rr.(*dns.NSEC); ok {
			fmt.Println(nsec.Hdr.Name, "to", nsec.NextDomain)
		}
	}
	z.Corrupt("mx.example.", dns.TypeA) // and a validator finds it bogus
	// Output:
	// mx.example. to example.
	// example. to mx.example.
}
