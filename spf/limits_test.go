package spf

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxseal/waxseal/resolver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// txt returns a TXT record in zone format, its text split where it must be.
func txt(name, text string) string {
	var b strings.Builder
	b.WriteString(name + " TXT")
	for len(text) > 250 {
		b.WriteString(` "` + text[:250] + `"`)
		text = text[250:]
	}
	b.WriteString(` "` + text + "\"\n")
	return b.String()
}

// TestLimits holds what a hostile record can make us ask, with a resolver that
// is asked in order and with one that is asked ahead.
func TestLimits(t *testing.T) {
	var includes, exists, many strings.Builder
	for i := range 400 {
		fmt.Fprintf(&includes, " include:i%d.example", i)
		fmt.Fprintf(&exists, " exists:%%{l}.%d.victim.example", i)
		fmt.Fprintf(&many, " ip4:203.0.113.%d", i%256)
	}
	var mx, ptrs strings.Builder
	for i := range 40 {
		fmt.Fprintf(&mx, "m.example. MX 1 h%d.example.\n", i)
		fmt.Fprintf(&ptrs, "1.2.0.192.in-addr.arpa. PTR h%d.d.example.\nh%d.d.example. A 203.0.113.1\n", i, i)
	}
	tests := []struct {
		name, zone string
		want       Result
		lookups    int
		voids      int
		questions  int // at most, asked in order
	}{
		{"include-itself", txt("d.example.", "v=spf1 include:d.example -all"), PermError, 10, 0, 11},
		{"redirect-itself", txt("d.example.", "v=spf1 redirect=d.example"), PermError, 10, 0, 11},
		{"loop", txt("d.example.", "v=spf1 include:e.example") + txt("e.example.", "v=spf1 redirect=d.example"), PermError, 10, 0, 11},
		{"400-includes", txt("d.example.", "v=spf1"+includes.String()), PermError, 1, 0, 2},
		{"400-terms", txt("d.example.", "v=spf1"+many.String()+" ip4:192.0.2.1 -all"), Pass, 0, 0, 1},
		{"400-exists", txt("d.example.", "v=spf1"+exists.String()), PermError, 3, 3, 4},
		{"exists-that-exist", txt("d.example.", "v=spf1"+exists.String()) + "*.victim.example. A 127.0.0.2\n", Pass, 1, 0, 2},
		{"400-a", txt("d.example.", "v=spf1"+strings.Repeat(" a", 400)) + "d.example. A 203.0.113.1\n", PermError, 10, 0, 11},
		{"too-many-mx", txt("d.example.", "v=spf1 mx:m.example -all") + mx.String(), PermError, 1, 0, 2},
		{"many-ptr", txt("d.example.", "v=spf1 ptr ptr ptr -all") + ptrs.String(), Fail, 3, 0, 12},
		{"many-ptr-macro", txt("d.example.", "v=spf1 exists:%{p}.d.example exists:%{p}.e.example -all") + ptrs.String(), Fail, 2, 2, 14},
		{"fan-out", fanOut(), PermError, 10, 0, 11},
		{"10000-terms", txt("d.example.", "v=spf1"+strings.Repeat(" all", 10000)), PermError, 0, 0, 1},
		{"one-mx-with-dead-hosts", txt("d.example.", "v=spf1 mx ip4:192.0.2.1 -all") + "d.example. MX 1 a.d.example.\nd.example. MX 2 b.d.example.\nd.example. MX 3 c.d.example.\n", Pass, 1, 1, 5},
		{"macros", txt("d.example.", "v=spf1 exists:"+strings.Repeat("%{s}", 2000)+" ip4:192.0.2.1"), Pass, 1, 0, 1},
	}
	for _, tt := range tests {
		for _, ahead := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ahead=%t", tt.name, ahead), func(t *testing.T) {
				z := newZone(tt.zone)
				c := Checker{Resolver: z, Trace: true}
				most := tt.questions
				if ahead {
					c.Resolver = newForgetful(z, 0)
					most += MaxLookups
				}
				e := c.CheckHost(context.Background(), args("192.0.2.1", strings.Repeat("x", 63)+"@d.example"))
				type counted struct {
					Result               Result
					Lookups, VoidLookups int
				}
				if got, want := (counted{e.Result, e.Lookups, e.VoidLookups}), (counted{tt.want, tt.lookups, tt.voids}); got != want {
					t.Errorf("got %+v, want %+v: %s", got, want, e.Reason)
				}
				if n := len(z.questions()); n > most {
					t.Errorf("%d questions, want at most %d: %q", n, most, z.questions())
				}
			})
		}
	}
}

