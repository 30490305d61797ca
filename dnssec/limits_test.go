package dnssec

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// spent asks a question and returns the outcome with the work that the
// validator did for it.
func spent(t *testing.T, v *Validator, question string) (outcome, string, Stats) {
	t.Helper()
	got, why := askReason(t, v, question)
	return got, why, v.Stats()
}

// collide returns copies of a key that have its tag and its algorithm and are
// other keys: two words of the public key change places, which the sum of RFC
// 4034, Appendix B does not see.
func collide(k *zonesign.Key, n int) []dns.RR {
	var out []dns.RR
	b, _ := base64.StdEncoding.DecodeString(k.DNSKEY.PublicKey)
	for x := 0; x < len(b); x += 2 {
		for y := x + 2; y < len(b) && len(out) < n; y += 2 {
			c := dns.Copy(k.DNSKEY).(*dns.DNSKEY)
			p := append([]byte(nil), b...)
			p[x], p[x+1], p[y], p[y+1] = p[y], p[y+1], p[x], p[x+1]
			c.PublicKey = base64.StdEncoding.EncodeToString(p)
			if c.KeyTag() == k.DNSKEY.KeyTag() {
				out = append(out, c)
			}
		}
	}
	return out
}

// TestKeysPerTag is one half of KeyTrap: many keys with the tag of the signature.
// P-256 points that are not on the curve cost nothing, so Ed25519 is used, of
// which every other string is a key.
func TestKeysPerTag(t *testing.T) {
	ksk := newKey(t, "org.", dns.ED25519, zonesign.KSK, "k")
	zsk := newKey(t, "org.", dns.ED25519, zonesign.ZSK, "z")
	for _, row := range []struct {
		keys int
		want resolver.Status
	}{{maxKeysPerTag - 1, resolver.Bogus}, {maxKeysPerTag + 8, resolver.Bogus}} {
		tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
			origin: "org.", text: exampleZone, keys: []*zonesign.Key{ksk, zsk}, ds: ksk.DS(2).String(),
		})
		for _, k := range collide(zsk, row.keys) {
			tr.zones["org."].Add(k)
		}
		resign(t, tr.zones["org."], "org.", dns.TypeDNSKEY)
		tr.zones["org."].Corrupt("mx.org.", dns.TypeA)
		got, why, stats := spent(t, tr.validator(t), "mx.org A")
		if got.Status != row.want || stats.Signatures > 4+maxKeysPerTag {
			t.Errorf("%d keys: got %+v (%s), %d signatures checked", row.keys, got, why, stats.Signatures)
		}
	}
}

// TestSignaturesPerSet is the other half of KeyTrap: a thousand signatures over
// one set, all wrong.
func TestSignaturesPerSet(t *testing.T) {
	for _, n := range []int{maxSignaturesPerSet - 1, 1000} {
		tr := tallTree(t, zonesign.NSEC)
		z := tr.zones["example.org."]
		good := z.Signatures("mx.example.org.", dns.TypeA)[0]
		sigs := make([]*dns.RRSIG, n)
		for i := range sigs {
			c := dns.Copy(good).(*dns.RRSIG)
			raw, _ := base64.StdEncoding.DecodeString(c.Signature)
			raw[i%32] ^= byte(1 + i/32)
			c.Signature = base64.StdEncoding.EncodeToString(raw)
			sigs[i] = c
		}
		z.SetSignatures("mx.example.org.", dns.TypeA, append(sigs, good))
		got, why, stats := spent(t, tr.validator(t), "mx.example.org A")
		want := secure("192.0.2.1")
		if n >= maxSignaturesPerSet {
			want = isBogus(dns.ExtendedErrorCodeDNSBogus)
		}
		if got != want || stats.Signatures > 5+maxSignaturesPerSet {
			t.Errorf("%d wrong ones: got %+v (%s), %d signatures checked", n, got, why, stats.Signatures)
		}
	}
}

