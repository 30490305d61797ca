package dnssec

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// forge answers one question with the lines and leaves the others alone.
func (tr *tree) forge(t testing.TB, question string, rcode int, answer, authority []dns.RR) {
	t.Helper()
	tr.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if q.Name+" "+q.Type.String() != question {
			return m
		}
		out := m.Copy()
		out.Rcode, out.Answer, out.Ns = rcode, answer, authority
		return out
	}
}

// replayed are the records that the tree gives for another question.
func (tr *tree) replayed(name string, typ uint16) (answer, authority []dns.RR) {
	m := tr.World.Answer(name, typ)
	return m.Answer, m.Ns
}

// TestRevokedKey: miekg/dns verifies with a revoked key.
func TestRevokedKey(t *testing.T) {
	revoked := newKey(t, "org.", dns.ECDSAP256SHA256, zonesign.Revoked, "revoked")
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
		origin: "org.", text: exampleZone, keys: []*zonesign.Key{revoked}, ds: revoked.DS(2).String(),
	})
	if got, want := ask(t, tr.validator(t), "mx.org A"), isBogus(dns.ExtendedErrorCodeDNSKEYMissing); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestNotZoneKey: without the Zone Key flag a key signs no records (RFC 4034,
// Section 2.1.1).
func TestNotZoneKey(t *testing.T) {
	key := newKey(t, "org.", dns.ECDSAP256SHA256, 0, "no zone key")
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
		origin: "org.", text: exampleZone, keys: []*zonesign.Key{key}, ds: key.DS(2).String(),
	})
	if got, want := ask(t, tr.validator(t), "mx.org A"), isBogus(dns.ExtendedErrorCodeDNSKEYMissing); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestForeignSigner: example.org. must not sign badexample.org., though its
// name ends in the same letters.
func TestForeignSigner(t *testing.T) {
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: "badexample A 192.0.2.1\n"},
		zoneSpec{origin: "example.org.", text: "www A 192.0.2.2\n"})
	example := tr.zones["example.org."]
	org := tr.zones["org."]
	sig := &dns.RRSIG{
		Inception: uint32(testBegin.Unix()), Expiration: uint32(testExpiry.Unix()),
		KeyTag: example.Keys[1].DNSKEY.KeyTag(), SignerName: "example.org.", Algorithm: dns.ECDSAP256SHA256,
	}
	if err := sig.Sign(example.Keys[1].Signer, org.Records("badexample.org.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	org.SetSignatures("badexample.org.", dns.TypeA, []*dns.RRSIG{sig})
	if got, want := ask(t, tr.validator(t), "badexample.org A"), isBogus(dns.ExtendedErrorCodeRRSIGsMissing); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// A parent must not answer for its child either: the DS leads elsewhere.
	www := rr(t, "www.example.org. A 192.0.2.66")
	forged := &dns.RRSIG{
		Inception: uint32(testBegin.Unix()), Expiration: uint32(testExpiry.Unix()),
		KeyTag: org.Keys[1].DNSKEY.KeyTag(), SignerName: "sub.example.org.", Algorithm: dns.ECDSAP256SHA256,
	}
	if err := forged.Sign(org.Keys[1].Signer, []dns.RR{www}); err != nil {
		t.Fatal(err)
	}
	tr.forge(t, "www.example.org A", dns.RcodeSuccess, []dns.RR{www, forged}, nil)
	if got := ask(t, tr.validator(t), "www.example.org A"); got.Status != resolver.Bogus {
		t.Errorf("signer below the zone: got %+v", got)
	}
}

// TestOneRecordChain: in a zone with one name the NSEC3 chain points to itself,
// and covers everything but that name.
func TestOneRecordChain(t *testing.T) {
	for kind, denial := range map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3} {
		t.Run(kind, func(t *testing.T) {
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", denial: denial})
			run(t, tr.validator(t), []askRow{{"x.org A", secureNX()}, {"org A", secure()}, {"a.b.c.org TXT", secureNX()}})
		})
	}
	one := nsec3{owner: "h", next: "h"}
	if one.covers("h") || !one.covers("a") || !one.covers("z") {
		t.Errorf("covers: %v %v %v", one.covers("h"), one.covers("a"), one.covers("z"))
	}
}

