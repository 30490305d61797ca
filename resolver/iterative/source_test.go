package iterative

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// smallInternet is a root, org and example.org on three addresses; the name
// server of far.org lies in another zone and has no glue.
func smallInternet(t testing.TB) *internet {
	t.Helper()
	example := signZone(t, "example.org.", `
@ NS ns
ns A 127.0.0.3
@ MX 10 mx
mx A 192.0.2.1
_25._tcp.mx TLSA 3 1 1 00
a.b.c.d A 192.0.2.4
alias CNAME www.far.org.
`)
	far := plainZone(t, "far.org.", "@ NS ns.example.net.\nwww A 192.0.2.7\n")
	net := plainZone(t, "net.", "@ NS ns.net.\nns A 127.0.0.2\nns.example A 127.0.0.4\n")
	org := signZone(t, "org.", "@ NS ns\nns A 127.0.0.2\nexample NS ns.example\nns.example A 127.0.0.3\n"+
		example.DS()+"far NS ns.example.net.\n")
	root := signZone(t, ".", "@ NS ns.root.\nns.root. A 127.0.0.1\norg. NS ns.org.\nns.org. A 127.0.0.2\n"+org.DS()+
		"net. NS ns.net.\nns.net. A 127.0.0.2\n")
	return newInternet(t, map[string][]*zonesign.Signed{
		"127.0.0.1": {root}, "127.0.0.2": {org, net}, "127.0.0.3": {example}, "127.0.0.4": {far},
	})
}

func TestFetch(t *testing.T) {
	rows := []struct{ question, want string }{
		{"example.org MX", "NOERROR 10 mx.example.org."},
		{"_25._tcp.mx.example.org TLSA", "NOERROR 3 1 1 00"},
		{"a.b.c.d.example.org A", "NOERROR 192.0.2.4"},
		{"nope.example.org A", "NXDOMAIN"},
		{"mx.example.org AAAA", "NOERROR"},
		{"www.far.org A", "NOERROR 192.0.2.7"},
		{"alias.example.org A", "NOERROR www.far.org."},
		{"nothing.here A", "NXDOMAIN"},
	}
	in := smallInternet(t)
	for _, minimise := range []bool{true, false} {
		s := in.source()
		s.NoMinimisation = !minimise
		for _, row := range rows {
			if got := show(fetch(t, s, row.question)); got != row.want {
				t.Errorf("minimise %v: %s: got %s, want %s", minimise, row.question, got, row.want)
			}
		}
	}
}

// TestMinimised holds that a server sees no more of a name than it needs.
func TestMinimised(t *testing.T) {
	in := smallInternet(t)
	s := in.source()
	if got, want := show(fetch(t, s, "_25._tcp.mx.example.org TLSA")), "NOERROR 3 1 1 00"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	for addr, want := range map[string][]string{
		"127.0.0.1": {"org. A"},
		"127.0.0.2": {"example.org. A"},
		"127.0.0.3": {"_25._tcp.mx.example.org. TLSA"},
	} {
		if got := in.hosts[addr].questions(); !slices.Equal(got, want) {
			t.Errorf("%s was asked %q, want %q", addr, got, want)
		}
	}
}

// TestReferralDS holds that the DS question of a validator costs no query once
// the referral was seen.
func TestReferralDS(t *testing.T) {
	in := smallInternet(t)
	s := in.source()
	fetch(t, s, "mx.example.org A")
	before := len(in.hosts["127.0.0.2"].questions())
	for question, want := range map[string]string{"example.org DS": "NOERROR ", "org DS": "NOERROR "} {
		if got := show(fetch(t, s, question)); !strings.HasPrefix(got, want) || len(got) < 70 {
			t.Errorf("%s: got %s", question, got)
		}
	}
	if after := len(in.hosts["127.0.0.2"].questions()); after != before {
		t.Errorf("%d queries for DS", after-before)
	}
	// Below a zone that was never visited the parent is asked.
	if got := show(fetch(t, in.source(), "far.org DS")); got != "NOERROR" {
		t.Errorf("far.org DS: got %s", got)
	}
}

func TestValidated(t *testing.T) {
	in := smallInternet(t)
	root := in.hosts["127.0.0.1"].world.Zones[0]
	anchors, err := dnssec.ParseAnchors(strings.NewReader(root.DS()))
	if err != nil {
		t.Fatal(err)
	}
	v := &dnssec.Validator{Source: in.source(), Anchors: anchors, Time: func() time.Time { return testNow }}
	for question, want := range map[string]resolver.Status{
		"_25._tcp.mx.example.org TLSA": resolver.Secure,
		"nope.example.org A":           resolver.Secure,
		"www.far.org A":                resolver.Insecure,
		"alias.example.org A":          resolver.Insecure,
		"example.org DS":               resolver.Secure,
		"example.org DNSKEY":           resolver.Secure,
	} {
		name, mnemonic, _ := strings.Cut(question, " ")
		typ, _ := resolver.ParseType(mnemonic)
		a, err := v.Lookup(context.Background(), name, typ)
		if err != nil {
			t.Errorf("%s: %v", question, err)
			continue
		}
		if a.Status != want {
			t.Errorf("%s: got %s (%s), want %s", question, a.Status, a.Reason, want)
		}
	}
}

