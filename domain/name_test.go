package domain

import (
	"strings"
	"testing"

	"github.com/waxseal/waxseal/internal/ascii"
)

var (
	label63 = strings.Repeat("a", 63)
	name253 = strings.Repeat(label63+".", 3) + strings.Repeat("a", 61)
)

var parseTests = []struct{ name, in, want, unicode string }{
	{"plain", "mail.example", "mail.example", ""},
	{"case", "Mail.EXAMPLE", "mail.example", ""},
	{"dot", "mail.example.", "mail.example", ""},
	{"single", "localhost", "localhost", ""},
	{"underscore", "s1._domainkey.a.example", "s1._domainkey.a.example", ""},
	{"digits", "192.0.2.1", "192.0.2.1", ""}, // a name to DNS; what an address is, the caller knows
	{"hyphens", "-a.b-.c--d.example", "-a.b-.c--d.example", ""},
	{"label-63", label63 + ".example", label63 + ".example", ""},
	{"name-253", name253, name253, ""},
	{"name-253-dot", name253 + ".", name253, ""},

	// RFC 5891, RFC 8616: both forms are the same name.
	{"u-label", "b\u00fccher.example", "xn--bcher-kva.example", "b\u00fccher.example"},
	{"a-label", "xn--bcher-kva.example", "xn--bcher-kva.example", "b\u00fccher.example"},
	{"a-label-upper", "XN--BCHER-KVA.Example", "xn--bcher-kva.example", "b\u00fccher.example"},
	{"a-label-not-first", "www.xn--bcher-kva.example", "www.xn--bcher-kva.example", "www.b\u00fccher.example"},
	{"both", "xn--bcher-kva.b\u00fccher.example", "xn--bcher-kva.xn--bcher-kva.example", "b\u00fccher.b\u00fccher.example"},
	{"underscore-u", "_dmarc.b\u00fccher.example", "_dmarc.xn--bcher-kva.example", "_dmarc.b\u00fccher.example"},
	{"u-label-upper", "B\u00dcCHER.example", "xn--bcher-kva.example", "b\u00fccher.example"},
	{"decomposed", "bu\u0308cher.example", "xn--bcher-kva.example", "b\u00fccher.example"},
	{"sharp-s", "fa\u00dfbender.example", "xn--fabender-rya.example", "fa\u00dfbender.example"}, // IDNA2008, not "ss"
	{"final-sigma", "\u03b2\u03cc\u03bb\u03bf\u03c2.example", "xn--nxasmm1c.example", "\u03b2\u03cc\u03bb\u03bf\u03c2.example"},
	{"zwnj", "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example", "xn--mgba3gch31f060k.example", "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example"},
	{"zwj", "\u0dc1\u0dca\u200d\u0dbb\u0dd3.example", "xn--10cl1a0b660p.example", "\u0dc1\u0dca\u200d\u0dbb\u0dd3.example"},
	{"ideographic-dot", "a\u3002example", "a.example", ""},
	{"fullwidth", "\uff45xample", "example", ""},
	{"kelvin", "\u212a.example", "k.example", ""},
	{"emoji", "\U0001f4a9.example", "xn--ls8h.example", "\U0001f4a9.example"}, // registered, so looked up
	{"right-to-left", "\u05d0\u05d1.example", "xn--4dbc.example", "\u05d0\u05d1.example"},

	{"empty", "", "empty name", ""},
	{"root", ".", "empty name", ""},
	{"dots", "..", "empty label", ""},
	{"leading-dot", ".example", "empty label", ""},
	{"double-dot", "a..example", "empty label", ""},
	{"label-64", label63 + "a.example", "label over 63 bytes", ""},
	{"name-254", name253 + "a", "name over 253 bytes", ""},
	{"u-label-long", strings.Repeat("\u00fc", 60) + ".example", "label over 63 bytes", ""},
	{"u-name-long", strings.Repeat("b\u00fccher.", 40) + "example", "name over 253 bytes", ""},
	{"huge", strings.Repeat("\u00fc\u00e9", 1<<20), "name over 253 bytes", ""},
	{"space", "a b.example", "character not allowed in a domain name", ""},
	{"nul", "a\x00.example", "character not allowed in a domain name", ""},
	{"newline", "a.example\n", "character not allowed in a domain name", ""},
	{"at", "a@b.example", "character not allowed in a domain name", ""},
	{"literal", "[192.0.2.1]", "character not allowed in a domain name", ""},
	{"parenthesis", "a.example(.b.example", "character not allowed in a domain name", ""},
	{"slash-u", "b\u00fc/.example", "character not allowed in a domain name", ""},
	{"invalid-utf8", "b\xfccher.example", "not a valid internationalised label", ""},
	{"fake-a-label", "xn--a.example", "not a valid internationalised label", ""},
	{"fake-a-label-ascii", "xn--abc-.example", "not a valid internationalised label", ""},
	{"fake-a-label-upper", "XN--\u00fc.example", "not a valid internationalised label", ""},
	{"a-label-of-upper", "xn--bCHER-3za.example", "not a valid internationalised label", ""}, // decodes to capitals
	{"zwj-alone", "a\u200db.example", "not a valid internationalised label", ""},
	{"mixed-direction", "\u05d0a.example", "not a valid internationalised label", ""},
	{"digit-dot", "\u2488com", "not a valid internationalised label", ""}, // one character that shows as "1."
	{"u-hyphen", "b\u00fc-.example", "not a valid internationalised label", ""},
	{"replacement", "\ufffd.example", "not a valid internationalised label", ""},
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse(tt.in)
			got := n.String()
			if err != nil {
				got = string(err.(*Error).Reason)
				if n != "" {
					t.Errorf("got the name %q with %v", n, err)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			want := tt.unicode
			if want == "" {
				want = n.String()
			}
			if u := n.Unicode(); u != want {
				t.Errorf("got U-labels %q, want %q", u, want)
			}
		})
	}
}

