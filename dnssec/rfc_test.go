package dnssec

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// exampleText is the zone of RFC 4035, Appendix A, and of RFC 5155, Appendix A,
// in their shape: signed and unsigned delegations, a wildcard, empty
// non-terminals.
const exampleText = `
@      SOA   ns1 bugs.x.w 1 3600 300 3600000 3600
@      NS    ns1
@      NS    ns2
@      MX    1 xx
ns1.a  A     192.0.2.5
ns2.a  A     192.0.2.6
ai     A     192.0.2.9
ai     AAAA  2001:db8::9
ns1.b  A     192.0.2.7
ns2.b  A     192.0.2.8
ns1    A     192.0.2.1
ns2    A     192.0.2.2
*.w    MX    1 ai
x.w    MX    1 xx
x.y.w  MX    1 xx
xx     A     192.0.2.10
xx     AAAA  2001:db8::10
`

func appendixTree(t testing.TB, denial zonesign.Denial) *tree {
	return plant(t,
		zoneSpec{origin: "."},
		zoneSpec{origin: "example.", text: exampleText, denial: denial, iterations: 12, salt: "aabbccdd"},
		zoneSpec{origin: "a.example.", text: "mc A 192.0.2.20\n", denial: denial},
		zoneSpec{origin: "b.example.", text: "mc A 192.0.2.30\n", unsigned: true},
	)
}

type appendixRow struct {
	name     string
	question string
	want     outcome
}

// appendixRows are the cases of RFC 4035, Appendix B and RFC 5155, Appendix B.
func appendixRows(denial zonesign.Denial) []appendixRow {
	nx, wild, none := secureNX(), secure("1 ai.example."), secure()
	if denial == zonesign.OptOut {
		// RFC 5155, Section 9.2: opt-out leaves such answers unproven.
		nx.Status, wild.Status, none.Status = resolver.Insecure, resolver.Insecure, resolver.Insecure
	}
	return []appendixRow{
		{"4035_B.1_answer", "x.w.example MX", secure("1 xx.example.")},
		{"4035_B.2_name_error", "ml.example A", nx},
		{"5155_B.1_name_error", "a.c.x.w.example A", nx},
		{"4035_B.3_no_data", "ns1.example MX", secure()},
		{"5155_B.2.1_empty_non_terminal", "y.w.example A", secure()},
		{"4035_B.4_signed_zone", "mc.a.example A", secure("192.0.2.20")},
		{"4035_B.5_unsigned_zone", "mc.b.example A", insecure("192.0.2.30")},
		{"5155_B.3_unsigned_zone", "mc.b.example MX", insecure()},
		{"4035_B.6_wildcard", "a.z.w.example MX", wild},
		{"4035_B.7_wildcard_no_data", "a.z.w.example AAAA", none},
		{"4035_B.8_ds_at_the_parent", "example DS", secure(aDS)},
		{"signed_ds", "a.example DS", secure(aDS)},
		{"unsigned_ds", "b.example DS", none},
		{"glue_does_not_count", "ns1.a.example A", nx},
	}
}

const aDS = "a DS record" // which one follows from the keys

func TestAppendixB(t *testing.T) {
	for kind, denial := range denials3 {
		v := appendixTree(t, denial).validator(t)
		v.NoAggressive = true
		for _, row := range appendixRows(denial) {
			t.Run(kind+"/"+row.name, func(t *testing.T) {
				got, why := askReason(t, v, row.question)
				if row.want.Records == aDS && got.Records != "" {
					row.want.Records = got.Records
				}
				if got != row.want {
					t.Errorf("%s: got %+v (%s), want %+v", row.question, got, why, row.want)
				}
			})
		}
	}
}

var denials3 = map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3, "optout": zonesign.OptOut}

// TestDropEach leaves each set of each reply out once, and each signature. What
// remains is the same answer or none, never another one.
func TestDropEach(t *testing.T) {
	for kind, denial := range denials3 {
		t.Run(kind, func(t *testing.T) {
			tr := appendixTree(t, denial)
			for _, row := range appendixRows(denial) {
				want := ask(t, tr.validator(t), row.question)
				for drop := 0; ; drop++ {
					n, left := 0, true
					tr.Tamper = func(_ resolver.Question, m *dns.Msg) *dns.Msg {
						m = m.Copy()
						for _, section := range []*[]dns.RR{&m.Answer, &m.Ns} {
							*section = slices.DeleteFunc(*section, func(dns.RR) bool { n++; return n-1 == drop })
						}
						return m
					}
					got, why := askReason(t, tr.validator(t), row.question)
					tr.Tamper = nil
					if left = n > drop; !left {
						break
					}
					unproven := got.Status != resolver.Secure && want.Status == resolver.Insecure
					if got != want && got.Status != resolver.Bogus && !unproven {
						t.Errorf("%s without record %d: got %+v (%s), want %+v or bogus", row.question, drop, got, why, want)
					}
				}
			}
		})
	}
}