// TestOddServers has one server of example.org behave in odd ways that cost no
// more than another query.
func TestOddServers(t *testing.T) {
	big := strings.Repeat("x", 200)
	for name, tamper := range map[string]func(network string, q, m *dns.Msg) *dns.Msg{
		"no_edns": func(_ string, q, m *dns.Msg) *dns.Msg {
			if q.IsEdns0() == nil {
				return m
			}
			return new(dns.Msg).SetRcodeFormatError(q)
		},
		"formerr_without_question": func(_ string, q, m *dns.Msg) *dns.Msg {
			if q.IsEdns0() == nil {
				return m
			}
			out := new(dns.Msg).SetRcodeFormatError(q)
			out.Question = nil
			return out
		},
		"lower_case": func(_ string, _, m *dns.Msg) *dns.Msg {
			m = m.Copy()
			m.Question[0].Name = strings.ToLower(m.Question[0].Name)
			return m
		},
		"truncating": func(network string, _, m *dns.Msg) *dns.Msg {
			if network == "udp" {
				m.Truncated, m.Answer = true, nil
			}
			return m
		},
		"bad_cookie": func(network string, q, m *dns.Msg) *dns.Msg {
			if network == "udp" {
				m.Rcode = dns.RcodeBadCookie
			}
			return m
		},
		"minimised_nxdomain": func(_ string, q, m *dns.Msg) *dns.Msg {
			if strings.HasPrefix(strings.ToLower(q.Question[0].Name), "deep.") {
				return m
			}
			m.Rcode, m.Answer = dns.RcodeNameError, nil
			return m
		},
		"minimised_servfail": func(_ string, q, m *dns.Msg) *dns.Msg {
			if !strings.HasPrefix(strings.ToLower(q.Question[0].Name), "deep.") {
				m.Rcode = dns.RcodeServerFailure
			}
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := plainZone(t, ".", "@ NS ns.root.\nns.root. A 127.0.0.1\nodd. NS ns.odd.\nns.odd. A 127.0.0.2\n")
			odd := plainZone(t, "odd.", "@ NS ns\nns A 127.0.0.2\ndeep.down TXT "+big+"\n")
			in := newInternet(t, map[string][]*zonesign.Signed{"127.0.0.1": {root}, "127.0.0.2": {odd}})
			in.hosts["127.0.0.2"].lies(tamper)
			if got, want := show(fetch(t, in.source(), "deep.down.odd TXT")), `NOERROR "`+big+`"`; got != want {
				t.Errorf("got %s, want %s; asked %q", got, want, in.hosts["127.0.0.2"].questions())
			}
		})
	}
}

// TestStaleSecondary has two servers of a zone of which one has signatures that
// are over: the answer comes from the other, whichever was asked first.
func TestStaleSecondary(t *testing.T) {
	for _, stale := range []uint16{dns.TypeA, dns.TypeDNSKEY, dns.TypeDS} {
		t.Run(dns.TypeToString[stale], func(t *testing.T) {
			zone := func(old bool, origin, text, owner string) *zonesign.Signed {
				z := signZone(t, origin, text)
				if old && len(z.Signatures(owner, stale)) > 0 {
					if err := z.Resign(owner, stale, testBegin, testNow.Add(-time.Hour)); err != nil {
						t.Fatal(err)
					}
				}
				return z
			}
			owner := map[uint16]string{dns.TypeA: "www.zone.", dns.TypeDNSKEY: "zone.", dns.TypeDS: "zone."}[stale]
			leaf := func(old bool) *zonesign.Signed {
				return zone(old, "zone.", "@ NS a\n@ NS b\na A 127.0.0.3\nb A 127.0.0.4\nwww A 192.0.2.1\n", owner)
			}
			root := func(old bool) *zonesign.Signed {
				return zone(old, ".", "@ NS ns.root.\nns.root. A 127.0.0.1\nzone. NS a.zone.\nzone. NS b.zone.\n"+
					"a.zone. A 127.0.0.3\nb.zone. A 127.0.0.4\n"+leaf(false).DS(), owner)
			}
			in := newInternet(t, map[string][]*zonesign.Signed{
				"127.0.0.1": {root(true)}, "127.0.0.2": {root(false)}, "127.0.0.3": {leaf(true)}, "127.0.0.4": {leaf(false)},
			})
			anchors, err := dnssec.ParseAnchors(strings.NewReader(root(false).DS()))
			if err != nil {
				t.Fatal(err)
			}
			for range 8 { // the first server is a matter of chance
				s := in.source()
				s.Hints.add("ns.root.", netip.MustParseAddr("127.0.0.2"))
				v := &dnssec.Validator{Source: s, Anchors: anchors, Time: func() time.Time { return testNow }}
				a, err := v.Lookup(context.Background(), "www.zone", resolver.TypeA)
				if err != nil || a.Status != resolver.Secure {
					t.Fatalf("got %v, %v", a, err)
				}
			}
		})
	}
}
