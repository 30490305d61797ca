package dane_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// validator proves answers from a root, a signed zone "signed." and an unsigned one
// "plain.". Lines of the text go to the zone of their name, but for "bogus NAME
// TYPE", which breaks signatures, and "fail NAME TYPE", which is SERVFAIL.
func validator(t *testing.T, text string) *dnssec.Validator {
	t.Helper()
	var signed, plain strings.Builder
	var bogus [][]string
	fails := map[string]bool{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "bogus":
			bogus = append(bogus, words)
		case words[0] == "fail":
			fails[words[1]+" "+words[2]] = true
		case strings.HasSuffix(words[0], ".signed."):
			signed.WriteString(line)
		default:
			plain.WriteString(line)
		}
	}
	w, s, anchor, err := zonesign.SignedAndPlain(now, signed.String(), plain.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bogus {
		s.Corrupt(b[1], dns.StringToType[b[2]])
	}
	w.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if fails[q.Name+". "+q.Type.String()] {
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
		}
		return m
	}
	anchors, err := dnssec.ParseAnchors(strings.NewReader(anchor))
	if err != nil {
		t.Fatal(err)
	}
	return &dnssec.Validator{Source: w, Anchors: anchors, Time: func() time.Time { return now }}
}

func TestDiscover(t *testing.T) {
	const hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
	tests := []struct {
		name, host, zones string
		outcome           dane.Outcome
		base              string
		asked             string // the lookups by name and type, without the addresses
	}{
		{
			"usable", "MX.signed.", "mx.signed. A 192.0.2.1\n_25._tcp.mx.signed. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.signed", "_25._tcp.mx.signed TLSA",
		},
		{
			"unusable", "mx.signed", "mx.signed. A 192.0.2.1\n_25._tcp.mx.signed. TLSA 1 1 1 " + hex,
			dane.UnusableRecords, "mx.signed", "_25._tcp.mx.signed TLSA",
		},
		{"none", "mx.signed", "mx.signed. AAAA 2001:db8::1\n", dane.NoRecords, "mx.signed", "_25._tcp.mx.signed TLSA"},
		{"insecure-host", "mx.plain", "mx.plain. A 192.0.2.1\n_25._tcp.mx.plain. TLSA 3 1 1 " + hex, dane.NotApplicable, "", ""},
		{
			"tlsa-servfail", "mx.signed", "mx.signed. A 192.0.2.1\n_25._tcp.mx.signed. TLSA 3 1 1 " + hex + "fail _25._tcp.mx.signed. TLSA\n",
			dane.LookupFailed, "mx.signed", "_25._tcp.mx.signed TLSA",
		},
		{
			"tlsa-bogus", "mx.signed", "mx.signed. A 192.0.2.1\n_25._tcp.mx.signed. TLSA 3 1 1 " + hex + "bogus _25._tcp.mx.signed. TLSA\n",
			dane.LookupFailed, "mx.signed", "_25._tcp.mx.signed TLSA",
		},
		{"address-fails", "mx.signed", "mx.signed. A 192.0.2.1\nfail mx.signed. A\n", dane.LookupFailed, "", ""},
		{"address-bogus", "mx.signed", "mx.signed. A 192.0.2.1\nbogus mx.signed. A\n", dane.LookupFailed, "", ""},
		{
			"one-family-bogus", "mx.signed", "mx.signed. A 192.0.2.1\nmx.signed. AAAA 2001:db8::1\nbogus mx.signed. A\n_25._tcp.mx.signed. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.signed", "_25._tcp.mx.signed TLSA",
		},
		{"no-address", "mx.signed", "mx.signed. TXT x\n", dane.NoAddress, "", ""},
		{"no-name", "mx.signed", "", dane.NoAddress, "", ""},
		{
			"alias-expanded-first", "mx.signed", "mx.signed. CNAME real.signed.\nreal.signed. A 192.0.2.1\n" +
				"_25._tcp.real.signed. TLSA 3 1 1 " + hex + "_25._tcp.mx.signed. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "real.signed", "_25._tcp.real.signed TLSA",
		},
		{
			"alias-then-original", "mx.signed", "mx.signed. CNAME real.signed.\nreal.signed. A 192.0.2.1\n_25._tcp.mx.signed. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.signed", "_25._tcp.real.signed TLSA,_25._tcp.mx.signed TLSA",
		},
		{
			"alias-neither", "mx.signed", "mx.signed. CNAME real.signed.\nreal.signed. A 192.0.2.1\n",
			dane.NoRecords, "real.signed", "_25._tcp.real.signed TLSA,_25._tcp.mx.signed TLSA",
		},
		{
			"alias-expanded-fails", "mx.signed", "mx.signed. CNAME real.signed.\nreal.signed. A 192.0.2.1\n" +
				"fail _25._tcp.real.signed. TLSA\n_25._tcp.real.signed. TLSA 3 1 1 " + hex + "_25._tcp.mx.signed. TLSA 3 1 1 " + hex,
			dane.LookupFailed, "real.signed", "_25._tcp.real.signed TLSA",
		},
		{
			"signed-alias-into-unsigned", "mx.signed", "mx.signed. CNAME real.plain.\nreal.plain. A 192.0.2.1\n_25._tcp.mx.signed. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.signed", "mx.signed CNAME,_25._tcp.mx.signed TLSA",
		},
		{
			"unsigned-alias-into-signed", "mx.plain", "mx.plain. CNAME real.signed.\nreal.signed. A 192.0.2.1\n_25._tcp.real.signed. TLSA 3 1 1 " + hex,
			dane.NotApplicable, "", "mx.plain CNAME",
		},
		{
			"tlsa-owner-alias", "mx.signed", "mx.signed. A 192.0.2.1\n_25._tcp.mx.signed. CNAME _dane.signed.\n_dane.signed. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.signed", "_25._tcp.mx.signed TLSA",
		},
		{
			"tlsa-owner-alias-insecure", "mx.signed", "mx.signed. A 192.0.2.1\n_25._tcp.mx.signed. CNAME _dane.plain.\n_dane.plain. TLSA 3 1 1 " + hex,
			dane.NoRecords, "mx.signed", "_25._tcp.mx.signed TLSA",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := dane.Discover(t.Context(), validator(t, tt.zones), tt.host, 25)
			var asked []string
			for _, l := range d.Lookups[2:] {
				asked = append(asked, l.Name+" "+l.Type.String())
			}
			got := []string{string(d.Outcome), d.Base, strings.Join(asked, ",")}
			want := []string{string(tt.outcome), tt.base, tt.asked}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("%s\n%s", diff, d.Reason)
			}
			if d.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}

func TestDiscoveryNames(t *testing.T) {
	d := &dane.Discovery{Host: "mx.example", Base: "real.example"}
	got := d.Names("example", "mx.example", "")
	if diff := cmp.Diff(got, []string{"real.example", "mx.example", "example"}); diff != "" {
		t.Error(diff)
	}
}