// TestWildcardWithoutProof replays the wildcard for a name that exists.
func TestWildcardWithoutProof(t *testing.T) {
	for kind, denial := range map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3} {
		t.Run(kind, func(t *testing.T) {
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
				origin: "org.", denial: denial, text: "* A 192.0.2.66\nreal A 192.0.2.1\n",
			})
			answer, authority := tr.replayed("other.org.", dns.TypeA)
			for _, r := range answer {
				r.Header().Name = "real.org."
			}
			tr.forge(t, "real.org A", dns.RcodeSuccess, answer, authority)
			if got, want := ask(t, tr.validator(t), "real.org A"), isBogus(dns.ExtendedErrorCodeNSECMissing); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			tr.Tamper = nil
			run(t, tr.validator(t), []askRow{
				{"other.org A", secure("192.0.2.66")},
				{"*.org A", secure("192.0.2.66")}, // asked for by name it needs no proof
				{"real.org A", secure("192.0.2.1")},
			})
		})
	}
}

// TestAncestorDelegation: the parent's NSEC or NSEC3 at a zone cut must not deny
// what is in the child (RFC 6840, Section 4.1; RFC 5155, Section 8.3), nor may
// one at a DNAME deny what it leads to.
func TestAncestorDelegation(t *testing.T) {
	for kind, denial := range map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3} {
		t.Run(kind, func(t *testing.T) {
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", denial: denial, text: "tree DNAME example.org.\n"},
				zoneSpec{origin: "example.org.", denial: denial, text: "www A 192.0.2.1\n@ MX 10 www\n"})
			org := tr.zones["org."]
			var all []dns.RR
			for _, line := range org.Lines() {
				r := rr(t, line)
				if x := r.Header().Rrtype; x == dns.TypeNSEC || x == dns.TypeNSEC3 {
					all = append(all, r)
				} else if sig, ok := r.(*dns.RRSIG); ok && (sig.TypeCovered == dns.TypeNSEC || sig.TypeCovered == dns.TypeNSEC3) {
					all = append(all, r)
				}
			}
			for _, question := range []string{"www.example.org A", "example.org MX", "www.tree.org A"} {
				for _, rcode := range []int{dns.RcodeNameError, dns.RcodeSuccess} {
					tr.forge(t, question, rcode, nil, all)
					if got := ask(t, tr.validator(t), question); got.Status != resolver.Bogus {
						t.Errorf("%s denied by the parent: got %+v", question, got)
					}
				}
			}
		})
	}
}

// TestChildDeniesDS: the child's own NSEC at its apex does not speak for the
// parent (RFC 4035, Section 5.2).
func TestChildDeniesDS(t *testing.T) {
	for kind, denial := range map[string]zonesign.Denial{"nsec": zonesign.NSEC, "nsec3": zonesign.NSEC3} {
		t.Run(kind, func(t *testing.T) {
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", denial: denial},
				zoneSpec{origin: "example.org.", denial: denial, text: "www A 192.0.2.1\n"})
			_, authority := tr.replayed("example.org.", dns.TypeTXT)
			tr.forge(t, "example.org DS", dns.RcodeSuccess, nil, authority)
			for _, question := range []string{"example.org DS", "www.example.org A"} {
				if got := ask(t, tr.validator(t), question); got.Status != resolver.Bogus {
					t.Errorf("%s: got %+v", question, got)
				}
			}
		})
	}
}

// TestNSECTypes: a denial does not hold where the bitmap has the type or CNAME
// (RFC 6840, Section 4.3).
func TestNSECTypes(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	answer, authority := tr.replayed("alias.example.org.", dns.TypeNSEC)
	_ = authority
	tr.forge(t, "alias.example.org A", dns.RcodeSuccess, nil, answer)
	if got, want := ask(t, tr.validator(t), "alias.example.org A"), isBogus(dns.ExtendedErrorCodeNSECMissing); got != want {
		t.Errorf("CNAME denied: got %+v, want %+v", got, want)
	}
	answer, _ = tr.replayed("mx.example.org.", dns.TypeNSEC)
	tr.forge(t, "mx.example.org A", dns.RcodeSuccess, nil, answer)
	if got, want := ask(t, tr.validator(t), "mx.example.org A"), isBogus(dns.ExtendedErrorCodeNSECMissing); got != want {
		t.Errorf("A denied: got %+v, want %+v", got, want)
	}
}

