package zonefile

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

const world = `
	$ORIGIN example.org.
	$TTL 300
	@        SOA ns1 host 1 2 3 4 60
	         NS  ns1
	         MX  10 mx
	mx       A 192.0.2.1
	         AAAA 2001:db8::1
	a.deep   TXT "under an empty non-terminal"
	www      CNAME web
	web      A 192.0.2.2
	far      CNAME www.example.net.
	away     CNAME nowhere.example.com.
	one      CNAME two
	two      CNAME one
	*.wild   TXT "wild"
	c.wild   A 192.0.2.3
	*.alias  CNAME web
	sub      NS ns.sub
	         DS 1 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
	ns.sub   A 192.0.2.4
	kid      NS ns.kid
	ns.kid   A 192.0.2.9 ; not what the child says
	old      DNAME new
	x.new    A 192.0.2.5
	$ORIGIN kid.example.org.
	@        SOA ns host 1 2 3 4 30
	         NS  ns
	ns       A 192.0.2.6
	$ORIGIN example.net.
	@        SOA ns1.example.org. host.example.org. 1 2 3 4 60
	www      A 192.0.2.7
	$ORIGIN .
	lone.example.edu TXT "no zone"
	`

// ask returns a reply in a few lines: the code, then the records by section.
func ask(t *testing.T, z *Zones, name string, typ resolver.Type) string {
	t.Helper()
	r, err := z.Fetch(context.Background(), resolver.Question{Name: name, Type: typ})
	if err != nil {
		return err.Error()
	}
	lines := []string{dns.RcodeToString[r.Msg.Rcode]}
	if !r.Msg.Authoritative {
		lines[0] += " not authoritative"
	}
	for _, s := range []struct {
		mark string
		rrs  []dns.RR
	}{{"", r.Msg.Answer}, {"auth ", r.Msg.Ns}, {"extra ", r.Msg.Extra}} {
		for _, rr := range s.rrs {
			f := strings.Fields(rr.String())
			lines = append(lines, s.mark+strings.Join(append(f[:1:1], f[3:]...), " "))
		}
	}
	return strings.Join(lines, "\n")
}

const (
	orgSOA = "\nauth example.org. SOA ns1.example.org. host.example.org. 1 2 3 4 60"
	netSOA = "\nauth example.net. SOA ns1.example.org. host.example.org. 1 2 3 4 60"
)

