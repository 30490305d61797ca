package outbound_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/outbound"
)

func TestNotPublic(t *testing.T) {
	for address, want := range map[string]string{
		"8.8.8.8":                "",
		"193.0.0.1":              "",
		"172.32.0.1":             "",
		"100.128.0.1":            "",
		"2a00:1450::1":           "",
		"2001:4860:4860::8888":   "",
		"64:ff9b::808:808":       "",
		"2002:808:808::1":        "",
		"::ffff:8.8.8.8":         "",
		"0.0.0.0":                "the unspecified address",
		"::":                     "the unspecified address",
		"0.1.2.3":                "a reserved address",
		"127.0.0.1":              "a loopback address",
		"127.255.255.254":        "a loopback address",
		"::1":                    "a loopback address",
		"::ffff:127.0.0.1":       "a loopback address",
		"::ffff:0.0.0.0":         "the unspecified address",
		"64:ff9b::7f00:1":        "a loopback address within an IPv6 address",
		"2002:7f00:1::1":         "a loopback address within an IPv6 address",
		"2002:a00:1::":           "a private address within an IPv6 address",
		"64:ff9b:1::808:808":     "a reserved address", // RFC 8215
		"::8.8.8.8":              "a reserved address", // IPv4-compatible, RFC 4291, Section 2.5.5.1
		"10.255.0.1":             "a private address",
		"172.16.0.1":             "a private address",
		"172.31.255.255":         "a private address",
		"192.168.1.1":            "a private address",
		"::ffff:192.168.1.1":     "a private address",
		"fc00::1":                "a private address",
		"fdff::1":                "a private address",
		"169.254.169.254":        "a link-local address",
		"::ffff:169.254.169.254": "a link-local address",
		"fe80::1":                "a link-local address",
		"fe80::1%eth0":           "a link-local address",
		"fec0::1":                "a reserved address",
		"100.64.0.1":             "a reserved address",
		"192.0.0.8":              "a reserved address",
		"192.0.2.1":              "a reserved address",
		"198.19.255.255":         "a reserved address",
		"198.51.100.7":           "a reserved address",
		"203.0.113.7":            "a reserved address",
		"224.0.0.1":              "a multicast address",
		"ff02::1":                "a multicast address",
		"240.0.0.1":              "a reserved address",
		"255.255.255.255":        "a reserved address",
		"100::1":                 "a reserved address",
		"2001::1":                "a reserved address",
		"2001:db8::1":            "a reserved address",
		"3fff::1":                "a reserved address",
		"3fff:1000::1":           "",
		"5f00::1":                "a reserved address",
		"4000::1":                "a reserved address",
	} {
		if got := outbound.NotPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

const reachZone = `
inside.plain. MX 10 inside-mx.plain.
inside-mx.plain. A 127.0.0.1
inside-mx.plain. AAAA ::ffff:10.0.0.1
part.plain. MX 10 part-mx.plain.
part-mx.plain. A 10.0.0.1
part-mx.plain. A 8.8.8.8
backup.plain. MX 10 inside-mx.plain.
backup.plain. MX 20 part-mx.plain.
loop.plain. MX 10 self.plain.
loop.plain. MX 20 outer.plain.
self.plain. A 9.9.9.9
outer.plain. A 8.8.8.8
middle.plain. MX 10 outer.plain.
middle.plain. MX 20 aside.plain.
middle.plain. MX 20 self.plain.
middle.plain. MX 30 last.plain.
aside.plain. A 8.8.4.4
last.plain. A 8.8.8.1
named.plain. MX 10 mx.us.plain.
mx.us.plain. A 8.8.8.8
onlyself.plain. A 9.9.9.9
dead.plain. MX 10 gone.plain.
dead.plain. MX 20 self.plain.
_mta-sts.loop.plain. TXT "v=STSv1; id=1;"
_mta-sts.inside.plain. TXT "v=STSv1; id=1;"
`

// TestReach holds that nobody connects to where a stranger's zone must not lead, nor
// to this host itself.
func TestReach(t *testing.T) {
	w := newWorld(t, signedZone, plainZone+reachZone)
	own := netip.MustParseAddr("9.9.9.9")
	for _, row := range []struct{ name, domain, sts, want, reason string }{
		{
			"inside", "inside.plain", "", "defer none 451 4.4.4; inside-mx.plain opportunistic skip",
			"no MX host of inside.plain can be used: inside-mx.plain must not be connected to: ::ffff:10.0.0.1 is a private address, 127.0.0.1 is a loopback address",
		},
		{"inside-listed", "inside.plain", "inside.plain enforce inside-mx.plain", "defer none 451 4.4.4; inside-mx.plain mta-sts skip", ""},
		{"inside-unlisted", "inside.plain", "inside.plain enforce mx.plain", "defer mta-sts 451 4.7.0; inside-mx.plain mta-sts skip", ""},
		{"one-address-left", "part.plain", "", "deliver opportunistic; part-mx.plain opportunistic use", ""},
		{"one-host-left", "backup.plain", "", "deliver opportunistic; inside-mx.plain opportunistic skip; part-mx.plain opportunistic use", ""},
		{
			"loop", "loop.plain", "", "reject none 550 5.4.6",
			"mail for loop.plain would come back here: its MX host self.plain is this host, and none preferred to it has an address",
		},
		{"loop-forged", "loop.plain", "loop.plain enforce mx.plain", "defer mta-sts 451 4.4.3", ""},
		{"loop-below", "middle.plain", "", "deliver opportunistic; outer.plain opportunistic use", ""},
		{"loop-by-name", "named.plain", "", "reject none 550 5.4.6", ""},
		{"loop-implicit", "onlyself.plain", "", "reject none 550 5.4.6", ""},
		{"loop-dead-host", "dead.plain", "", "reject none 550 5.4.6; gone.plain opportunistic skip", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := w.planner(t, row.sts)
			p.Forbid, p.Hostname = outbound.NotPublic, "mx.us.plain"
			p.Own = func(a netip.Addr) bool { return a == own }
			plan := p.Plan(t.Context(), row.domain)
			if diff := cmp.Diff(short(plan), row.want); diff != "" {
				t.Errorf("%s\n%s", diff, plan.Reason)
			}
			if row.reason != "" && plan.Reason != row.reason {
				t.Errorf("got  %s\nwant %s", plan.Reason, row.reason)
			}
			for i := range plan.Hosts {
				for _, a := range plan.Hosts[i].Addresses() {
					if outbound.NotPublic(a) != "" || a == own {
						t.Errorf("%s would be connected to", a)
					}
				}
			}
		})
	}
}