// TestCaseOfHash: base32hex is compared without case (RFC 5155, Section 3.3).
func TestCaseOfHash(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC3)
	tr.Tamper = func(_ resolver.Question, m *dns.Msg) *dns.Msg {
		m = m.Copy()
		for _, r := range append(m.Ns, m.Answer...) {
			r.Header().Name = strings.ToUpper(r.Header().Name)
		}
		return m
	}
	run(t, tr.validator(t), []askRow{{"nope.example.org A", secureNX()}, {"mx.example.org A", secure("192.0.2.1")}})
}

// TestDigests: SHA-1 digests count only where nothing better is there (RFC 4509,
// Section 3), and unknown ones make the zone insecure.
func TestDigests(t *testing.T) {
	key := newKey(t, "org.", dns.ECDSAP256SHA256, zonesign.KSK, "digests")
	sha1, sha256, sha384 := key.DS(dns.SHA1), key.DS(dns.SHA256), key.DS(dns.SHA384)
	gost := key.DS(dns.SHA256)
	gost.DigestType = 3
	wrong := key.DS(dns.SHA256)
	wrong.Digest = strings.Repeat("00", 32)
	good := secure("192.0.2.1")
	unsupported := insecure("192.0.2.1")
	unsupported.EDE = int(dns.ExtendedErrorCodeUnsupportedDSDigestType)
	for name, row := range map[string]struct {
		ds   []*dns.DS
		want outcome
	}{
		"sha1":              {[]*dns.DS{sha1}, good},
		"sha256":            {[]*dns.DS{sha256}, good},
		"sha384":            {[]*dns.DS{sha384}, good},
		"sha1_beside_wrong": {[]*dns.DS{sha1, wrong}, isBogus(dns.ExtendedErrorCodeDNSKEYMissing)},
		"right_after_wrong": {[]*dns.DS{wrong, sha256}, good},
		"unknown":           {[]*dns.DS{gost}, unsupported},
		"unknown_and_right": {[]*dns.DS{gost, sha256}, good},
	} {
		t.Run(name, func(t *testing.T) {
			var ds []string
			for _, d := range row.ds {
				ds = append(ds, d.String())
			}
			tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
				origin: "org.", text: exampleZone, keys: []*zonesign.Key{key}, ds: strings.Join(ds, "\n"),
			})
			if got, why := askReason(t, tr.validator(t), "mx.org A"); got != row.want {
				t.Errorf("got %+v (%s), want %+v", got, why, row.want)
			}
		})
	}
}