// TestDSFailures has DS records that name the tag of a key but not the key.
func TestDSFailures(t *testing.T) {
	key := newKey(t, "org.", dns.ECDSAP256SHA256, zonesign.KSK, "ds")
	for _, n := range []int{maxDSFailures, maxDSFailures + 1} {
		var ds strings.Builder
		for i := range n {
			d := key.DS(dns.SHA256)
			d.Digest = fmt.Sprintf("%064x", i) // sorts before the right one in text, not on purpose
			ds.WriteString(d.String() + "\n")
		}
		ds.WriteString(key.DS(dns.SHA256).String() + "\n")
		tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
			origin: "org.", text: exampleZone, keys: []*zonesign.Key{key}, ds: ds.String(),
		})
		want := secure("192.0.2.1")
		if n > maxDSFailures {
			want = isBogus(dns.ExtendedErrorCodeDNSBogus)
		}
		if got, why := askReason(t, tr.validator(t), "mx.org A"); got != want {
			t.Errorf("%d: got %+v (%s), want %+v", n, got, why, want)
		}
	}
}

func TestKeysPerSet(t *testing.T) {
	for _, n := range []int{maxKeys, maxKeys + 1} {
		var keys []*zonesign.Key
		for i := range n {
			keys = append(keys, newKey(t, "org.", dns.ED25519, zonesign.KSK, fmt.Sprint(i)))
		}
		keys[0].DNSKEY.Flags = zonesign.KSK
		tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
			origin: "org.", text: "mx A 192.0.2.1\n", keys: keys, ds: keys[0].DS(2).String(),
		})
		z := tr.zones["org."]
		for _, typ := range []uint16{dns.TypeDNSKEY, dns.TypeA} {
			owner := map[uint16]string{dns.TypeDNSKEY: "org.", dns.TypeA: "mx.org."}[typ]
			if err := z.ResignAs(keys[0], owner, typ); err != nil {
				t.Fatal(err)
			}
		}
		want := secure("192.0.2.1")
		if n > maxKeys {
			want = isBogus(dns.ExtendedErrorCodeDNSBogus)
		}
		if got, why := askReason(t, tr.validator(t), "mx.org A"); got != want {
			t.Errorf("%d: got %+v (%s), want %+v", n, got, why, want)
		}
	}
}

// TestSignatureBudget spends all of a lookup's signatures on one RRset after
// the other.
func TestSignatureBudget(t *testing.T) {
	b := newBudget()
	c := checker{now: testNow, budget: &b}
	tr := tallTree(t, zonesign.NSEC)
	z := tr.zones["example.org."]
	zone := &keySet{zone: "\x07example\x03org\x00", keys: zoneKeys(z.Records("example.org.", dns.TypeDNSKEY))}
	set := &rrset{owner: "\x02mx" + zone.zone, typ: dns.TypeA, rrs: z.Records("mx.example.org.", dns.TypeA)}
	set.sigs = z.Signatures("mx.example.org.", dns.TypeA)
	for i := range maxSignaturesPerLookup {
		if _, f := c.verify(set, zone); f != nil {
			t.Fatalf("signature %d: %s", i, f.text)
		}
	}
	if _, f := c.verify(set, zone); f == nil || f.verdict != overLimit {
		t.Errorf("one more: %+v", f)
	}
}

// TestIterations: a zone may not make us hash at will (CVE-2023-50868).
func TestIterations(t *testing.T) {
	iter := int(dns.ExtendedErrorCodeUnsupportedNSEC3IterValue)
	insecureNX := outcome{resolver.Insecure, resolver.NXDomain, "", iter}
	for _, row := range []struct {
		iterations uint16
		want       outcome
	}{
		{0, secureNX()},
		{maxSecureIterations, secureNX()},
		{maxSecureIterations + 1, insecureNX},
		{maxIterations, insecureNX},
		{maxIterations + 1, outcome{resolver.Bogus, resolver.ServFail, "", iter}},
		{2500, outcome{resolver.Bogus, resolver.ServFail, "", iter}},
	} {
		tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
			origin: "org.", text: exampleZone, denial: zonesign.NSEC3, iterations: row.iterations, salt: "abcd",
		})
		got, why, stats := spent(t, tr.validator(t), "a.b.c.d.e.f.nope.org A")
		if got != row.want || stats.Hashes > maxHashes {
			t.Errorf("%d: got %+v (%s), want %+v", row.iterations, got, why, row.want)
		}
	}
}

