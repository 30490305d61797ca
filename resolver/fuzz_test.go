package resolver_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// FuzzReply gives any bytes as the reply to any question.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"a. A 192.0.2.1", "a. CNAME b.", "a. CNAME a.", ". DNAME a.", "a. TXT \"\\255\\000\" x", "a. MX 0 .", "b. DNAME .", "a. TYPE65280 \\# 0",
	} {
		rr, err := dns.NewRR(s)
		if err != nil {
			f.Fatal(err)
		}
		m := new(dns.Msg).SetQuestion("a.", dns.TypeA)
		m.Response, m.Answer, m.Ns = true, []dns.RR{rr}, []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: 1}, Ns: ".", Mbox: "."}}
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire, "a", uint16(dns.TypeA))
		f.Add(wire, "b.a", uint16(dns.TypeTXT))
		f.Add(wire, ".", uint16(dns.TypeANY))
	}
	f.Fuzz(func(t *testing.T, wire []byte, name string, typ uint16) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		u := &resolver.Unvalidated{Source: source(func(context.Context, resolver.Question) (*resolver.Reply, error) {
			return &resolver.Reply{Msg: m, Server: "f"}, nil
		})}
		a, err := u.Lookup(t.Context(), name, resolver.Type(typ))
		if err != nil {
			var e *resolver.Error
			if !errors.As(err, &e) {
				t.Errorf("got %v, want a *resolver.Error", err)
			}
			return
		}
		if a.RCode != resolver.NoError && a.RCode != resolver.NXDomain || a.Status != resolver.Indeterminate {
			t.Errorf("got %s, %s", a.RCode, a.Status)
		}
		if n := len(a.Records); n > resolver.MaxRecords+2*resolver.MaxLinks {
			t.Errorf("got %d records", n)
		}
		_, _ = a.TXT(), a.Canonical()
		if _, err := json.Marshal(a); err != nil {
			t.Error(err)
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"Example.ORG.", `a\.b`, `\097.x`, "é", ".", `a\`, "a..b", "_25._tcp.mx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		q, err := resolver.NewQuestion(name, resolver.TypeA)
		if err != nil {
			return
		}
		again, err := resolver.NewQuestion(q.Name, resolver.TypeA)
		if err != nil || again != q {
			t.Errorf("%q: %q reads back as %q, error %v", name, q.Name, again.Name, err)
		}
		if _, ok := dns.IsDomainName(q.Name); !ok {
			t.Errorf("%q: %q is no name", name, q.Name)
		}
	})
}
