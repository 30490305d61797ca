package zonefile

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// plainZone is a zone without its chain of denial. Its NSEC records are given in
// canonical order.
const plainZone = `
$ORIGIN example.
$TTL 300
@       SOA ns host 1 2 3 4 60
        NS ns
        DNSKEY 257 3 13 AA==
ns      A 192.0.2.1
x.ent   TXT "below an empty non-terminal"
*.w     TXT "wild"
secure  NS ns.secure
        DS 1 13 2 00
open    NS ns.open
`

// signature returns a line with a signature that proves nothing.
func signature(owner, typ, signer string) string {
	return fmt.Sprintf("%s 300 RRSIG %s 13 1 300 20300101000000 20200101000000 1 %s AA==\n", owner, typ, signer)
}

func nsecZone() *Zones {
	text := plainZone
	names := []string{"example.", "x.ent.example.", "ns.example.", "open.example.", "secure.example.", "*.w.example."}
	types := []string{"SOA NS DNSKEY", "TXT", "A", "NS", "NS DS", "TXT"}
	for i, n := range names {
		text += fmt.Sprintf("%s NSEC %s %s RRSIG NSEC\n", n, names[(i+1)%len(names)], types[i])
		text += signature(n, "NSEC", "example.")
	}
	text += signature("example.", "SOA", "example.") + signature("secure.example.", "DS", "example.") +
		signature("*.w.example.", "TXT", "example.")
	// The child at the cut, in the same file.
	text += "secure.example. SOA ns host 1 2 3 4 60\nsecure.example. NSEC secure.example. NS SOA RRSIG NSEC\n" +
		signature("secure.example.", "NSEC", "secure.example.")
	return FromText(text)
}

// nsec3Zone leaves the unsigned delegation out of its chain (opt-out).
func nsec3Zone() *Zones {
	text := plainZone + "example. NSEC3PARAM 1 0 2 AABB\n"
	type link struct{ hash, types string }
	var chain []link
	for name, types := range map[string]string{
		"example.": "SOA NS DNSKEY NSEC3PARAM", "ns.example.": "A", "ent.example.": "", "x.ent.example.": "TXT",
		"w.example.": "", "*.w.example.": "TXT", "secure.example.": "NS DS",
	} {
		chain = append(chain, link{dns.HashName(name, 1, 2, "AABB"), types})
	}
	sort.Slice(chain, func(i, j int) bool { return chain[i].hash < chain[j].hash })
	for i, l := range chain {
		text += fmt.Sprintf("%s.example. NSEC3 1 1 2 AABB %s %s\n", l.hash, chain[(i+1)%len(chain)].hash, l.types)
		text += signature(l.hash+".example.", "NSEC3", "example.")
	}
	return FromText(text)
}

// proof returns the code, and the owners and types of the authority section.
func proof(t *testing.T, z *Zones, name string, typ resolver.Type) string {
	t.Helper()
	r, err := z.Fetch(t.Context(), resolver.Question{Name: name, Type: typ})
	if err != nil {
		t.Fatal(err)
	}
	out := []string{dns.RcodeToString[r.Msg.Rcode]}
	for _, rr := range r.Msg.Ns {
		if s, ok := rr.(*dns.RRSIG); ok {
			out[len(out)-1] += "+sig"
			if s.TypeCovered != dns.StringToType[strings.TrimSuffix(strings.Fields(out[len(out)-1])[1], "+sig")] {
				t.Errorf("a signature over %d follows %s", s.TypeCovered, out[len(out)-1])
			}
			continue
		}
		owner := rr.Header().Name
		out = append(out, owner+" "+dns.TypeToString[rr.Header().Rrtype])
	}
	return strings.Join(out, ", ")
}

const soa = ", example. SOA+sig"

