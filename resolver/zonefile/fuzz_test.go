package zonefile

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// FuzzZone loads any text, asks for each name that it has and for names beside
// them, and expects replies that fit a message.
func FuzzZone(f *testing.F) {
	f.Add(dedent(world), "a.example.org")
	f.Add(". DNAME a.\n", "b")
	f.Add("*. CNAME *.a.\n", "a.b")
	f.Add("a SOA . . 1 2 3 4 5\na NS a\nb.a DNAME a\n", "c.b.a")
	f.Add("@ 1 TXT \"\\255\\.\"\n\\000.\\.a NSEC3 1 0 1 - 00 A\n", "\\000.\\.a")
	f.Add("e. SOA . . 1 2 3 4 5\n00000000000000000000000000000000.e. NSEC3 1 0 0 - 00000000000000000000000000000000 A\n", "x.y.e")
	f.Fuzz(func(t *testing.T, text, name string) {
		if strings.Contains(strings.ToUpper(text), "$GENERATE") {
			return // a line of it makes 65,536 records, and many of those are slow
		}
		z, err := Parse(strings.NewReader(text), "f")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "zone f") {
				t.Errorf("got %v", err)
			}
			return
		}
		names := []string{name, "x." + name}
		for _, zn := range z.zones {
			for n := range zn.nodes {
				names = append(names, n, under("x", n), under("x.y", n))
			}
		}
		for _, n := range names[:min(len(names), 50)] {
			for _, typ := range []resolver.Type{resolver.TypeA, resolver.TypeDS, resolver.TypeANY} {
				q, err := resolver.NewQuestion(n, typ)
				if err != nil {
					continue
				}
				r, err := z.Fetch(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Msg.Pack(); err != nil && r.Msg.Len() < dns.MaxMsgSize {
					t.Errorf("%v: %v in\n%v", q, err, r.Msg)
				}
			}
		}
	})
}
