package outbound_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

const tlsa = "3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// signedZone has domains, one a paragraph, and the hosts that several share.
var signedZone = strings.ReplaceAll(`
dane.signed. MX 10 mx.dane.signed.
mx.dane.signed. A 192.0.2.1
_25._tcp.mx.dane.signed. TLSA TLSA

unusable.signed. MX 10 mx.unusable.signed.
mx.unusable.signed. A 192.0.2.1
_25._tcp.mx.unusable.signed. TLSA 1 1 1 00

none.signed. MX 10 mx.none.signed.
mx.none.signed. AAAA 2001:db8::1

null.signed. MX 0 .
nullmix.signed. MX 0 .
nullmix.signed. MX 5 mx.dane.signed.

implicit.signed. A 192.0.2.1
_25._tcp.implicit.signed. TLSA TLSA

text.signed. TXT "nothing to mail"
lost.signed. MX 10 lost-mx.signed.

away.signed. MX 10 mx.plain.
mixed.signed. MX 10 mx.plain.
mixed.signed. MX 20 mx.dane.signed.

alias.signed. CNAME dane.signed.
aliasmx.signed. MX 10 aliasmx-host.signed.
aliasmx-host.signed. CNAME mx.dane.signed.

bogus.signed. MX 10 mx.bogus.signed.
mx.bogus.signed. A 192.0.2.1
_25._tcp.mx.bogus.signed. TLSA TLSA
bogusmx.signed. MX 10 mx.dane.signed.
bogusaddr.signed. MX 10 bogusaddr-host.signed.
bogusaddr-host.signed. A 192.0.2.1
half.signed. MX 10 mx.bogus.signed.
half.signed. MX 20 mx.none.signed.

order.signed. MX 20 c.signed.
order.signed. MX 10 a.signed.
order.signed. MX 10 b.signed.
order.signed. MX 10 a.signed.
a.signed. A 192.0.2.1
b.signed. A 192.0.2.2
c.signed. A 192.0.2.3

_mta-sts.dane.signed. TXT "v=STSv1; id=1;"
_mta-sts.order.signed. TXT "v=STSv1; id=1;"
_mta-sts.aliasmx.signed. TXT "v=STSv1; id=1;"
_mta-sts.none.signed. TXT "v=STSv1; id=1;"
_mta-sts.unusable.signed. TXT "v=STSv1; id=1;"
_mta-sts.bogus.signed. TXT "v=STSv1; id=1;"
`, "TLSA TLSA", "TLSA "+tlsa)

const plainZone = `
a.plain. MX 10 mx.plain.
mx.plain. A 192.0.2.9
_25._tcp.mx.plain. TLSA ` + tlsa + `
tosigned.plain. MX 10 mx.dane.signed.
_mta-sts.a.plain. TXT "v=STSv1; id=1;"
_mta-sts.tosigned.plain. TXT "v=STSv1; id=1;"
two.plain. MX 10 mx.plain.
two.plain. MX 20 other.plain.
other.plain. A 192.0.2.8
_mta-sts.two.plain. TXT "v=STSv1; id=1;"
twice.plain. MX 10 mx.plain.
_mta-sts.twice.plain. TXT "v=STSv1; id=1;"
_mta-sts.twice.plain. TXT "v=STSv1; id=2;"
broken.plain. MX 10 mx.plain.
null.plain. MX 0 .
ipmx.plain. MX 10 192.0.2.1.
text.plain. TXT "nothing to mail"
lost.plain. MX 10 lost-mx.plain.
_mta-sts.broken.plain. TXT "v=STSv1"
`

// short writes a plan in a line: outcome, mechanism, then host, policy and state.
func short(p *outbound.Plan) string {
	s := fmt.Sprintf("%s %s", p.Outcome, p.Mechanism)
	if p.Code != 0 {
		s += fmt.Sprintf(" %d %v", p.Code, p.Enhanced)
	}
	for _, h := range p.Hosts {
		s += fmt.Sprintf("; %s %s %s", h.Name, h.Policy, h.State)
	}
	return s
}