// TestSkew: no signature is good a second too long unless that is configured.
func TestSkew(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	at := func(now time.Time, skew time.Duration) resolver.Status {
		v := tr.validator(t)
		v.Time = func() time.Time { return now }
		v.Skew = skew
		return ask(t, v, "mx.example.org A").Status
	}
	for _, row := range []struct {
		name string
		now  time.Time
		skew time.Duration
		want resolver.Status
	}{
		{"last_second", testExpiry, 0, resolver.Secure},
		{"second_after", testExpiry.Add(time.Second), 0, resolver.Bogus},
		{"first_second", testBegin, 0, resolver.Secure},
		{"second_before", testBegin.Add(-time.Second), 0, resolver.Bogus},
		{"within_skew", testExpiry.Add(time.Minute), time.Minute, resolver.Secure},
		{"most_skew", testExpiry.Add(maxSkew), 24 * time.Hour, resolver.Secure},
		{"beyond_most", testExpiry.Add(maxSkew + time.Second), 24 * time.Hour, resolver.Bogus},
	} {
		if got := at(row.now, row.skew); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// TestSerialTime: signature times wrap in 2106 (RFC 4034, Section 3.1.5).
func TestSerialTime(t *testing.T) {
	wrap := time.Unix(1<<32, 0)
	c := checker{now: wrap.Add(-time.Hour)}
	zone := &keySet{zone: root}
	set := &rrset{owner: root, typ: dns.TypeA}
	sig := &dns.RRSIG{SignerName: ".", Inception: uint32(wrap.Add(-48 * time.Hour).Unix()), Expiration: uint32(3600)}
	if f := c.usable(set, sig, zone); f != nil {
		t.Errorf("across the wrap: %s", f.text)
	}
	c.now = wrap.Add(2 * time.Hour)
	if f := c.usable(set, sig, zone); f == nil || f.ede != dns.ExtendedErrorCodeSignatureExpired {
		t.Errorf("after it: %+v", f)
	}
}

// TestStripped: a source without DNSSEC is named, or refused if asked to.
func TestStripped(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	strip := func(_ resolver.Question, m *dns.Msg) *dns.Msg {
		m = m.Copy()
		for _, section := range []*[]dns.RR{&m.Answer, &m.Ns} {
			*section = slices.DeleteFunc(*section, func(r dns.RR) bool {
				x := r.Header().Rrtype
				return x == dns.TypeRRSIG || x == dns.TypeNSEC
			})
		}
		return m
	}
	tr.Tamper = strip
	v := tr.validator(t)
	want := outcome{resolver.Indeterminate, 0, "192.0.2.1", int(dns.ExtendedErrorCodeDNSSECIndeterminate)}
	if got, why := askReason(t, v, "mx.example.org A"); got != want || !strings.Contains(why, "serve no DNSSEC") {
		t.Errorf("got %+v (%s), want %+v", got, why, want)
	}
	v = tr.validator(t)
	v.RequireDNSSEC = true
	_, err := v.Lookup(context.Background(), "mx.example.org", resolver.TypeA)
	var e *resolver.Error
	if !errors.As(err, &e) || e.Reason != resolver.NoDNSSEC {
		t.Errorf("required: got %v", err)
	}
	// Once there were signatures, their absence is no innocence.
	tr.Tamper = nil
	v = tr.validator(t)
	ask(t, v, "mx.example.org A")
	tr.Tamper = strip
	if got := ask(t, v, "sub.host.example.org A"); got.Status != resolver.Bogus {
		t.Errorf("later: got %+v", got)
	}
}

func TestAnchorsAndNTAs(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	none, err := ParseAnchors(strings.NewReader("; nothing\n"))
	if err != nil {
		t.Fatal(err)
	}
	below, err := ParseAnchors(strings.NewReader(tr.zones["example.org."].Keys[0].DNSKEY.String()))
	if err != nil {
		t.Fatal(err)
	}
	indeterminate := outcome{resolver.Indeterminate, 0, "192.0.2.1", int(dns.ExtendedErrorCodeDNSSECIndeterminate)}
	other := insecure("192.0.2.1")
	other.EDE = int(dns.ExtendedErrorCodeOther)
	for _, row := range []struct {
		name    string
		anchors *Anchors
		ntas    []NTA
		broken  bool
		want    outcome
	}{
		{"none", none, nil, false, indeterminate},
		{"at_the_zone", below, nil, false, secure("192.0.2.1")},
		{"other_anchor", RootAnchors(), nil, false, isBogus(dns.ExtendedErrorCodeDNSKEYMissing)},
		{"nta", nil, []NTA{{Zone: "example.org"}}, true, other},
		{"nta_above", nil, []NTA{{Zone: "org", Expires: testNow.Add(time.Hour)}}, true, other},
		{"nta_over", nil, []NTA{{Zone: "org", Expires: testNow}}, true, isBogus(dns.ExtendedErrorCodeDNSBogus)},
		{"nta_elsewhere", nil, []NTA{{Zone: "ample.org"}}, true, isBogus(dns.ExtendedErrorCodeDNSBogus)},
		{"anchor_below_nta", below, []NTA{{Zone: "."}}, false, secure("192.0.2.1")},
		{"nta_at_anchor", below, []NTA{{Zone: "example.org."}}, false, other},
	} {
		t.Run(row.name, func(t *testing.T) {
			tr := tallTree(t, zonesign.NSEC)
			if row.broken {
				tr.zones["example.org."].Corrupt("mx.example.org.", dns.TypeA)
			}
			v := tr.validator(t)
			v.NTAs = row.ntas
			if row.anchors != nil {
				v.Anchors = row.anchors
			}
			if got, why := askReason(t, v, "mx.example.org A"); got != row.want {
				t.Errorf("got %+v (%s), want %+v", got, why, row.want)
			}
		})
	}
	for _, text := range []string{"org. A 192.0.2.1", "org. DS 1", "org. DNSKEY 0 3 13 AAAA", "org. DNSKEY 385 3 13 AAAA"} {
		if _, err := ParseAnchors(strings.NewReader(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if got, want := strings.Join(RootAnchors().Zones(), " "), "."; got != want || len(RootAnchors().Records()) != 2 {
		t.Errorf("root anchors: %s, %q", got, RootAnchors().Records())
	}
}

// TestDeniedAlias: a denial at the end of an alias may belong to another name;
// then the target is asked for itself.
func TestDeniedAlias(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	tr.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if q.Name == "lost.example.org" {
			m = m.Copy()
			m.Ns = m.Ns[:1] // the SOA record alone
		}
		return m
	}
	want := outcome{resolver.Secure, resolver.NXDomain, "nowhere.example.org.", -1}
	if got, why := askReason(t, tr.validator(t), "lost.example.org A"); got != want {
		t.Errorf("got %+v (%s), want %+v", got, why, want)
	}
}

func TestServerFailure(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	for _, failing := range []string{"mx.example.org A", "example.org DNSKEY", "org DS", ". DNSKEY"} {
		tr.forge(t, failing, dns.RcodeServerFailure, nil, nil)
		v := tr.validator(t)
		_, err := v.Lookup(context.Background(), "mx.example.org", resolver.TypeA)
		var e *resolver.Error
		if !errors.As(err, &e) || e.Reason != resolver.ServerFailed || e.Name != "mx.example.org" || e.Answer == nil {
			t.Errorf("%s fails: got %v", failing, err)
		}
		tr.Tamper = nil
		if got, want := ask(t, v, "mx.example.org A"), secure("192.0.2.1"); got != want {
			t.Errorf("after %s failed: got %+v, want %+v", failing, got, want)
		}
	}
}

func TestInvalidName(t *testing.T) {
	v := &Validator{}
	for _, name := range []string{"", "a..b", strings.Repeat("a", 64) + ".org", strings.Repeat("a.", 130)} {
		_, err := v.Lookup(context.Background(), name, resolver.TypeA)
		var e *resolver.Error
		if !errors.As(err, &e) || e.Reason != resolver.InvalidName {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := v.Lookup(context.Background(), "org", resolver.Type(dns.TypeRRSIG)); err == nil {
		t.Error("RRSIG was asked")
	}
}

// TestNSEC3Ignored: records that cannot be of the proof are as if absent.
func TestNSEC3Ignored(t *testing.T) {
	b := newBudget()
	c := checker{now: testNow, budget: &b}
	good := rr(t, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3 1 0 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A").(*dns.NSEC3)
	for name, change := range map[string]func(*dns.NSEC3){
		"algorithm":  func(n *dns.NSEC3) { n.Hash = 2 },
		"flags":      func(n *dns.NSEC3) { n.Flags = 2 },
		"parameters": func(n *dns.NSEC3) { n.Iterations = 11 },
		"salt":       func(n *dns.NSEC3) { n.Salt = "AABBCCDE" },
		"next":       func(n *dns.NSEC3) { n.NextDomain = "2T7B" },
		"owner":      func(n *dns.NSEC3) { n.Hdr.Name = "short.example." },
		"zone":       func(n *dns.NSEC3) { n.Hdr.Name = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.sub.example." },
	} {
		s := nsec3s{checker: &c, zone: "\x07example\x00"}
		bad := dns.Copy(good).(*dns.NSEC3)
		change(bad)
		for _, n := range []*dns.NSEC3{good, bad} {
			owner, _ := parseName(n.Hdr.Name)
			if f := s.add(owner, n, testExpiry); f != nil {
				t.Errorf("%s: %s", name, f.text)
			}
		}
		if len(s.all) != 1 {
			t.Errorf("%s: %d records taken, want 1", name, len(s.all))
		}
	}
}
