package spf

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// testCheck is a check in the state of the examples of RFC 7208, Section 7.4.
func testCheck(ip string) *check {
	return &check{
		c: &Checker{
			Receiver: "mx.receiver.example",
			Time:     func() time.Time { return time.Unix(1234567890, 0) },
			Resolver: newZone(`
				3.2.0.192.in-addr.arpa. PTR mx.example.org.
				mx.example.org.         A   192.0.2.3`),
		},
		parent: context.Background(), ip: netip.MustParseAddr(ip), helo: "mx.example.org",
		local: "strong-bad", domain: "email.example.com",
	}
}

func TestExpand(t *testing.T) {
	tests := []struct{ ip, text, want string }{
		// The table of RFC 7208, Section 7.4.
		{"192.0.2.3", "%{s}", "strong-bad@email.example.com"},
		{"192.0.2.3", "%{o}", "email.example.com"},
		{"192.0.2.3", "%{d}", "email.example.com"},
		{"192.0.2.3", "%{d4}", "email.example.com"},
		{"192.0.2.3", "%{d3}", "email.example.com"},
		{"192.0.2.3", "%{d2}", "example.com"},
		{"192.0.2.3", "%{d1}", "com"},
		{"192.0.2.3", "%{dr}", "com.example.email"},
		{"192.0.2.3", "%{d2r}", "example.email"},
		{"192.0.2.3", "%{l}", "strong-bad"},
		{"192.0.2.3", "%{l-}", "strong.bad"},
		{"192.0.2.3", "%{lr}", "strong-bad"},
		{"192.0.2.3", "%{lr-}", "bad.strong"},
		{"192.0.2.3", "%{l1r-}", "strong"},
		{"192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
		{"192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
		{"192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
		{"192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
		{"192.0.2.3", "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
		{"2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}", "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com"},
		// The rest of Sections 7.2 and 7.3.
		{"192.0.2.3", "%%%_%-", "% %20"},
		{"192.0.2.3", "%{p} %{h} %{r} %{t}", "mx.example.org mx.example.org mx.receiver.example 1234567890"},
		{"192.0.2.4", "%{p}", "unknown"},
		{"2001:db8::cb01", "%{c} %{C}", "2001:db8::cb01 2001%3Adb8%3A%3Acb01"},
		{"192.0.2.3", "%{S} %{L-}", "strong-bad%40email.example.com strong.bad"},
		{"192.0.2.3", "%{d127} %{d999999999999999999999}", "email.example.com email.example.com"},
		{"192.0.2.3", "%{s2r@.-}", ""},
		{"192.0.2.3", "%{d1r.,+-/_=}", "email"},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.text, " ", "_"), func(t *testing.T) {
			if _, reason := checkMacros(tt.text, macroExp); reason != "" {
				if tt.want != "" {
					t.Fatal(reason)
				}
				return
			}
			got, ok := testCheck(tt.ip).appendExpanded(nil, tt.text, "email.example.com", macroExp, 1000)
			if string(got) != tt.want || !ok {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestQueryName(t *testing.T) {
	long := strings.Repeat("a123456789.", 30) + "example"
	tests := []struct{ name, want string }{
		{"Example.COM.", "example.com"},
		{"museum", "museum"},
		{"a b.example", `a\ b.example`},
		{`a\b"@.example`, `a\\b\"\@.example`},
		{"a\x00\x7f.example", `a\000\127.example`},
		{"a..example", ""},
		{".example", ""},
		{"", ""},
		{".", ""},
		{strings.Repeat("x", 63) + ".example", strings.Repeat("x", 63) + ".example"},
		{strings.Repeat("x", 64) + ".example", ""},
		{long, long[len(long)-(22*11+7):]},
		{strings.Repeat("x", 254), ""},
		{"b\u00fccher.example", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := queryName(tt.name); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
