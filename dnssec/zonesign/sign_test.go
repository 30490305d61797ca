package zonesign

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestSignatures checks every signature of a zone with the code of miekg/dns.
func TestSignatures(t *testing.T) {
	for _, alg := range []uint8{dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519, dns.RSASHA256} {
		for _, denial := range []Denial{NSEC, NSEC3, OptOut} {
			ksk, err := NewKey("example.", alg, KSK, "k")
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			z, err := Sign(Zone{
				Origin: "example.", Keys: []*Key{ksk}, Denial: denial, Inception: begin, Expiration: begin.Add(time.Hour),
				Text: "a.b.c A 192.0.2.1\nsub NS ns.sub\nns.sub A 192.0.2.2\n*.w MX 1 a\n",
			})
			if err != nil {
				t.Fatal(err)
			}
			for key, rrs := range z.sets {
				sigs := z.sigs[key]
				glue := key.owner == "ns.sub.example." || key.owner == "sub.example." && key.typ == dns.TypeNS
				if glue != (len(sigs) == 0) {
					t.Errorf("%s %s has %d signatures", key.owner, dns.Type(key.typ), len(sigs))
				}
				for _, sig := range sigs {
					if err := sig.Verify(ksk.DNSKEY, rrs); err != nil {
						t.Errorf("%s %s: %v", key.owner, dns.Type(key.typ), err)
					}
				}
			}
		}
	}
}

func TestSignErrors(t *testing.T) {
	for name, z := range map[string]Zone{
		"outside": {Origin: "example.", Text: "www.other. A 192.0.2.1\n"},
		"syntax":  {Origin: "example.", Text: "www A nowhere\n"},
	} {
		if _, err := Sign(z); err == nil || !strings.HasPrefix(err.Error(), "zonesign: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewKey("example.", 3, KSK, ""); err == nil {
		t.Error("a DSA key was made")
	}
}
