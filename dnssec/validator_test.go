package dnssec

import (
	"testing"

	"github.com/waxseal/waxseal/dnssec/zonesign"
)

const exampleZone = `
@            MX    10 mx
mx           A     192.0.2.1
_25._tcp.mx  TLSA  3 1 1 00
alias        CNAME mx
away         CNAME mx.plain.org.
lost         CNAME nowhere
*.wild       TXT   "w"
sub.host     A     192.0.2.2
tree         DNAME example.org.
`

func tallTree(t testing.TB, denial zonesign.Denial) *tree {
	return plant(t,
		zoneSpec{origin: "."},
		zoneSpec{origin: "org.", denial: denial},
		zoneSpec{origin: "example.org.", denial: denial, text: exampleZone},
		zoneSpec{origin: "plain.org.", unsigned: true, text: "mx A 192.0.2.9\n"},
		zoneSpec{origin: "island.org.", noDS: true, text: "mx A 192.0.2.8\n"},
	)
}

func TestLookup(t *testing.T) {
	for kind, denial := range map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3, "optout": zonesign.OptOut} {
		t.Run(kind, func(t *testing.T) {
			v := tallTree(t, denial).validator(t)
			nx, none := secureNX(), secure()
			if denial == zonesign.OptOut {
				nx.Status = insecure().Status
			}
			run(t, v, []askRow{
				{"example.org MX", secure("10 mx.example.org.")},
				{"MX.Example.ORG. A", secure("192.0.2.1")},
				{"_25._tcp.mx.example.org TLSA", secure("3 1 1 00")},
				{"mx.example.org AAAA", none},
				{"_tcp.mx.example.org A", none},
				{"host.example.org A", none},
				{"nope.example.org A", nx},
				{"deep.below.nope.example.org A", nx},
				{"alias.example.org A", secure("mx.example.org.", "192.0.2.1")},
				{"alias.example.org AAAA", secure("mx.example.org.")},
				{"lost.example.org A", outcome{nx.Status, nx.RCode, "nowhere.example.org.", -1}},
				{"away.example.org A", insecure("mx.plain.org.", "192.0.2.9")},
				{"mx.plain.org A", insecure("192.0.2.9")},
				{"mx.plain.org TLSA", insecure()},
				{"mx.island.org A", insecure("192.0.2.8")},
				{"example.org DS", secure(tail(t, v, "example.org."))},
				{"mx.example.org DS", none},
				{"mx.tree.example.org A", secure("example.org.", "mx.example.org.", "192.0.2.1")},
			})
			if denial != zonesign.OptOut {
				run(t, v, []askRow{
					{"x.wild.example.org TXT", secure(`"w"`)},
					{"x.y.wild.example.org TXT", secure(`"w"`)},
					{"x.wild.example.org A", none},
					{"plain.org DS", none},
				})
			}
		})
	}
}

func tail(t testing.TB, v *Validator, zone string) string {
	t.Helper()
	world := v.Source.(*zonesign.World)
	for _, z := range world.Zones {
		if z.Origin == "org." {
			rr := z.Records(zone, 43)[0]
			return rr.String()[len(rr.Header().String()):]
		}
	}
	t.Fatal("no such zone")
	return ""
}
