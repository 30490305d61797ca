package resolver_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

func zoneResolver(text string) *resolver.Unvalidated {
	return &resolver.Unvalidated{Source: zonefile.FromText(text), Status: resolver.Insecure}
}

func TestLookupTXT(t *testing.T) {
	r := zoneResolver(`
		one    TXT "v=spf1 -all"
		split  TXT "v=DKIM1; " "p=" "AA=="
		two    TXT a
		two    TXT b
		empty  TXT ""
		quote  TXT "a \"b\" \\ \; c"
		bytes  TXT "\000\010\127\195\169\255"
		digits TXT "\\100"
		alias  CNAME split
		other  A 192.0.2.1
		`)
	for name, want := range map[string][]string{
		"one":    {"v=spf1 -all"},
		"split":  {"v=DKIM1; p=AA=="},
		"two":    {"a", "b"},
		"empty":  {""},
		"quote":  {`a "b" \ ; c`},
		"bytes":  {"\x00\x0a\x7f\xc3\xa9\xff"},
		"digits": {`\100`},
		"alias":  {"v=DKIM1; p=AA=="},
		"other":  nil,
		"none":   nil,
	} {
		got, a, err := resolver.LookupTXT(t.Context(), r, name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, want); d != "" {
			t.Errorf("%s: got (-), want (+):\n%s", name, d)
		}
		if a.Void() != (want == nil) || a.NXDomain() != (name == "none") {
			t.Errorf("%s: void %v, NXDOMAIN %v", name, a.Void(), a.NXDomain())
		}
	}
}

func TestLookupTyped(t *testing.T) {
	r := zoneResolver(`
		example             MX 20 B.example.
		example             MX 10 a.example.
		null                MX 0 .
		mx                  A 192.0.2.1
		mx                  AAAA 2001:db8::1
		mx                  AAAA ::ffff:192.0.2.9
		1.2.0.192.in-addr.arpa PTR Mx.example.
		1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR v6.example.
		_25._tcp.mx         TLSA 3 1 1 AABB
		example             NS Ns.example.
		www                 CNAME Web.example.
		`)
	ctx := t.Context()
	check := func(what string, got, want any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if d := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Errorf("%s: got (-), want (+):\n%s", what, d)
		}
	}
	mx, _, err := resolver.LookupMX(ctx, r, "example")
	check("mx", mx, []resolver.MX{{20, "b.example"}, {10, "a.example"}}, err)
	mx, _, err = resolver.LookupMX(ctx, r, "null")
	check("null-mx", mx, []resolver.MX{{0, "."}}, err)
	v4, _, err := resolver.LookupAddr(ctx, r, "mx", resolver.TypeA)
	check("a", v4, []netip.Addr{netip.MustParseAddr("192.0.2.1")}, err)
	v6, _, err := resolver.LookupAddr(ctx, r, "mx", resolver.TypeAAAA)
	check("aaaa", v6, []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("::ffff:192.0.2.9")}, err)
	ptr, _, err := resolver.LookupPTR(ctx, r, netip.MustParseAddr("::ffff:192.0.2.1"))
	check("ptr4", ptr, []string{"mx.example"}, err)
	ptr, _, err = resolver.LookupPTR(ctx, r, netip.MustParseAddr("2001:db8::1%eth0"))
	check("ptr6", ptr, []string{"v6.example"}, err)
	tlsa, _, err := resolver.LookupTLSA(ctx, r, "_25._tcp.mx")
	check("tlsa", tlsa, []resolver.TLSA{{3, 1, 1, "aabb"}}, err)
	for name, want := range map[string][]string{"example": {"ns.example"}, "www": {"web.example"}} {
		typ := resolver.TypeNS
		if name == "www" {
			typ = resolver.TypeCNAME
		}
		a, err := r.Lookup(ctx, name, typ)
		if err != nil {
			t.Fatal(err)
		}
		check(name, a.Names(), want, nil)
	}
	if _, _, err := resolver.LookupMX(ctx, r, "a..b"); err == nil {
		t.Error("a..b was looked up")
	}
}

