package dnssec

import (
	"cmp"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// attack is a zone made to keep validators busy, what a lookup in it comes to,
// and the most work that it may cause.
type attack struct {
	name     string
	zones    func(t testing.TB) *tree
	question string
	status   resolver.Status
	reason   string // a part of it

	signatures, work, hashes, fetches int
}

// wrong returns n signatures like the first over a set, none of which holds.
func wrong(z *zonesign.Signed, owner string, t uint16, n int) []*dns.RRSIG {
	good := z.Signatures(owner, t)[0]
	raw, _ := base64.StdEncoding.DecodeString(good.Signature)
	sigs := make([]*dns.RRSIG, n)
	for i := range sigs {
		c := dns.Copy(good).(*dns.RRSIG)
		b := append([]byte(nil), raw...)
		b[i%32] ^= byte(1 + i/32)
		c.Signature = base64.StdEncoding.EncodeToString(b)
		sigs[i] = c
	}
	return sigs
}

// flood puts n wrong signatures before the right ones.
func flood(z *zonesign.Signed, owner string, t uint16, n int) {
	if good := z.Signatures(owner, t); len(good) > 0 {
		z.SetSignatures(owner, t, append(wrong(z, owner, t, n), good...))
	}
}

// slowChain nests zones whose key is of the slowest algorithm and whose sets
// each have as many wrong signatures as are forgiven. No set is bogus by itself.
func slowChain(t testing.TB, depth int) *tree {
	specs := []zoneSpec{{origin: "."}}
	origin := ""
	for range depth {
		origin = "z." + origin
		key := newKey(t, origin, dns.ECDSAP384SHA384, zonesign.KSK, "slow")
		specs = append(specs, zoneSpec{origin: origin, text: "mx A 192.0.2.1\n", keys: []*zonesign.Key{key}})
	}
	tr := plant(t, specs...)
	for i, spec := range specs[1:] {
		flood(tr.zones[specs[i].origin], spec.origin, dns.TypeDS, maxSignaturesPerSet-1)
		flood(tr.zones[spec.origin], spec.origin, dns.TypeDNSKEY, maxSignaturesPerSet-1)
		flood(tr.zones[spec.origin], "mx."+spec.origin, dns.TypeA, maxSignaturesPerSet-1)
	}
	return tr
}

func attacks() []attack {
	return []attack{{
		name: "keytrap", // CVE-2023-50387: keys × signatures
		zones: func(t testing.TB) *tree {
			ksk, zsk := newKey(t, "org.", dns.ED25519, zonesign.KSK, "k"), newKey(t, "org.", dns.ED25519, zonesign.ZSK, "z")
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
				origin: "org.", text: exampleZone, keys: []*zonesign.Key{ksk, zsk}, ds: ksk.DS(2).String(),
			})
			z := tr.zones["org."]
			for _, k := range collide(zsk, maxKeys-2) {
				z.Add(k)
			}
			if err := z.Resign("org.", dns.TypeDNSKEY, testBegin, testExpiry); err != nil {
				t.Fatal(err)
			}
			z.SetSignatures("mx.org.", dns.TypeA, wrong(z, "mx.org.", dns.TypeA, 1000))
			return tr
		},
		question: "mx.org A", status: resolver.Bogus, reason: "more than 4 keys with tag",
		signatures: 4 + maxKeysPerTag, work: 4 + maxKeysPerTag, fetches: 6,
	}, {
		name: "too_many_keys",
		zones: func(t testing.TB) *tree {
			key := newKey(t, "org.", dns.ED25519, zonesign.KSK, "k")
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: exampleZone, keys: []*zonesign.Key{key}})
			for _, k := range collide(key, maxKeys) {
				tr.zones["org."].Add(k)
			}
			flood(tr.zones["org."], "org.", dns.TypeDNSKEY, 1000)
			return tr
		},
		question: "mx.org A", status: resolver.Bogus, reason: "more than 32",
		signatures: 3, work: 3, fetches: 6,
	}, {
		name: "thousand_signatures",
		zones: func(t testing.TB) *tree {
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: exampleZone, alg: dns.ECDSAP384SHA384})
			flood(tr.zones["org."], "mx.org.", dns.TypeA, 1000)
			return tr
		},
		question: "mx.org A", status: resolver.Bogus, reason: "none of 8 signatures over mx.org A holds",
		signatures: 4 + maxSignaturesPerSet, work: 13 + 10*maxSignaturesPerSet, fetches: 6,
	}, {
		name: "thousand_signatures_over_keys",
		zones: func(t testing.TB) *tree {
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: exampleZone, alg: dns.ECDSAP384SHA384})
			flood(tr.zones["org."], "org.", dns.TypeDNSKEY, 1000)
			return tr
		},
		question: "mx.org A", status: resolver.Bogus, reason: "none of 8 signatures over org DNSKEY holds",
		signatures: 2 + maxSignaturesPerSet, work: 2 + 10*maxSignaturesPerSet, fetches: 6,
	}, {
		name:     "slow_chain", // forgiven signatures add up
		zones:    func(t testing.TB) *tree { return slowChain(t, 12) },
		question: "mx." + strings.Repeat("z.", 12) + " A", status: resolver.Bogus, reason: "too many signatures checked whose algorithm",
		signatures: maxSignaturesPerLookup, work: maxWorkPerLookup + maxWorkPerZone, fetches: 26,
	}, {
		name: "nsec3_2500", // CVE-2023-50868
		zones: func(t testing.TB) *tree {
			return plant(t, zoneSpec{origin: "."}, zoneSpec{
				origin: "org.", text: exampleZone, denial: zonesign.NSEC3, iterations: 2500, salt: strings.Repeat("ab", maxSalt),
			})
		},
		question: strings.Repeat("a.", 100) + "org A", status: resolver.Bogus, reason: "more hashing (NSEC3 iterations) than anybody should do",
		signatures: 8, work: 8, hashes: 1, fetches: 6,
	}, {
		name: "nsec3_labels", // a hundred labels at the most iterations that count
		zones: func(t testing.TB) *tree {
			return plant(t, zoneSpec{origin: "."}, zoneSpec{
				origin: "org.", text: exampleZone, denial: zonesign.NSEC3, iterations: maxSecureIterations, salt: strings.Repeat("ab", maxSalt),
			})
		},
		question: strings.Repeat("a.", 110) + "org A", status: resolver.Bogus, reason: "hash",
		signatures: 8, work: 8, hashes: maxHashes + 1, fetches: 6,
	}}
}