func TestError(t *testing.T) {
	_, err := Parse("a..b")
	if got, want := err.Error(), `domain: "a..b": empty label`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		name   Name
		labels int
		parent Name
		last2  Name
		last9  Name
	}{
		{"", 0, "", "", ""},
		{"com", 1, "", "com", "com"},
		{"a.com", 2, "com", "a.com", "a.com"},
		{"c.b.a.com", 4, "b.a.com", "a.com", "c.b.a.com"},
	} {
		t.Run(string(tt.name)+"_", func(t *testing.T) {
			if n := tt.name; n.Labels() != tt.labels || n.Parent() != tt.parent || n.Last(2) != tt.last2 || n.Last(9) != tt.last9 || n.Last(0) != "" {
				t.Errorf("got %d %q %q %q %q, want %v", n.Labels(), n.Parent(), n.Last(2), n.Last(9), n.Last(0), tt)
			}
		})
	}
}

func TestIsSubdomainOf(t *testing.T) {
	for _, tt := range []struct {
		name, parent Name
		want         bool
	}{
		{"a.example", "a.example", true},
		{"b.a.example", "a.example", true},
		{"ba.example", "a.example", false},
		{"example", "a.example", false},
		{"a.example", "", false},
		{"", "", false},
		{"", "a.example", false},
	} {
		t.Run(string(tt.name)+"_"+string(tt.parent), func(t *testing.T) {
			if got := tt.name.IsSubdomainOf(tt.parent); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPublicSuffix(t *testing.T) {
	for _, tt := range []struct {
		name, suffix   Name
		listed         bool
		organizational Name
	}{
		{"a.b.com", "com", true, "b.com"},
		{"b.com", "com", true, "b.com"},
		{"com", "com", true, "com"},
		{"a.b.co.uk", "co.uk", true, "b.co.uk"},
		{"a.unlisted", "unlisted", false, "a.unlisted"},
		{"unlisted", "unlisted", false, "unlisted"},
		{"c.b.a.ck", "a.ck", true, "b.a.ck"}, // rule *.ck
		{"b.www.ck", "ck", true, "www.ck"},   // rule !www.ck
		{"a.city.kawasaki.jp", "kawasaki.jp", true, "city.kawasaki.jp"},
		{"a.b.kawasaki.jp", "b.kawasaki.jp", true, "a.b.kawasaki.jp"},
		{"a.b.github.io", "github.io", true, "b.github.io"}, // the private part of the list
		{"a.xn--fiqs8s", "xn--fiqs8s", true, "a.xn--fiqs8s"},
	} {
		t.Run(string(tt.name), func(t *testing.T) {
			suffix, listed := tt.name.PublicSuffix()
			if o := tt.name.Organizational(); suffix != tt.suffix || listed != tt.listed || o != tt.organizational {
				t.Errorf("got %q %v %q, want %q %v %q", suffix, listed, o, tt.suffix, tt.listed, tt.organizational)
			}
		})
	}
}

func TestParseAllocs(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = Parse("s1._domainkey.mail.example") }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

// A name is its own canonical form, whichever way it was written.
func FuzzParse(f *testing.F) {
	for _, tt := range parseTests {
		if len(tt.in) < 1000 {
			f.Add(tt.in)
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		n, err := Parse(in)
		if err != nil {
			return
		}
		s := n.String()
		if s == "" || len(s) > MaxName || !ascii.Is7Bit(s) || s != ascii.ToLower(s) || strings.HasSuffix(s, ".") {
			t.Fatalf("%q is no canonical name", s)
		}
		if again, err := Parse(s); again != n || err != nil {
			t.Errorf("parse(%q) = %q, %v", s, again, err)
		}
		if again, err := Parse(n.Unicode()); again != n || err != nil {
			t.Errorf("parse(%q) = %q, %v, want %q", n.Unicode(), again, err, n)
		}
		if n.Labels() > 1 && !n.IsSubdomainOf(n.Parent()) {
			t.Errorf("%q is not below %q", n, n.Parent())
		}
		if !n.IsSubdomainOf(n.Organizational()) {
			t.Errorf("%q is not below %q", n, n.Organizational())
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, bench := range []struct{ name, in string }{
		{"lower", "s1._domainkey.mail.example"}, {"upper", "Mail.Example"}, {"a-label", "xn--bcher-kva.example"}, {"u-label", "b\u00fccher.example"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bench.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
