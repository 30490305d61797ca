package dnssec

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

var (
	testNow    = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)
	testBegin  = testNow.Add(-10 * 24 * time.Hour)
	testExpiry = testNow.Add(20 * 24 * time.Hour)
)

// zoneSpec is a zone of a test tree. DS records for signed children are added
// to the parent unless the child says noDS.
type zoneSpec struct {
	origin     string
	text       string
	unsigned   bool
	noDS       bool
	alg        uint8
	denial     zonesign.Denial
	iterations uint16
	salt       string
	expiry     time.Time
	keys       []*zonesign.Key // overrides alg
	ds         string          // overrides what the parent says
}

// tree is a signed tree with a validator on top.
type tree struct {
	*zonesign.World
	zones map[string]*zonesign.Signed
}

func newKey(t testing.TB, zone string, alg uint8, flags uint16, seed string) *zonesign.Key {
	t.Helper()
	k, err := zonesign.NewKey(zone, alg, flags, seed+zone)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// plant signs the specs, given from the root down.
func plant(t testing.TB, specs ...zoneSpec) *tree {
	t.Helper()
	tr := &tree{World: &zonesign.World{}, zones: make(map[string]*zonesign.Signed)}
	delegations := make(map[string]string)
	for i := len(specs) - 1; i >= 0; i-- {
		s := specs[i]
		z := zonesign.Zone{
			Origin: s.origin, Text: s.text + delegations[s.origin], Denial: s.denial,
			Iterations: s.iterations, Salt: s.salt, Inception: testBegin, Expiration: testExpiry, Keys: s.keys,
		}
		if !s.expiry.IsZero() {
			z.Expiration = s.expiry
		}
		if !s.unsigned && z.Keys == nil {
			alg := cmp.Or(s.alg, dns.ECDSAP256SHA256)
			z.Keys = []*zonesign.Key{
				newKey(t, s.origin, alg, zonesign.KSK, "ksk"),
				newKey(t, s.origin, alg, zonesign.ZSK, "zsk"),
			}
		}
		signed, err := zonesign.Sign(z)
		if err != nil {
			t.Fatal(err)
		}
		tr.zones[s.origin] = signed
		tr.Zones = append(tr.Zones, signed)
		ds := ""
		if !s.unsigned && !s.noDS {
			ds = signed.DS()
		}
		parent := ""
		for _, p := range specs[:i] {
			if p.origin != s.origin && dns.IsSubDomain(p.origin, s.origin) && len(p.origin) > len(parent) {
				parent = p.origin
			}
		}
		delegations[parent] += "\n" + s.origin + " NS ns." + strings.TrimPrefix(s.origin, ".") + "\n" + cmp.Or(s.ds, ds)
	}
	return tr
}

// validator trusts the keys of the root of the tree.
func (tr *tree) validator(t testing.TB) *Validator {
	t.Helper()
	anchors, err := ParseAnchors(strings.NewReader(tr.zones["."].DS()))
	if err != nil {
		t.Fatal(err)
	}
	return &Validator{Source: tr.World, Anchors: anchors, Time: func() time.Time { return testNow }, NoLookAhead: true}
}

// outcome is what a test compares: enough to be a whole, little enough to read.
type outcome struct {
	Status  resolver.Status
	RCode   resolver.RCode
	Records string // data of the records of the answer, joined by |
	EDE     int    // -1: none
}

func ask(t testing.TB, r resolver.Resolver, question string) outcome {
	t.Helper()
	o, _ := askReason(t, r, question)
	return o
}

// askReason asks "name TYPE".
func askReason(t testing.TB, r resolver.Resolver, question string) (outcome, string) {
	t.Helper()
	name, mnemonic, _ := strings.Cut(question, " ")
	typ, err := resolver.ParseType(mnemonic)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Lookup(context.Background(), name, typ)
	var e *resolver.Error
	if errors.As(err, &e) {
		if e.Answer == nil {
			return outcome{RCode: resolver.ServFail, EDE: -1}, e.Error()
		}
		a = e.Answer
	} else if err != nil {
		t.Fatal(err)
	}
	o := outcome{Status: a.Status, RCode: a.RCode, EDE: -1}
	if a.HasEDE {
		o.EDE = int(a.EDE)
	}
	var data []string
	for _, rr := range a.Records {
		text := strings.TrimPrefix(rr.String(), rr.Header().String())
		if rr.Header().Rrtype == dns.TypeCNAME {
			text = strings.ToLower(text) // no signature covers its case (RFC 4034, Section 6.2)
		}
		data = append(data, text)
	}
	o.Records = strings.Join(data, "|")
	return o, a.Reason
}

func secure(records ...string) outcome {
	return outcome{resolver.Secure, resolver.NoError, strings.Join(records, "|"), -1}
}

func secureNX() outcome { return outcome{resolver.Secure, resolver.NXDomain, "", -1} }

func insecure(records ...string) outcome {
	return outcome{resolver.Insecure, resolver.NoError, strings.Join(records, "|"), -1}
}

func isBogus(ede uint16) outcome { return outcome{resolver.Bogus, resolver.ServFail, "", int(ede)} }

type askRow struct {
	question string
	want     outcome
}

func run(t *testing.T, v resolver.Resolver, rows []askRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(strings.ReplaceAll(row.question, " ", "_"), func(t *testing.T) {
			t.Helper()
			if got, why := askReason(t, v, row.question); got != row.want {
				t.Errorf("got  %+v (%s)\nwant %+v", got, why, row.want)
			}
		})
	}
}