// TestHashBudget denies a name of so many labels that the closest encloser is
// too far away.
func TestHashBudget(t *testing.T) {
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: exampleZone, denial: zonesign.NSEC3})
	for _, row := range []struct {
		labels int
		want   outcome
	}{{34, secureNX()}, {110, isBogus(dns.ExtendedErrorCodeDNSBogus)}} { // an address under ip6.arpa has 34
		got, why, stats := spent(t, tr.validator(t), strings.Repeat("a.", row.labels)+"org A")
		if got != row.want || stats.Hashes > maxHashes+1 {
			t.Errorf("%d labels: got %+v (%s), %d hashes, want %+v", row.labels, got, why, stats.Hashes, row.want)
		}
	}
}

func TestSaltLimit(t *testing.T) {
	for _, bytes := range []int{maxSalt, maxSalt + 1} {
		tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
			origin: "org.", text: exampleZone, denial: zonesign.NSEC3, salt: strings.Repeat("ab", bytes),
		})
		want := secureNX()
		if bytes > maxSalt {
			want = isBogus(dns.ExtendedErrorCodeNSECMissing)
		}
		if got, why := askReason(t, tr.validator(t), "nope.org A"); got != want {
			t.Errorf("%d: got %+v (%s), want %+v", bytes, got, why, want)
		}
	}
}

func TestDenialSets(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	tr.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if q.Name == "mx.example.org" {
			for _, line := range tr.zones["example.org."].Lines() {
				r := rr(t, line)
				if sig, ok := r.(*dns.RRSIG); r.Header().Rrtype == dns.TypeNSEC || ok && sig.TypeCovered == dns.TypeNSEC {
					m.Ns = append(m.Ns, r)
				}
			}
		}
		return m
	}
	if got, want := ask(t, tr.validator(t), "mx.example.org AAAA"), isBogus(dns.ExtendedErrorCodeDNSBogus); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSetLimits(t *testing.T) {
	var records, owners []dns.RR
	for i := range maxSetRecords + 1 {
		records = append(records, rr(t, fmt.Sprintf("a. A 192.0.%d.%d", i/256, i%256)))
	}
	for i := range maxSets + 1 {
		owners = append(owners, rr(t, fmt.Sprintf("a%d. A 192.0.2.1", i)))
	}
	for name, section := range map[string][]dns.RR{"records": records, "sets": owners} {
		if _, f := group(section); f == nil || f.verdict != overLimit {
			t.Errorf("%s: one too many was taken", name)
		}
		if _, f := group(section[1:]); f != nil {
			t.Errorf("%s: %s", name, f.text)
		}
	}
}

func TestAliasLimit(t *testing.T) {
	for _, n := range []int{maxAliases, maxAliases + 1} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "a%d CNAME a%d\n", i, i+1)
		}
		fmt.Fprintf(&text, "a%d A 192.0.2.1\n", n)
		tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: text.String()})
		_, err := tr.validator(t).Lookup(context.Background(), "a0.org", resolver.TypeA)
		var e *resolver.Error
		if n <= maxAliases && err != nil || n > maxAliases && (!errors.As(err, &e) || e.Reason != resolver.Limit) {
			t.Errorf("%d aliases: %v", n, err)
		}
	}
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: "a CNAME b\nb CNAME a\ntree DNAME x.tree\n"})
	for _, question := range []string{"a.org", "y.tree.org"} {
		_, err := tr.validator(t).Lookup(context.Background(), question, resolver.TypeA)
		var e *resolver.Error
		if !errors.As(err, &e) || e.Reason != resolver.Limit && e.Reason != resolver.BogusAnswer {
			t.Errorf("%s: %v", question, err)
		}
	}
}