// TestHash has the values of RFC 5155, Appendix A.
func TestHash(t *testing.T) {
	b := newBudget()
	c := checker{now: testNow, budget: &b}
	s := nsec3s{checker: &c, zone: "\x07example\x00", params: hashParams{12, "\xaa\xbb\xcc\xdd"}}
	for domain, want := range map[string]string{
		"example":       "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom",
		"a.example":     "35mthgpgcu1qg68fab165klnsnk3dpvl",
		"ai.example":    "gjeqe526plbf1g8mklp59enfd789njgi",
		"ns1.example":   "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
		"ns2.example":   "q04jkcevqvmu85r014c7dkba38o0ji5r",
		"w.example":     "k8udemvp1j2f7eg6jebps17vp3n8i58h",
		"*.w.example":   "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
		"x.w.example":   "b4um86eghhds6nea196smvmlo4ors995",
		"Y.W.example":   "ji6neoaepv8b5o6k4ev33abha8ht9fgc",
		"x.y.w.example": "2vptu5timamqttgl4luu9kg21e0aor3s",
		"xx.example":    "t644ebqk9bibcna874givr6joj62mlhv",
	} {
		n, _ := parseName(domain)
		got, f := s.hash(n)
		want, _ := decodeHash(want)
		if f != nil || got != want {
			t.Errorf("%s: got %x, want %x", domain, got, want)
		}
	}
}

// TestBroken breaks one thing in the tree and asks for what rests on it.
func TestBroken(t *testing.T) {
	const (
		expired, early, dnskeyMissing = dns.ExtendedErrorCodeSignatureExpired, dns.ExtendedErrorCodeSignatureNotYetValid, dns.ExtendedErrorCodeDNSKEYMissing
		rrsigs, plain, nsecMissing    = dns.ExtendedErrorCodeRRSIGsMissing, dns.ExtendedErrorCodeDNSBogus, dns.ExtendedErrorCodeNSECMissing
	)
	old := testNow.AddDate(0, 0, -14)
	stranger := newKey(t, "example.org.", dns.ECDSAP256SHA256, zonesign.ZSK, "stranger")
	type zones map[string]*zonesign.Signed
	for _, row := range []struct {
		name     string
		spoil    func(z zones)
		question string
		ede      uint16
		says     string
	}{
		{
			"expired", func(z zones) {
				z["example.org."].Resign("mx.example.org.", dns.TypeA, testBegin.AddDate(0, -1, 0), old)
			},
			"mx.example.org A", expired, "the signature over mx.example.org A expired on 2026-03-01; zone example.org",
		},
		{
			"not_yet", func(z zones) {
				z["example.org."].Resign("mx.example.org.", dns.TypeA, testNow.AddDate(0, 0, 5), testExpiry)
			},
			"mx.example.org A", early, "the signature over mx.example.org A is not valid before 2026-03-20; zone example.org",
		},
		{
			"backwards", func(z zones) { z["example.org."].Resign("mx.example.org.", dns.TypeA, testExpiry, testBegin) },
			"mx.example.org A", dns.ExtendedErrorCodeSignatureExpiredBeforeValid, "expires before it begins",
		},
		{
			"wrong", func(z zones) { z["example.org."].Corrupt("mx.example.org.", dns.TypeA) },
			"mx.example.org A", plain, "does not match the records; zone example.org",
		},
		{
			"missing", func(z zones) { z["example.org."].Strip("mx.example.org.", dns.TypeA) },
			"mx.example.org A", rrsigs, "mx.example.org A has no signature, yet zone example.org is signed",
		},
		{
			"swapped", func(z zones) { z["example.org."].Swap("mx.example.org.", "sub.host.example.org.", dns.TypeA) },
			"mx.example.org A", plain, "counts 4 labels",
		},
		{
			"stranger", func(z zones) { z["example.org."].ResignAs(stranger, "mx.example.org.", dns.TypeA) },
			"mx.example.org A", dnskeyMissing, "which zone example.org does not have",
		},
		{
			"data", func(z zones) {
				z["example.org."].Replace("mx.example.org.", dns.TypeA, rr(t, "mx.example.org. A 192.0.2.66"))
			},
			"mx.example.org A", plain, "does not match",
		},
		{
			"denial_signature", func(z zones) { z["example.org."].Corrupt("mx.example.org.", dns.TypeNSEC) },
			"mx.example.org AAAA", plain, "mx.example.org NSEC",
		},
		{
			"denial_missing", func(z zones) { z["example.org."].Remove("mx.example.org.", dns.TypeNSEC) },
			"mx.example.org AAAA", nsecMissing, "does not prove that mx.example.org AAAA does not exist",
		},
		{
			"all_signatures_missing", func(z zones) { z["example.org."].StripAll() },
			"mx.example.org A", rrsigs, "example.org DNSKEY has no signature",
		},
		{
			"keys_missing", func(z zones) { z["example.org."].Remove("example.org.", dns.TypeDNSKEY) },
			"mx.example.org A", dnskeyMissing, "zone example.org has DS records in its parent zone but serves no keys",
		},
		{
			"keys_expired", func(z zones) {
				z["example.org."].Resign("example.org.", dns.TypeDNSKEY, testBegin.AddDate(0, -1, 0), old)
			},
			"mx.example.org A", expired, "the signature over example.org DNSKEY expired on 2026-03-01",
		},
		{
			"ds_signature", func(z zones) { z["org."].Corrupt("example.org.", dns.TypeDS) },
			"mx.example.org A", plain, "example.org DS",
		},
		{
			"ds_unsigned", func(z zones) { z["org."].Strip("example.org.", dns.TypeDS) },
			"mx.example.org A", rrsigs, "example.org DS has no signature",
		},
		{
			"ds_missing", func(z zones) { z["org."].Remove("example.org.", dns.TypeDS) },
			"mx.example.org A", nsecMissing, "zone org does not prove that example.org has no DS records",
		},
		{
			"ds_of_other_key", func(z zones) {
				z["org."].Replace("example.org.", dns.TypeDS, stranger.DS(2))
				resign(t, z["org."], "example.org.", dns.TypeDS)
			},
			"mx.example.org A", dnskeyMissing, "no key of zone example.org matches its DS records in the parent zone",
		},
		{
			"insecure_forged", func(z zones) { z["org."].Corrupt("plain.org.", dns.TypeNSEC) },
			"mx.plain.org A", plain, "plain.org NSEC",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			tr := tallTree(t, zonesign.NSEC)
			row.spoil(tr.zones)
			got, why := askReason(t, tr.validator(t), row.question)
			if want := isBogus(row.ede); got != want || !strings.Contains(why, row.says) {
				t.Errorf("got %+v: %s\nwant %+v: %s", got, why, want, row.says)
			}
		})
	}
}