func TestPlan(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	w.signed.Corrupt("_25._tcp.mx.bogus.signed.", dns.TypeTLSA)
	w.signed.Corrupt("bogusmx.signed.", dns.TypeMX)
	w.signed.Corrupt("bogusaddr-host.signed.", dns.TypeA)
	w.signed.Corrupt("_mta-sts.order.signed.", dns.TypeTXT)
	w.signed.Corrupt("_mta-sts.aliasmx.signed.", dns.TypeTXT)
	tests := []struct {
		name, domain, sts, want string
	}{
		{"dane", "dane.signed", "", "deliver dane; mx.dane.signed dane use"},
		{"dane-unusable", "unusable.signed", "", "deliver dane; mx.unusable.signed dane-unauthenticated use"},
		{"no-tlsa", "none.signed", "", "deliver opportunistic; mx.none.signed opportunistic use"},
		{"no-tlsa-sts", "none.signed", "none.signed enforce mx.none.signed", "deliver mta-sts; mx.none.signed mta-sts use"},
		{"unusable-sts", "unusable.signed", "unusable.signed enforce *.unusable.signed", "deliver mta-sts; mx.unusable.signed mta-sts use"},
		{"dane-and-sts", "dane.signed", "dane.signed enforce mx.dane.signed", "deliver dane; mx.dane.signed dane use"},
		{"dane-against-sts", "dane.signed", "dane.signed enforce other.signed", "deliver dane; mx.dane.signed dane use"},
		{"null-mx", "null.signed", "", "reject none 556 5.1.10"},
		{"null-mx-beside", "nullmix.signed", "", "deliver dane; mx.dane.signed dane use"},
		{"implicit-mx", "implicit.signed", "", "deliver dane; implicit.signed dane use"},
		{"no-mx-no-address", "text.signed", "", "reject none 550 5.1.2; text.signed opportunistic skip"},
		{"nxdomain", "nowhere.signed", "", "reject none 550 5.1.2"},
		{"host-without-address", "lost.signed", "", "reject none 550 5.4.4; lost-mx.signed opportunistic skip"},
		{"insecure-host", "away.signed", "", "deliver opportunistic; mx.plain opportunistic use"},
		{"mixed-hosts", "mixed.signed", "", "deliver opportunistic; mx.plain opportunistic use; mx.dane.signed dane use"},
		{"alias-domain", "alias.signed", "", "deliver dane; mx.dane.signed dane use"},
		{"alias-host", "aliasmx.signed", "", "deliver dane; aliasmx-host.signed dane use"},
		{"bogus-tlsa", "bogus.signed", "", "defer dane 451 4.4.3; mx.bogus.signed dane defer"},
		{"bogus-tlsa-sts", "bogus.signed", "bogus.signed enforce mx.bogus.signed", "defer dane 451 4.4.3; mx.bogus.signed dane defer"},
		{"bogus-mx", "bogusmx.signed", "", "defer none 451 4.4.3"},
		{"bogus-address", "bogusaddr.signed", "", "defer none 451 4.4.3; bogusaddr-host.signed opportunistic defer"},
		{"one-host-bogus", "half.signed", "", "deliver opportunistic; mx.bogus.signed dane defer; mx.none.signed opportunistic use"},
		{"order", "order.signed", "", "deliver opportunistic; a.signed opportunistic use; b.signed opportunistic use; c.signed opportunistic use"},
		{"plain", "a.plain", "", "deliver opportunistic; mx.plain opportunistic use"},
		{"plain-sts", "a.plain", "a.plain enforce mx.plain", "deliver mta-sts; mx.plain mta-sts use"},
		{"plain-sts-testing", "a.plain", "a.plain testing other.plain", "deliver opportunistic; mx.plain opportunistic use"},
		{"plain-sts-none", "a.plain", "a.plain none", "deliver opportunistic; mx.plain opportunistic use"},
		{"plain-sts-unlisted", "a.plain", "a.plain enforce other.plain", "defer mta-sts 451 4.7.0; mx.plain mta-sts skip"},
		{"plain-sts-one-listed", "two.plain", "two.plain enforce other.plain", "deliver mta-sts; mx.plain mta-sts skip; other.plain mta-sts use"},
		{"plain-sts-broken-record", "broken.plain", "", "deliver opportunistic; mx.plain opportunistic use"},
		{"insecure-mx-secure-host", "tosigned.plain", "", "deliver dane; mx.dane.signed dane use"},
		{"insecure-mx-secure-host-sts", "tosigned.plain", "tosigned.plain enforce mx.dane.signed", "deliver dane; mx.dane.signed dane use"},
		// Whoever forges the MX can name a host that he has signed himself.
		{"forged-mx-to-signed-host", "tosigned.plain", "tosigned.plain enforce mx.plain", "defer mta-sts 451 4.7.0; mx.dane.signed mta-sts skip"},
		// Blocking the question for a policy does not lead around it.
		{"sts-lookup-bogus", "aliasmx.signed", "x.signed enforce x.signed", "deliver dane; aliasmx-host.signed dane use"},
		{"sts-lookup-bogus-no-dane", "order.signed", "x.signed enforce x.signed", "defer none 451 4.4.3; a.signed opportunistic defer; b.signed opportunistic defer; c.signed opportunistic defer"},
		{"sts-lookup-bogus-cached", "order.signed", "order.signed enforce c.signed", "deliver mta-sts; a.signed mta-sts skip; b.signed mta-sts skip; c.signed mta-sts use"},
		// Nor can whoever forges a denial turn mail into bounces against a policy.
		{"forged-null-mx", "null.plain", "null.plain enforce mx.plain", "defer mta-sts 451 4.4.3"},
		{"forged-null-mx-testing", "null.plain", "null.plain testing mx.plain", "reject none 556 5.1.10"},
		{"null-mx-insecure", "null.plain", "", "reject none 556 5.1.10"},
		{"proven-null-mx-sts", "null.signed", "null.signed enforce mx.plain", "reject none 556 5.1.10"},
		{"forged-nxdomain", "gone.plain", "gone.plain enforce mx.plain", "defer mta-sts 451 4.4.3"},
		{"proven-nxdomain-sts", "nowhere.signed", "nowhere.signed enforce mx.plain", "reject none 550 5.1.2"},
		{"forged-no-mx", "text.plain", "text.plain enforce mx.plain", "defer mta-sts 451 4.4.3; text.plain mta-sts skip"},
		{"forged-unlisted-no-address", "lost.plain", "lost.plain enforce mx.plain", "defer mta-sts 451 4.4.3; lost-mx.plain mta-sts skip"},
		{"forged-no-address", "lost.plain", "lost.plain enforce lost-mx.plain", "defer mta-sts 451 4.4.3; lost-mx.plain mta-sts skip"},
		{"proven-no-address-sts", "lost.signed", "lost.signed enforce lost-mx.signed", "reject none 550 5.4.4; lost-mx.signed mta-sts skip"},
		{"mx-is-address", "ipmx.plain", "", "reject none 550 5.4.4; 192.0.2.1 opportunistic skip"},
		{"case-and-dot", "DANE.signed.", "", "deliver dane; mx.dane.signed dane use"},
		{"no-name", "a b", "", "reject none 553 5.1.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var policies []string
			if tt.sts != "" {
				policies = append(policies, tt.sts)
			}
			p := w.planner(t, policies...)
			if tt.sts == "" {
				p.STS = nil
			}
			plan := p.Plan(t.Context(), tt.domain)
			if diff := cmp.Diff(short(plan), tt.want); diff != "" {
				t.Errorf("%s\n%s", diff, plan.Reason)
			}
			if plan.Reason == "" {
				t.Error("no reason")
			}
			// From the cache the plan is the same.
			if diff := cmp.Diff(short(p.Plan(t.Context(), tt.domain)), tt.want); diff != "" {
				t.Errorf("cached: %s", diff)
			}
		})
	}
}