func TestNSEC(t *testing.T) {
	z := nsecZone()
	for _, tt := range []struct {
		name string
		typ  resolver.Type
		want string
	}{
		{"ns.example", resolver.TypeTXT, "NOERROR" + soa + ", ns.example. NSEC+sig"},
		{"ent.example", resolver.TypeTXT, "NOERROR" + soa + ", example. NSEC+sig"},
		{"a.example", resolver.TypeTXT, "NXDOMAIN" + soa + ", example. NSEC+sig"},
		{"p.example", resolver.TypeTXT, "NXDOMAIN" + soa + ", open.example. NSEC+sig, example. NSEC+sig"},
		{"zz.example", resolver.TypeTXT, "NXDOMAIN" + soa + ", *.w.example. NSEC+sig, example. NSEC+sig"},
		{"a.w.example", resolver.TypeTXT, "NOERROR, *.w.example. NSEC+sig"},
		{"a.w.example", resolver.TypeA, "NOERROR" + soa + ", *.w.example. NSEC+sig"},
		{"a.open.example", resolver.TypeA, "NOERROR, open.example. NS, open.example. NSEC+sig"},
		{"open.example", resolver.TypeDS, "NOERROR" + soa + ", open.example. NSEC+sig"},
		{"secure.example", resolver.TypeMX, "NOERROR, secure.example. SOA, secure.example. NSEC+sig"},
		{"example", resolver.TypeDS, "NOERROR" + soa + ", example. NSEC+sig"},
	} {
		t.Run(tt.name+"/"+tt.typ.String(), func(t *testing.T) {
			if got := proof(t, z, tt.name, tt.typ); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	want := "NOERROR\nsecure.example. DS 1 13 2 00\nsecure.example. RRSIG DS 13 1 300 20300101000000 20200101000000 1 example. AA=="
	if d := cmp.Diff(ask(t, z, "secure.example", resolver.TypeDS), want); d != "" {
		t.Errorf("DS at the parent: got (-), want (+):\n%s", d)
	}
	want = "NOERROR\na.w.example. TXT \"wild\"\na.w.example. RRSIG TXT 13 1 300 20300101000000 20200101000000 1 example. AA=="
	if got := ask(t, z, "a.w.example", resolver.TypeTXT); !strings.HasPrefix(got, want) {
		t.Errorf("wildcard: got %s, want %s", got, want)
	}
}

func TestNSEC3(t *testing.T) {
	z := nsec3Zone()
	for _, tt := range []struct {
		name string
		typ  resolver.Type
		need []string // matched, and covered with ^, besides the SOA
	}{
		{"ns.example", resolver.TypeTXT, []string{"ns.example"}},
		{"ent.example", resolver.TypeTXT, []string{"ent.example"}},
		{"a.b.example", resolver.TypeTXT, []string{"example", "^b.example", "^*.example"}},
		{"a.w.example", resolver.TypeTXT, []string{"^a.w.example"}},
		{"a.w.example", resolver.TypeA, []string{"w.example", "^a.w.example", "*.w.example"}},
		{"open.example", resolver.TypeDS, []string{"example", "^open.example"}},
		{"a.open.example", resolver.TypeA, []string{"example", "^open.example"}},
		{"secure.example", resolver.TypeDS, nil},
	} {
		t.Run(tt.name+"/"+tt.typ.String(), func(t *testing.T) {
			r, err := z.Fetch(t.Context(), resolver.Question{Name: tt.name, Type: tt.typ})
			if err != nil {
				t.Fatal(err)
			}
			n, signed := 0, 0
			missing := slices.Clone(tt.need)
			for _, rr := range r.Msg.Ns {
				switch rr := rr.(type) {
				case *dns.RRSIG:
					if rr.TypeCovered == dns.TypeNSEC3 {
						signed++
					}
				case *dns.NSEC3:
					n++
					missing = slices.DeleteFunc(missing, func(s string) bool { return proves(rr, s) })
				}
			}
			if len(missing) > 0 || n > len(tt.need) || signed != n {
				t.Errorf("%d records, %d signatures, not proven %v, in:\n%v", n, signed, missing, r.Msg)
			}
		})
	}
}

// proves reports whether rr matches the name, or covers it where it begins
// with ^.
func proves(rr *dns.NSEC3, name string) bool {
	name, covers := strings.CutPrefix(name, "^")
	h := dns.HashName(dns.Fqdn(name), rr.Hash, rr.Iterations, rr.Salt)
	owner := strings.ToUpper(rr.Hdr.Name[:32])
	if !covers {
		return h == owner
	}
	if rr.NextDomain <= owner {
		return h > owner || h < rr.NextDomain
	}
	return owner < h && h < rr.NextDomain
}

func TestCanonicalOrder(t *testing.T) {
	// RFC 4034, Section 6.1.
	names := []string{
		"example", "a.example", "yljkjljk.a.example", "Z.a.example", "zABC.a.EXAMPLE", "z.example",
		`\001.z.example`, "*.z.example", `\200.z.example`,
	}
	for i := 1; i < len(names); i++ {
		a, b := canonicalKey(resolver.CanonicalName(names[i-1])), canonicalKey(resolver.CanonicalName(names[i]))
		if a >= b {
			t.Errorf("%s does not sort before %s", names[i-1], names[i])
		}
	}
	if canonicalKey(`a\000.example`) <= canonicalKey("a.example") || canonicalKey(`\000.a.example`) >= canonicalKey(`a\000.example`) {
		t.Error("a zero byte sorts as the end of a label")
	}
}
