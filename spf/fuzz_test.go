package spf

import (
	"context"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/resolver"
)

func FuzzRecord(f *testing.F) {
	for _, s := range []string{
		"v=spf1", "v=spf1 +mx:example.com/24//64 ip4:192.0.2.0/24 -ip6:2001:db8::/32 ?all",
		"v=spf1 exists:%{ir}.%{l1r+-}.x.example exp=%{d2}.e.example redirect=_spf.%{d}",
		"v=spf1 a:foo:bar/baz.example.com//0 moo.cow-far_out=man:dog/cat", "v=spf1 a:%{d/}/24", "v=spf1 ip6:::ffff:1.2.3.4/96",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRecord(s)
		if err != nil {
			return
		}
		// Rebuilt from its terms it means the same.
		terms := []string{version}
		for _, d := range r.Directives {
			terms = append(terms, d.Text)
			if name, ok := d.Domain.Name(); ok && (len(name) > 4*domain.MaxName || name != strings.ToLower(name)) {
				t.Errorf("%q: name %q", d.Text, name)
			}
		}
		terms = append(terms, r.Unknown...)
		for _, m := range []Modifier{r.Redirect, r.Exp} {
			if m.Text != "" {
				terms = append(terms, m.Text)
			}
		}
		again, err := ParseRecord(strings.Join(terms, " "))
		if err != nil {
			t.Fatalf("%q: %v", terms, err)
		}
		if len(again.Directives) != len(r.Directives) || again.HasAll != r.HasAll || again.Redirect != r.Redirect || again.Exp != r.Exp {
			t.Errorf("%q: got %+v, want %+v", s, again, r)
		}
	})
}

func FuzzMacro(f *testing.F) {
	f.Add("%{s}%{l1r-}%{o}%{d2}%{i}%{p}%{v}%{h}", "strong-bad", "example.com", "mail.example.com")
	f.Add("%{C} %{R} %{T}%%%_%-", "a b", "example.com", "\r\n")
	f.Add("%{l127r.,+-/_=}", "a.b,c+d-e/f_g=h", "x", "")
	f.Fuzz(func(t *testing.T, text, local, sender, helo string) {
		for _, use := range []macroUse{macroTerm, macroExp} {
			if _, reason := checkMacros(text, use); reason != "" {
				continue
			}
			k := testCheck("192.0.2.3")
			k.local, k.domain, k.helo = local, sender, helo
			const most = 4096
			b, ok := k.appendExpanded(nil, text, "example.org", use, most)
			if ok && len(b) > most {
				t.Errorf("%d bytes", len(b))
			}
			if !ok || use == macroExp {
				continue
			}
			name, ok := queryName(string(b))
			if !ok {
				continue
			}
			if _, valid := dns.IsDomainName(name); !valid {
				t.Errorf("%q: %q is no domain name", text, name)
			}
			wire := make([]byte, 256)
			if n, err := dns.PackDomainName(dns.Fqdn(name), wire, 0, nil, false); err != nil {
				t.Errorf("%q: %v", name, err)
			} else if back, _, err := dns.UnpackDomainName(wire[:n], 0); err != nil || resolver.CanonicalName(back) != name {
				t.Errorf("%q comes back as %q, %v", name, back, err)
			}
		}
	})
}

// hostile answers every name with the same texts and hosts.
type hostile struct {
	txt, host string
	asked     int
}

func (h *hostile) Lookup(_ context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	h.asked++
	a := &resolver.Answer{Name: name, Type: t}
	hdr := dns.RR_Header{Name: dns.Fqdn(name), Rrtype: uint16(t), Class: dns.ClassINET}
	switch t {
	case resolver.TypeTXT:
		text := h.txt
		if h.asked%3 == 2 {
			text = strings.ReplaceAll(text, "v=spf1", "v=spf1 ?include:%{d}")
		}
		a.Records = []dns.RR{&dns.TXT{Hdr: hdr, Txt: []string{strings.ReplaceAll(text, `\`, `\\`)}}}
	case resolver.TypeMX:
		for range h.asked % 12 {
			a.Records = append(a.Records, &dns.MX{Hdr: hdr, Mx: dns.Fqdn(h.host)})
		}
	case resolver.TypePTR:
		for range h.asked % 12 {
			a.Records = append(a.Records, &dns.PTR{Hdr: hdr, Ptr: dns.Fqdn(h.host)})
		}
	case resolver.TypeA:
		a.Records = []dns.RR{&dns.A{Hdr: hdr, A: []byte{203, 0, 113, 1}}}
	}
	return a, nil
}

func FuzzCheckHost(f *testing.F) {
	f.Add("v=spf1 include:%{d} -all", "x.example", "a@example.com", "helo.example")
	f.Add("v=spf1 a:%{h} mx ptr exists:%{p}.%{l} redirect=%{o} exp=%{d}", "x.example", "\"a b\"@example.com", "helo.example")
	f.Add("v=spf1 -all exp=%{d}", "x.example", "@example.com", "%{d}")
	f.Add("%{s} %{h}", "x.example", "a\r\nb@b\u00fccher.example", "\xff")
	f.Fuzz(func(t *testing.T, txt, host, from, helo string) {
		for _, ip := range []string{"192.0.2.1", "2001:db8::1"} {
			h := &hostile{txt: txt, host: host}
			c := Checker{Resolver: h, Trace: true, Records: new(RecordCache)}
			a := args(ip, from)
			a.Helo = helo
			e := c.CheckHost(context.Background(), a)
			// The record, the explanation, ten terms with ten hosts each, PTR.
			if most := 2 + MaxLookups*(1+MaxMXNames) + 1 + MaxPTRNames; h.asked > most {
				t.Errorf("%d lookups, want at most %d", h.asked, most)
			}
			if e.Lookups > MaxLookups || e.VoidLookups > MaxVoidLookups+1 || e.Result == "" || e.Reason == "" {
				t.Errorf("got %+v", e)
			}
			for _, c := range []byte(e.Explanation + e.Domain + e.Reason) {
				if c < ' ' || c > '~' {
					t.Errorf("got %+v", e)
				}
			}
			checkField(t, c.Received(a, e).String())
		}
	})
}