func TestFetch(t *testing.T) {
	z := FromText(world)
	for _, tt := range []struct {
		name string
		typ  resolver.Type
		want string
	}{
		{"mx.example.org", resolver.TypeA, "NOERROR\nmx.example.org. A 192.0.2.1"},
		{"mx.example.org", resolver.TypeTXT, "NOERROR" + orgSOA},
		{"no.example.org", resolver.TypeA, "NXDOMAIN" + orgSOA},
		{"deep.example.org", resolver.TypeTXT, "NOERROR" + orgSOA},
		{"b.deep.example.org", resolver.TypeTXT, "NXDOMAIN" + orgSOA},
		{"www.example.org", resolver.TypeA, "NOERROR\nwww.example.org. CNAME web.example.org.\nweb.example.org. A 192.0.2.2"},
		{"www.example.org", resolver.TypeTXT, "NOERROR\nwww.example.org. CNAME web.example.org." + orgSOA},
		{"www.example.org", resolver.TypeCNAME, "NOERROR\nwww.example.org. CNAME web.example.org."},
		{"far.example.org", resolver.TypeA, "NOERROR\nfar.example.org. CNAME www.example.net.\nwww.example.net. A 192.0.2.7"},
		{"far.example.org", resolver.TypeTXT, "NOERROR\nfar.example.org. CNAME www.example.net." + netSOA},
		{"away.example.org", resolver.TypeA, "NXDOMAIN\naway.example.org. CNAME nowhere.example.com."},
		{"one.example.org", resolver.TypeA, "NOERROR\none.example.org. CNAME two.example.org.\ntwo.example.org. CNAME one.example.org."},
		{"a.b.wild.example.org", resolver.TypeTXT, "NOERROR\na.b.wild.example.org. TXT \"wild\""},
		{"a.wild.example.org", resolver.TypeA, "NOERROR" + orgSOA},
		{"*.wild.example.org", resolver.TypeTXT, "NOERROR\n*.wild.example.org. TXT \"wild\""},
		{"c.wild.example.org", resolver.TypeTXT, "NOERROR" + orgSOA},
		{"x.c.wild.example.org", resolver.TypeTXT, "NXDOMAIN" + orgSOA}, // its closest encloser has no wildcard
		{"z.alias.example.org", resolver.TypeA, "NOERROR\nz.alias.example.org. CNAME web.example.org.\nweb.example.org. A 192.0.2.2"},
		{"x.sub.example.org", resolver.TypeA, "NOERROR not authoritative\nauth sub.example.org. NS ns.sub.example.org.\n" +
			"auth sub.example.org. DS 1 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\nextra ns.sub.example.org. A 192.0.2.4"},
		{"sub.example.org", resolver.TypeDS, "NOERROR\nsub.example.org. DS 1 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"},
		{"kid.example.org", resolver.TypeDS, "NOERROR" + orgSOA},
		{"kid.example.org", resolver.TypeNS, "NOERROR\nkid.example.org. NS ns.kid.example.org."},
		{"kid.example.org", resolver.TypeTXT, "NOERROR\nauth kid.example.org. SOA ns.kid.example.org. host.kid.example.org. 1 2 3 4 30"},
		{"x.old.example.org", resolver.TypeA, "NOERROR\nold.example.org. DNAME new.example.org.\n" +
			"x.old.example.org. CNAME x.new.example.org.\nx.new.example.org. A 192.0.2.5"},
		{"old.example.org", resolver.TypeA, "NOERROR" + orgSOA},
		{"example.org", resolver.TypeANY, "NOERROR\nexample.org. SOA ns1.example.org. host.example.org. 1 2 3 4 60\nexample.org. NS ns1.example.org.\nexample.org. MX 10 mx.example.org."},
		{"org", resolver.TypeTXT, "NOERROR"},
		{"com", resolver.TypeTXT, "NXDOMAIN"},
		{"lone.example.edu", resolver.TypeTXT, "NOERROR\nlone.example.edu. TXT \"no zone\""},
		{"example.edu", resolver.TypeTXT, "NOERROR"},
	} {
		t.Run(tt.name+"/"+tt.typ.String(), func(t *testing.T) {
			if d := cmp.Diff(ask(t, z, tt.name, tt.typ), tt.want); d != "" {
				t.Errorf("got (-), want (+):\n%s", d)
			}
		})
	}
}

