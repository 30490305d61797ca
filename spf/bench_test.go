package spf

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/resolver"
)

// tree returns a domain with eight includes of twenty terms; the last term of
// the last matches 198.51.100.200.
func tree(t testing.TB) memory {
	var b strings.Builder
	names := []string{"example.com"}
	b.WriteString(`example.com. TXT "v=spf1`)
	for i := range 8 {
		fmt.Fprintf(&b, " include:_spf%d.example.net", i)
	}
	b.WriteString(" -all\"\n")
	for i := range 8 {
		names = append(names, fmt.Sprintf("_spf%d.example.net", i))
		fmt.Fprintf(&b, `_spf%d.example.net. TXT "v=spf1`, i)
		for j := range 19 {
			if j%4 == 3 {
				fmt.Fprintf(&b, " ip6:2001:db8:%x:%x::/64", i, j)
			} else {
				fmt.Fprintf(&b, " ip4:203.0.%d.%d/28", i, j)
			}
			if j == 9 {
				b.WriteString(`" "`) // a string of a TXT record has 255 bytes at most
			}
		}
		if i == 7 {
			b.WriteString(" ip4:198.51.100.200")
		} else {
			b.WriteString(" ip4:198.51.100.1")
		}
		b.WriteString(" ~all\"\n")
	}
	return remember(t, newZone(b.String()), names...)
}

var treeArgs = Args{IP: netip.MustParseAddr("198.51.100.200"), Helo: "mail.example.com", MailFrom: "someone@example.com"}

func BenchmarkCheckHost(b *testing.B) {
	m := tree(b)
	for _, c := range []struct {
		name    string
		checker Checker
	}{
		{"parsed", Checker{Resolver: m}},
		{"cached", Checker{Resolver: m, Records: new(RecordCache)}},
		{"cached-peeker", Checker{Resolver: known{m}, Records: new(RecordCache)}},
		{"cached-traced", Checker{Resolver: m, Records: new(RecordCache), Trace: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e := c.checker.CheckHost(context.Background(), treeArgs); e.Result != Pass {
					b.Fatal(e.Reason)
				}
			}
		})
	}
}

func BenchmarkParseRecord(b *testing.B) {
	text := tree(b)[question{"_spf3.example.net", resolver.TypeTXT}].TXT()[0]
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecord(text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHostile is the worst that one record can cost.
func BenchmarkHostile(b *testing.B) {
	for _, c := range []struct{ name, record string }{
		{"400-terms", "v=spf1" + strings.Repeat(" ip4:203.0.113.1", 400) + " -all"},
		{"4096-terms", "v=spf1" + strings.Repeat(" ip4:9.9.9.9", MaxTerms-1) + " -all"},
		{"macros", "v=spf1 exists:" + strings.Repeat("%{l1r+-}", 5000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := remember(b, newZone(txt("example.com.", c.record)), "example.com")
			checker := Checker{Resolver: m}
			b.ReportAllocs()
			for b.Loop() {
				checker.CheckHost(context.Background(), treeArgs)
			}
		})
	}
}