// TestFetchLimit walks down an unsigned-looking name in a signed zone, of which
// every label exists.
func TestFetchLimit(t *testing.T) {
	deep := strings.Repeat("a.", 110) + "x"
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: deep + " A 192.0.2.1\n"})
	tr.zones["org."].Strip(deep+".org.", dns.TypeA)
	v := tr.validator(t)
	_, err := v.Lookup(context.Background(), deep+".org", resolver.TypeA)
	var e *resolver.Error
	if !errors.As(err, &e) || e.Reason != resolver.Limit {
		t.Errorf("got %v", err)
	}
	if n := v.Stats().Fetches; n > maxFetches+1 {
		t.Errorf("%d fetches", n)
	}
}

// TestRSASizes: a key that cannot be used makes its zone insecure, if there is
// no other.
func TestRSASizes(t *testing.T) {
	odd := func(bits int) []byte {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return n.SetBit(n, 0, 1).Bytes()
	}
	for name, row := range map[string]struct {
		key []byte
		ok  bool
	}{
		"smallest":     {append([]byte{3, 1, 0, 1}, odd(minRSABits)...), true},
		"largest":      {append([]byte{3, 1, 0, 1}, odd(maxRSABits)...), true},
		"too_small":    {append([]byte{3, 1, 0, 1}, odd(minRSABits-1)...), false},
		"too_large":    {append([]byte{3, 1, 0, 1}, odd(maxRSABits+1)...), false},
		"exponent":     {append([]byte{5, 1, 0, 0, 0, 1}, odd(2048)...), false},
		"exponent_1":   {append([]byte{1, 1}, odd(2048)...), false},
		"padded":       {append([]byte{0, 0, 3, 1, 0, 1, 0}, odd(2048)...), true},
		"no_modulus":   {[]byte{3, 1, 0, 1}, false},
		"no_exponent":  {[]byte{0, 0, 0}, false},
		"empty":        {nil, false},
		"even_modulus": {append([]byte{3, 1, 0, 1}, new(big.Int).Lsh(big.NewInt(1), 2047).Bytes()...), false},
	} {
		if got := parseRSA(row.key) != nil; got != row.ok {
			t.Errorf("%s: taken is %v", name, got)
		}
	}
	key := newKey(t, "org.", dns.ECDSAP256SHA256, zonesign.KSK, "small")
	small := dns.Copy(key.DNSKEY).(*dns.DNSKEY)
	small.Algorithm = dns.RSASHA256
	small.PublicKey = base64.StdEncoding.EncodeToString(append([]byte{3, 1, 0, 1}, odd(512)...))
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
		origin: "org.", text: exampleZone, keys: []*zonesign.Key{key}, ds: small.ToDS(dns.SHA256).String(),
	})
	tr.zones["org."].Add(small)
	want := insecure("192.0.2.1")
	want.EDE = int(dns.ExtendedErrorCodeUnsupportedDNSKEYAlgorithm)
	if got, why := askReason(t, tr.validator(t), "mx.org A"); got != want {
		t.Errorf("512 bits: got %+v (%s), want %+v", got, why, want)
	}
}

// TestBogusTTL: what is bogus is not tried again for a minute, and then it is.
func TestBogusTTL(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	tr.zones["example.org."].Corrupt("example.org.", dns.TypeDNSKEY)
	now := testNow
	v := tr.validator(t)
	v.Time = func() time.Time { return now }
	_, err := v.Lookup(context.Background(), "mx.example.org", resolver.TypeA)
	var e *resolver.Error
	if !errors.As(err, &e) || !e.Answer.Expires.Equal(now.Add(bogusTTL)) {
		t.Fatalf("got %v", err)
	}
	tr.zones["example.org."].Corrupt("example.org.", dns.TypeDNSKEY) // the same bit again: repaired
	if got := ask(t, v, "mx.example.org A"); got.Status != resolver.Bogus {
		t.Errorf("at once: got %+v", got)
	}
	now = now.Add(bogusTTL)
	if got, want := ask(t, v, "mx.example.org A"), secure("192.0.2.1"); got != want {
		t.Errorf("after %s: got %+v, want %+v", bogusTTL, got, want)
	}
}