func TestGlueStaysOutOfTheChild(t *testing.T) {
	z := new(Zones)
	parentFile := "$ORIGIN example.\n@ SOA a b 1 2 3 4 5\nkid NS ns.kid\nns.kid A 192.0.2.1\n"
	child := "$ORIGIN kid.example.\n@ SOA a b 1 2 3 4 5\nns A 192.0.2.2\n"
	for _, text := range []string{parentFile, child} {
		if err := z.Add(strings.NewReader(text), "f"); err != nil {
			t.Fatal(err)
		}
	}
	want := "NOERROR\nns.kid.example. A 192.0.2.2"
	if got := ask(t, z, "ns.kid.example", resolver.TypeA); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAddOrder(t *testing.T) {
	zone := "$ORIGIN example.org.\n@ SOA a b 1 2 3 4 5\n"
	extra := "k._domainkey.example.org. TXT v=DKIM1\n"
	for _, files := range [][]string{{zone, extra}, {extra, zone}, {extra, zone, extra}} {
		z := new(Zones)
		for _, f := range files {
			if err := z.Add(strings.NewReader(f), "f"); err != nil {
				t.Fatal(err)
			}
		}
		want := "NOERROR\nk._domainkey.example.org. TXT \"v=DKIM1\""
		if got := ask(t, z, "k._domainkey.example.org", resolver.TypeTXT); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		want = "NXDOMAIN\nauth example.org. SOA a. b. 1 2 3 4 5"
		want = strings.ReplaceAll(strings.ReplaceAll(want, " a.", " a.example.org."), " b.", " b.example.org.")
		if got := ask(t, z, "no.example.org", resolver.TypeTXT); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestForgiving(t *testing.T) {
	long := strings.Repeat("x", 300)
	z := FromText("www TXT \"" + long + "\"\r\n" +
		"\\119eb.example. 60 IN A 192.0.2.1\n" +
		"odd.example. TYPE65280 \\# 2 abcd\n" +
		"txt.example. TYPE16 \\# 3 026869\n")
	for name, want := range map[string]string{
		"www TXT":               "NOERROR\nwww. TXT \"" + long[:255] + "\" \"" + long[255:] + "\"",
		"web.example A":         "NOERROR\nweb.example. A 192.0.2.1",
		"odd.example TYPE65280": "NOERROR\nodd.example. TYPE65280 \\# 2 abcd",
		"txt.example TXT":       "NOERROR\ntxt.example. TXT \"hi\"",
	} {
		n, typ, _ := strings.Cut(name, " ")
		ty, err := resolver.ParseType(typ)
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, z, n, ty); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestFail(t *testing.T) {
	z := FromText("ok.example. CNAME slow.example.\nslow.example. A 192.0.2.1\nbad.example. A 192.0.2.1\n")
	z.Fail = map[string]resolver.Reason{"slow.example": resolver.Timeout, "bad.example TXT": resolver.ServerFailed}
	for name, want := range map[string]string{
		"slow.example": "resolver: slow.example TXT: timeout: asked for by the test",
		"ok.example":   "resolver: ok.example TXT: timeout: asked for by the test",
		"bad.example":  "SERVFAIL",
	} {
		if got := ask(t, z, name, resolver.TypeTXT); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := ask(t, z, "bad.example", resolver.TypeA), "NOERROR\nbad.example. A 192.0.2.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAuthoritative(t *testing.T) {
	z := FromText(world)
	z.Authoritative = true
	for name, want := range map[string]string{
		"example.com":      "REFUSED not authoritative",
		"away.example.org": "NOERROR\naway.example.org. CNAME nowhere.example.com.",
		"no.example.org":   "NXDOMAIN" + orgSOA,
	} {
		if got := ask(t, z, name, resolver.TypeA); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a.example. A 192.0.2.1\nb.example. A 192.0.2\n", `zone f:2: syntax: bad A A: "192.0.2" in "b.example. A 192.0.2"`},
		{"$INCLUDE /etc/passwd\n", `zone f:1: syntax: $INCLUDE directive not allowed: "/etc/passwd" in "$INCLUDE /etc/passwd"`},
		{"a.example. TXT \"open\n", `zone f:1: syntax: bad TXT Txt: " " in "a.example. TXT \"open"`},
		{"a.example. A\nb.example. A 192.0.2.1\n", `zone f:1: syntax: unexpected newline: "\n" in "a.example. A"`},
		{"a.example. TXT\n", `zone f: does not fit a DNS message: no data in "a.example.\t3600\tIN\tTXT"`},
		{" A 192.0.2.1\n", `zone f: does not fit a DNS message: no owner name in "3600\tIN\tA\t192.0.2.1"`},
		{"a.example. CH TXT x\n", `zone f: only class IN is served in "a.example.\t3600\tCH\tTXT\t\"x\""`},
	} {
		_, err := Parse(strings.NewReader(tt.text), "f")
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q:\ngot  %v\nwant %s", tt.text, err, tt.want)
		}
	}
}