// TestLookupOtherType shows that an answer keeps its values when somebody asks
// it for those of another type first.
func TestLookupOtherType(t *testing.T) {
	a, err := zoneResolver("a TXT x\n").Lookup(t.Context(), "a", resolver.TypeTXT)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.MX(); got != nil {
		t.Errorf("got %v", got)
	}
	if got := a.TXT(); len(got) != 1 || got[0] != "x" {
		t.Errorf("got %v, want x", got)
	}
}

func TestCanonicalOfAliases(t *testing.T) {
	r := zoneResolver("a CNAME B.\nb CNAME c.\nc A 192.0.2.1\n")
	for typ, want := range map[resolver.Type]string{resolver.TypeA: "c", resolver.TypeMX: "c", resolver.TypeCNAME: "a"} {
		a, err := r.Lookup(t.Context(), "A.", typ)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Canonical(); got != want {
			t.Errorf("%s: got %s, want %s", typ, got, want)
		}
	}
}

func TestReverseName(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":        "1.2.0.192.in-addr.arpa",
		"::ffff:192.0.2.1": "1.2.0.192.in-addr.arpa",
		"fe80::1%eth0":     "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa",
	} {
		if got := resolver.ReverseName(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := resolver.ReverseName(netip.Addr{}); got != "invalid" {
		t.Errorf("zero address: got %s", got)
	}
}

func TestStatus(t *testing.T) {
	all := []resolver.Status{resolver.Secure, resolver.Insecure, resolver.Indeterminate, resolver.Bogus} // best first
	for i, a := range all {
		for j, b := range all {
			if got, want := a.Worse(b), all[max(i, j)]; got != want {
				t.Errorf("%s.Worse(%s): got %s, want %s", a, b, got, want)
			}
		}
	}
}

func TestStatusOf(t *testing.T) {
	bogus := &resolver.Error{Reason: resolver.BogusAnswer, Name: "a", Type: resolver.TypeA, Detail: "the signature expired"}
	for _, tt := range []struct {
		a      *resolver.Answer
		err    error
		status resolver.Status
		reason string
	}{
		{&resolver.Answer{Status: resolver.Secure}, nil, resolver.Secure, ""},
		{nil, bogus, resolver.Bogus, "bogus: the signature expired"},
		{nil, errors.Join(bogus), resolver.Bogus, "bogus: the signature expired"},
		{nil, &resolver.Error{Reason: resolver.Timeout}, resolver.Indeterminate, "timeout"},
		{nil, errors.New("context canceled"), resolver.Indeterminate, "context canceled"},
	} {
		if got := resolver.StatusOf(tt.a, tt.err); got != tt.status {
			t.Errorf("%v: got %s, want %s", tt.err, got, tt.status)
		}
		if tt.err == nil {
			continue
		}
		if got := resolver.ReasonOf(tt.err); got != tt.reason {
			t.Errorf("%v: got %s, want %s", tt.err, got, tt.reason)
		}
	}
}

func TestAnswerJSON(t *testing.T) {
	a := &resolver.Answer{
		Name: "a.example", Type: resolver.Type(65280), Status: resolver.Bogus, RCode: resolver.ServFail,
		Reason: "the signature expired", HasEDE: true, EDE: 7,
		Chain: []resolver.Link{{Zone: ".", Status: resolver.Secure, DS: []string{}, Keys: []string{"key"}}},
	}
	got, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"a.example","type":"TYPE65280","status":"bogus","rcode":"SERVFAIL","records":[],"reason":"the signature expired","ede":7,` +
		`"chain":[{"zone":".","status":"secure","ds":[],"keys":["key"],"reason":""}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseType(t *testing.T) {
	for in, want := range map[string]resolver.Type{
		"TXT": resolver.TypeTXT, "tlsa": resolver.TypeTLSA, "TYPE65280": 65280, "type16": 16, "ANY": resolver.TypeANY,
		"": 0, "NONE": 0, "TYPE0": 0, "TYPE65536": 0, "TYPE-1": 0, "TYPE1x": 0, "TYPE 1": 0, "FOO": 0,
	} {
		got, err := resolver.ParseType(in)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: got %d, %v, want %d", in, got, err, want)
		}
	}
}