// TestAttackZones: each ends in a clear status, after a bounded number of the
// steps that cost time.
func TestAttackZones(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			v := a.zones(t).validator(t)
			got, why, stats := spent(t, v, a.question)
			if got.Status != a.status || !strings.Contains(why, a.reason) {
				t.Errorf("got %s (%s), want %s (…%s…)", got.Status, why, a.status, a.reason)
			}
			have := [...]int{int(stats.Signatures), int(stats.Work), int(stats.Hashes), int(stats.Fetches)}
			most := [...]int{a.signatures, a.work, a.hashes, a.fetches}
			for i := range have {
				if have[i] > most[i] {
					t.Errorf("signatures, work, hashes, fetches: got %v, want at most %v", have, most)
					break
				}
			}
		})
	}
}

// TestSlowChainPasses: slow algorithms alone are no attack.
func TestSlowChainPasses(t *testing.T) {
	specs := []zoneSpec{{origin: ".", alg: dns.ECDSAP384SHA384}}
	origin := ""
	for range 5 {
		origin = "z." + origin
		specs = append(specs, zoneSpec{origin: origin, text: "mx A 192.0.2.1\n", alg: dns.ECDSAP384SHA384, denial: zonesign.NSEC3})
	}
	for question, want := range map[string]outcome{"mx." + origin + " A": secure("192.0.2.1"), "nope." + origin + " A": secureNX()} {
		if got, why := askReason(t, plant(t, specs...).validator(t), question); got != want {
			t.Errorf("%s: got %+v (%s), want %+v", question, got, why, want)
		}
	}
}

// BenchmarkAttackZones is the whole cost of one lookup by a validator that knows
// nothing yet; "none" is a zone without an attack.
func BenchmarkAttackZones(b *testing.B) {
	none := attack{name: "none", zones: func(t testing.TB) *tree {
		return plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: exampleZone})
	}, question: "mx.org A"}
	for _, a := range append(attacks(), none) {
		b.Run(a.name, func(b *testing.B) {
			tr := a.zones(b)
			source := &canned{tr.World, make(map[resolver.Question]*resolver.Reply)}
			var last outcome
			b.ReportAllocs()
			for b.Loop() {
				v := tr.validator(b)
				v.Source = source
				last = ask(b, v, a.question)
			}
			if last.Status != cmp.Or(a.status, resolver.Secure) {
				b.Error(last)
			}
		})
	}
}
