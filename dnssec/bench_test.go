package dnssec

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// canned answers from replies made before, so that a benchmark measures the
// validator and not the server.
type canned struct {
	from    resolver.Source
	replies map[resolver.Question]*resolver.Reply
}

func (c *canned) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	if r, ok := c.replies[q]; ok {
		return r, nil
	}
	r, err := c.from.Fetch(ctx, q)
	c.replies[q] = r
	return r, err
}

// BenchmarkLookup asks with the zone keys at hand: positive answers cost one
// signature, denials one for each NSEC or NSEC3 record.
func BenchmarkLookup(b *testing.B) {
	for _, alg := range []uint8{dns.ECDSAP256SHA256, dns.ED25519} {
		for kind, denial := range map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3} {
			for _, question := range []struct{ name, domain string }{
				{"positive", "_25._tcp.mx.org"}, {"nodata", "mx.org"}, {"nxdomain", "nope.org"}, {"unsigned", "_25._tcp.mx.plain"},
			} {
				if question.name == "positive" && kind == "nsec3" {
					continue
				}
				b.Run(fmt.Sprintf("%s/%s/%s", dns.AlgorithmToString[alg], kind, question.name), func(b *testing.B) {
					tr := plant(b, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: exampleZone, denial: denial, alg: alg},
						zoneSpec{origin: "plain.", unsigned: true, text: "_25._tcp.mx TLSA 3 1 1 00\n"})
					v := tr.validator(b)
					v.Source = &canned{tr.World, make(map[resolver.Question]*resolver.Reply)}
					v.NoAggressive = true
					b.ReportAllocs()
					for b.Loop() {
						if _, err := v.Lookup(context.Background(), question.domain, resolver.TypeTLSA); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// BenchmarkVerify is the floor: one signature over data at hand.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []uint8{dns.ECDSAP256SHA256, dns.ED25519} {
		b.Run(dns.AlgorithmToString[alg], func(b *testing.B) {
			tr := plant(b, zoneSpec{origin: ".", alg: alg, text: "mx A 192.0.2.1\n"})
			z := tr.zones["."]
			keys := zoneKeys(z.Records(".", dns.TypeDNSKEY))
			set := &rrset{owner: "\x02mx\x00", typ: dns.TypeA, rrs: z.Records("mx.", dns.TypeA), sigs: z.Signatures("mx.", dns.TypeA)}
			var s scratch
			data, _ := s.signedData(set, set.sigs[0], root)
			raw := decodeBase64(b, set.sigs[0].Signature)
			b.ReportAllocs()
			for b.Loop() {
				for i := range keys {
					if keys[i].tag == set.sigs[0].KeyTag && !keys[i].verify(alg, data, raw) {
						b.Fatal("wrong")
					}
				}
			}
		})
	}
}

// BenchmarkAggressive answers from remembered denials.
func BenchmarkAggressive(b *testing.B) {
	for kind, denial := range map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3} {
		b.Run(kind, func(b *testing.B) {
			v := tallTree(b, denial).validator(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Lookup(context.Background(), "nope.example.org", resolver.TypeTLSA); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkChain proves three zones from nothing: five signatures, one of them
// over the answer.
func BenchmarkChain(b *testing.B) {
	tr := tallTree(b, zonesign.NSEC)
	source := &canned{tr.World, make(map[resolver.Question]*resolver.Reply)}
	anchors := tr.validator(b).Anchors
	b.ReportAllocs()
	for b.Loop() {
		v := &Validator{Source: source, Anchors: anchors, Time: tr.validator(b).Time, NoLookAhead: true}
		if _, err := v.Lookup(context.Background(), "_25._tcp.mx.example.org", resolver.TypeTLSA); err != nil {
			b.Fatal(err)
		}
	}
}

func decodeBase64(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
