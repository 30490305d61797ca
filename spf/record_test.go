package spf

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRecord(t *testing.T) {
	const text = "v=spf1 +mx:Example.com/24//64 ip4:192.0.2.0/24 -ip6:2001:db8::/32 exists:%{i}.x.example ?ptr  a/28 moo=%{d}/x exp=e.example redirect=%{d2}"
	got, err := ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	want := &Record{
		Text: text,
		Directives: []Directive{
			{Text: "+mx:Example.com/24//64", Mechanism: MX, Qualifier: Pass, Domain: DomainSpec{Text: "Example.com", name: "example.com"}, CIDR4: 24, CIDR6: 64},
			{Text: "ip4:192.0.2.0/24", Mechanism: IP4, Qualifier: Pass, Prefix: netip.MustParsePrefix("192.0.2.0/24"), CIDR4: 32, CIDR6: 128},
			{Text: "-ip6:2001:db8::/32", Mechanism: IP6, Qualifier: Fail, Prefix: netip.MustParsePrefix("2001:db8::/32"), CIDR4: 32, CIDR6: 128},
			{Text: "exists:%{i}.x.example", Mechanism: Exists, Qualifier: Pass, Domain: DomainSpec{Text: "%{i}.x.example", macros: true}, CIDR4: 32, CIDR6: 128},
			{Text: "?ptr", Mechanism: PTR, Qualifier: Neutral, CIDR4: 32, CIDR6: 128},
			{Text: "a/28", Mechanism: A, Qualifier: Pass, CIDR4: 28, CIDR6: 128},
		},
		Exp:      Modifier{"exp=e.example", DomainSpec{Text: "e.example", name: "e.example"}},
		Redirect: Modifier{"redirect=%{d2}", DomainSpec{Text: "%{d2}", macros: true}},
		Unknown:  []string{"moo=%{d}/x"},
	}
	if d := cmp.Diff(got, want, cmp.AllowUnexported(DomainSpec{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("-got +want\n%s", d)
	}
}

func TestParseRecordErrors(t *testing.T) {
	tests := []struct {
		text   string
		term   string
		offset int
		reason Reason
	}{
		{"v=spf10", "", 0, NotSPF},
		{"v=spf1\tall", "", 0, NotSPF},
		{"v=spf1 " + strings.Repeat("x", MaxRecordBytes), "", 0, RecordTooLong},
		{"v=spf1" + strings.Repeat(" a", MaxTerms+1), "a", 6 + 2*MaxTerms + 1, TooManyTerms},
		{"v=spf1 -", "-", 7, BadTerm},
		{"v=spf1 =x", "=x", 7, BadTerm},
		{"v=spf1  all;", "all;", 8, BadTerm},
		{"v=spf1 a\tmx", `"a\tmx"`, 7, BadTerm},
		{"v=spf1 -exp=x.example", "-exp=x.example", 7, BadTerm},
		{"v=spf1 ipv4:192.0.2.1", "ipv4:192.0.2.1", 7, UnknownMechanism},
		{"v=spf1 all:x", "all:x", 7, UnwantedArgument},
		{"v=spf1 include", "include", 7, MissingDomain},
		{"v=spf1 include: x.example", "include:", 7, MissingDomain},
		{"v=spf1 ptr/0", "ptr/0", 7, BadCIDR},
		{"v=spf1 exists:x.example/24", "exists:x.example/24", 7, BadToplabel},
		{"v=spf1 a:museum", "a:museum", 7, BadToplabel},
		{"v=spf1 a:%{d}.", "a:%{d}.", 7, BadToplabel},
		{"v=spf1 a:192.0.2.1/24", "a:192.0.2.1/24", 7, AddressAsDomain},
		{"v=spf1 mx:2001:db8::1", "mx:2001:db8::1", 7, AddressAsDomain},
		{"v=spf1 a/33", "a/33", 7, BadCIDR},
		{"v=spf1 a/024", "a/024", 7, BadCIDR},
		{"v=spf1 a//129", "a//129", 7, BadCIDR},
		{"v=spf1 a/24/64", "a/24/64", 7, BadCIDR},
		{"v=spf1 a/", "a/", 7, BadCIDR},
		{"v=spf1 ip4:192.0.2", "ip4:192.0.2", 7, BadAddress},
		{"v=spf1 ip4:192.0.2.01", "ip4:192.0.2.01", 7, BadAddress},
		{"v=spf1 ip4:192.0.2.256", "ip4:192.0.2.256", 7, BadAddress},
		{"v=spf1 ip4:192.0.2.1.", "ip4:192.0.2.1.", 7, BadAddress},
		{"v=spf1 ip4:", "ip4:", 7, BadAddress},
		{"v=spf1 ip4:192.0.2.0/", "ip4:192.0.2.0/", 7, BadCIDR},
		{"v=spf1 ip4:192.0.2.0//24", "ip4:192.0.2.0//24", 7, BadCIDR},
		{"v=spf1 ip6:fe80::1%eth0", "ip6:fe80::1%eth0", 7, BadAddress},
		{"v=spf1 ip6:192.0.2.1", "ip6:192.0.2.1", 7, BadAddress},
		{"v=spf1 a:%{x}", "a:%{x}", 7, BadMacro},
		{"v=spf1 a:%{", "a:%{", 7, BadMacro},
		{"v=spf1 a:%", "a:%", 7, BadMacro},
		{"v=spf1 a:%{d0}", "a:%{d0}", 7, BadMacro},
		{"v=spf1 a:%{dr2}", "a:%{dr2}", 7, BadMacro},
		{"v=spf1 a:%{d!}", "a:%{d!}", 7, BadMacro},
		{"v=spf1 a:%{c}", "a:%{c}", 7, MacroOnlyInExp},
		{"v=spf1 moo=%{t}", "moo=%{t}", 7, MacroOnlyInExp},
		{"v=spf1 a:b\u00fccher.example", `"a:b\u00fccher.example"`, 7, BadCharacter},
		{"v=spf1 all exp=", "exp=", 11, MissingDomain},
		{"v=spf1 redirect=a.example redirect=a.example", "redirect=a.example", 26, Duplicate},
		{"v=spf1 exp=a.example EXP=a.example", "EXP=a.example", 21, Duplicate},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.text[:min(len(tt.text), 40)], " ", "_"), func(t *testing.T) {
			_, err := ParseRecord(tt.text)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if want := (Error{tt.reason, tt.term, tt.offset}); *got != want {
				t.Errorf("got %+v, want %+v", *got, want)
			}
		})
	}
}