// A server that drops or fails TLSA questions cannot switch DANE off.
func TestPlanBlockedTLSA(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	w.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if q.Type == resolver.TypeTLSA {
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
		}
		return m
	}
	plan := w.planner(t).Plan(t.Context(), "dane.signed")
	if diff := cmp.Diff(short(plan), "defer dane 451 4.4.3; mx.dane.signed dane defer"); diff != "" {
		t.Error(diff)
	}
	// Below an insecure host nobody asks.
	plan = w.planner(t).Plan(t.Context(), "a.plain")
	if diff := cmp.Diff(short(plan), "deliver opportunistic; mx.plain opportunistic use"); diff != "" {
		t.Error(diff)
	}
}

// TLSA in an unsigned zone is no TLSA, and without validation there is no DANE.
func TestPlanWithoutProof(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	p := &outbound.Planner{Resolver: &resolver.Unvalidated{Source: w, Status: resolver.Indeterminate}}
	plan := p.Plan(t.Context(), "dane.signed")
	if diff := cmp.Diff(short(plan), "deliver opportunistic; mx.dane.signed opportunistic use"); diff != "" {
		t.Error(diff)
	}
}

// A test bed reaches a host at another port; that does not take DANE away.
func TestPlanOtherPort(t *testing.T) {
	w := newWorld(t, signedZone+"_2525._tcp.mx.none.signed. TLSA "+tlsa+"\n", plainZone)
	p := w.planner(t)
	p.Port = 2525
	var got []string
	for _, domain := range []string{"none.signed", "dane.signed", "order.signed"} {
		h := p.Plan(t.Context(), domain).Hosts[0]
		got = append(got, fmt.Sprintf("%s %s", h.Policy, h.DANE.Reason))
	}
	want := []string{
		"dane 1 TLSA record at _2525._tcp.mx.none.signed",
		"dane 1 TLSA record at _25._tcp.mx.dane.signed",
		"opportunistic there is no TLSA record at _2525._tcp.a.signed",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestPlanNames(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	h := w.planner(t).Plan(t.Context(), "aliasmx.signed").Hosts[0]
	want := []string{"mx.dane.signed", "aliasmx-host.signed", "aliasmx.signed"}
	if h.DANE.Base == "aliasmx-host.signed" {
		t.Errorf("got the original name as TLSA base domain")
	}
	if diff := cmp.Diff(h.Names, want); diff != "" {
		t.Error(diff)
	}
	if got := h.ServerName(); got != "mx.dane.signed" {
		t.Errorf("got SNI %q, want the TLSA base domain", got)
	}
	h = w.planner(t).Plan(t.Context(), "alias.signed").Hosts[0]
	if diff := cmp.Diff(h.Names, []string{"mx.dane.signed", "alias.signed", "dane.signed"}); diff != "" {
		t.Error(diff)
	}
}

// The order of hosts and the number of them are ours, whatever the zone says.
func TestPlanManyHosts(t *testing.T) {
	var zone strings.Builder
	for i := range 100 {
		fmt.Fprintf(&zone, "many.plain. MX %d h%d.plain.\nh%d.plain. A 192.0.2.1\n", 1000-i, i, i)
	}
	w := newWorld(t, signedZone, zone.String())
	hosts := w.planner(t).Plan(t.Context(), "many.plain").Hosts
	if len(hosts) != outbound.MaxHosts || hosts[0].Name != "h99.plain" {
		t.Errorf("got %d hosts, first %s, want %d, h99.plain", len(hosts), hosts[0].Name, outbound.MaxHosts)
	}
}

// The contract of tls-policy.
func TestPlanJSON(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	b, err := json.Marshal(w.planner(t).Plan(t.Context(), "dane.signed"))
	if err != nil {
		t.Fatal(err)
	}
	type host struct {
		Host       string   `json:"host"`
		Preference int      `json:"preference"`
		Policy     string   `json:"policy"`
		TLSA       []string `json:"tlsa"`
		Reason     string   `json:"reason"`
	}
	type contract struct {
		Domain    string `json:"domain"`
		Mechanism string `json:"mechanism"`
		MX        []host `json:"mx"`
		Reason    string `json:"reason"`
	}
	var got contract
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := contract{
		Domain: "dane.signed", Mechanism: "dane", Reason: "every usable host is authenticated by DANE",
		MX: []host{{"mx.dane.signed", 10, "dane", []string{tlsa}, "1 TLSA record at _25._tcp.mx.dane.signed"}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s%s", diff, b)
	}
	if b, _ := json.Marshal(w.planner(t).Plan(t.Context(), "null.signed")); !strings.Contains(string(b), `"mx":[]`) {
		t.Errorf("got %s, want an empty list of hosts", b)
	}
}

func BenchmarkPlanCached(b *testing.B) {
	w := newWorld(b, signedZone, plainZone)
	p := w.planner(b, "dane.signed enforce mx.dane.signed")
	p.Plan(b.Context(), "dane.signed")
	b.ReportAllocs()
	for b.Loop() {
		if p.Plan(b.Context(), "dane.signed").Mechanism != outbound.MechanismDANE {
			b.Fatal("no DANE")
		}
	}
}

// A domain may be so long that there is no room for the prefix of a record: then
// there is none, and the mail does not wait for it.
func TestPlanLongNames(t *testing.T) {
	label := strings.Repeat("a", 61)
	long := label + "." + label + "." + label + "." + strings.Repeat("b", 57) + ".signed" // 250 bytes
	w := newWorld(t, long+". MX 10 "+long+".\n"+long+". A 192.0.2.1\n", "")
	p := w.planner(t).Plan(t.Context(), long)
	if got, want := strings.ReplaceAll(short(p), long, "LONG"), "deliver opportunistic; LONG opportunistic use"; got != want {
		t.Errorf("got %s, want %s: %s", got, want, p.Reason)
	}
}