func rr(t testing.TB, line string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(line)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func resign(t testing.TB, z *zonesign.Signed, owner string, typ uint16) {
	t.Helper()
	if err := z.Resign(owner, typ, testBegin, testExpiry); err != nil {
		t.Fatal(err)
	}
}

func TestAlgorithms(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048) // one for all: they are slow to make
	if err != nil {
		t.Fatal(err)
	}
	for alg, want := range map[uint8]outcome{
		dns.RSASHA256:        secure("192.0.2.1"),
		dns.RSASHA512:        secure("192.0.2.1"),
		dns.ECDSAP256SHA256:  secure("192.0.2.1"),
		dns.ECDSAP384SHA384:  secure("192.0.2.1"),
		dns.ED25519:          secure("192.0.2.1"),
		dns.RSASHA1:          {resolver.Insecure, 0, "192.0.2.1", int(dns.ExtendedErrorCodeUnsupportedDNSKEYAlgorithm)},
		dns.RSASHA1NSEC3SHA1: {resolver.Insecure, 0, "192.0.2.1", int(dns.ExtendedErrorCodeUnsupportedDNSKEYAlgorithm)},
	} {
		t.Run(fmt.Sprint(alg), func(t *testing.T) {
			spec := zoneSpec{origin: "org.", alg: alg, text: exampleZone}
			if alg <= dns.RSASHA512 {
				key, err := zonesign.KeyFrom("org.", alg, zonesign.KSK, private)
				if err != nil {
					t.Fatal(err)
				}
				spec.keys = []*zonesign.Key{key}
			}
			tr := plant(t, zoneSpec{origin: "."}, spec)
			if got, why := askReason(t, tr.validator(t), "mx.org A"); got != want {
				t.Errorf("got %+v (%s), want %+v", got, why, want)
			}
			v := tr.validator(t)
			v.AcceptSHA1 = true
			if got := ask(t, v, "mx.org A"); got != secure("192.0.2.1") {
				t.Errorf("with SHA-1: got %+v", got)
			}
		})
	}
}