// TestRecordCache holds that a cache gives what parsing gives and stays within
// its bound.
func TestRecordCache(t *testing.T) {
	c := &RecordCache{MaxBytes: 64 << 10}
	text := "v=spf1 ip4:192.0.2.1 -all"
	first, err := c.parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.parse(text); again != first {
		t.Error("parsed twice")
	}
	if _, err := c.parse("v=spf1 oops"); err == nil || err.Reason != UnknownMechanism {
		t.Errorf("got %v", err)
	}
	for i := range 10_000 {
		if _, err := c.parse("v=spf1 exists:" + strings.Repeat("x", i%40) + "." + string(rune('a'+i%26)) + "x.example"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.parse(text); err != nil {
			t.Fatal(err)
		}
	}
	if kept, _ := c.parse(text); kept != first {
		t.Error("forgot what is asked for all the time")
	}
	kept := map[string]bool{}
	for i := range c.shards {
		for _, m := range []map[string]parsed{c.shards[i].young, c.shards[i].old} {
			for text := range m {
				kept[text] = true
			}
		}
	}
	if got := c.Len(); got != len(kept) {
		t.Errorf("Len is %d, want %d", got, len(kept))
	}
	bytes := 0
	for i := range c.shards {
		for _, m := range []map[string]parsed{c.shards[i].young, c.shards[i].old} {
			for text, p := range m {
				bytes += recordSize(text, p)
			}
		}
	}
	if bytes > c.MaxBytes {
		t.Errorf("%d bytes kept, want at most %d", bytes, c.MaxBytes)
	}
}