// fanOut is a tree of records with ten includes each.
func fanOut() string {
	var b strings.Builder
	record := "v=spf1"
	for i := range 10 {
		record += fmt.Sprintf(" include:i%d.example", i)
	}
	b.WriteString(txt("d.example.", record))
	for i := range 10 {
		b.WriteString(txt(fmt.Sprintf("i%d.example.", i), strings.ReplaceAll(record, "include:", fmt.Sprintf("include:i%d.", i))))
		for j := range 10 {
			b.WriteString(txt(fmt.Sprintf("i%d.i%d.example.", i, j), "v=spf1 ?all"))
		}
	}
	return b.String()
}

// TestLimitReasons quotes what a person is told.
func TestLimitReasons(t *testing.T) {
	tests := []struct{ name, zone, want string }{
		{
			"lookups", txt("d.example.", "v=spf1 include:e.example") + txt("e.example.", "v=spf1 a a a a a a a a a a -all") + "e.example. A 203.0.113.1",
			"the SPF record of d.example needs more than 10 DNS lookups (the 11th is a in the record of e.example); its owner must make it smaller",
		},
		{
			"voids", txt("d.example.", "v=spf1 a:x.example mx:y.example exists:z.example"),
			"more than 2 terms of the SPF record of d.example look up what does not exist (the 3rd: A of z.example, for exists:z.example); its owner must remove what no longer exists",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e := evaluate(tt.zone, "192.0.2.1", "a@d.example"); e.Reason != tt.want {
				t.Errorf("\n got %s\nwant %s", e.Reason, tt.want)
			}
		})
	}
}

// TestAskedTogether holds that includes that nobody knows yet are asked side by
// side: their lookups wait for each other.
func TestAskedTogether(t *testing.T) {
	const zone = `
		d.example.         TXT "v=spf1 include:together1.example include:together2.example a:together3.example redirect=together4.example"
		together1.example. TXT "v=spf1 ip4:203.0.113.1"
		together2.example. TXT "v=spf1 ip4:203.0.113.1"
		together3.example. A 203.0.113.1
		together4.example. TXT "v=spf1 mx:m.example -all"
		m.example.         MX 1 h.example.
		m.example.         MX 1 h2.example.
		h.example.         A 203.0.113.1
		h2.example.        A 192.0.2.1
	`
	c := Checker{Resolver: newForgetful(newZone(zone), 4), Timeout: 5 * time.Second}
	e := c.CheckHost(context.Background(), args("192.0.2.1", "a@d.example"))
	if e.Result != Pass || e.Lookups != 5 {
		t.Errorf("got %s after %d lookups: %s", e.Result, e.Lookups, e.Reason)
	}
}

// TestNotAskedAhead holds that nothing is asked that a term before it makes
// needless for certain.
func TestNotAskedAhead(t *testing.T) {
	z := newZone(`
		d.example. TXT "v=spf1 a:a.example ip4:203.0.113.1 include:b.example ip4:192.0.2.1 include:c.example -all"
		a.example. A 203.0.113.1
		b.example. TXT "v=spf1 -all"
	`)
	c := Checker{Resolver: newForgetful(z, 0)}
	e := c.CheckHost(context.Background(), args("192.0.2.1", "a@d.example"))
	want := []string{"a.example A", "b.example TXT", "d.example TXT"}
	if got := z.questions(); e.Result != Pass || !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", e.Result, got, want)
	}
}

// TestDNSSECStatus holds that the status of an evaluation is the worst of what it
// rests on, and that the explanation does not count.
func TestDNSSECStatus(t *testing.T) {
	z := newZone(`
		d.example. TXT "v=spf1 a -all exp=e.example"
		d.example. A 203.0.113.1
		e.example. TXT "no"
	`)
	set := func(q question, s resolver.Status) *resolver.Answer {
		a, err := z.Lookup(context.Background(), q.name, q.t)
		if err != nil {
			t.Fatal(err)
		}
		return &resolver.Answer{Name: q.name, Type: q.t, Status: s, Records: a.Records}
	}
	record, addr, exp := question{"d.example", resolver.TypeTXT}, question{"d.example", resolver.TypeA}, question{"e.example", resolver.TypeTXT}
	for _, s := range []resolver.Status{resolver.Secure, resolver.Insecure, resolver.Indeterminate} {
		c := Checker{Resolver: memory{
			record: set(record, resolver.Secure),
			addr:   set(addr, s),
			exp:    set(exp, resolver.Insecure),
		}}
		e := c.CheckHost(context.Background(), args("192.0.2.1", "a@d.example"))
		if e.Result != Fail || e.Explanation != "no" || e.DNSSEC != s {
			t.Errorf("got %+v, want %s", e, s)
		}
	}
}
