package serve

import (
	"context"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// FuzzQuery: whatever comes, a reply is one to what came, keeps to the size, and
// never says AD to those who did not ask or about what is not proven.
func FuzzQuery(f *testing.F) {
	world, r := newWorld(f)
	for _, bits := range []string{"", "ad", "do", "cd", "cd do edns"} {
		for _, name := range []string{"a.good.", "a.bad.", "a.plain.", "nope.good.", "big.good.", "out.good.", "."} {
			for _, t := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeDNSKEY, dns.TypeDS, dns.TypeANY, dns.TypeNSEC} {
				f.Add(packed(f, ask(bits, name, t)))
			}
		}
	}
	s := &Server{Resolver: r, Source: world, Time: atTestNow, Report: func(err error) { panic(err) }}
	f.Fuzz(func(t *testing.T, wire []byte) {
		q, out := s.quick(wire, nil)
		if q != nil {
			out = s.slow(context.Background(), q)
		}
		if out == nil {
			if q != nil {
				t.Fatal("a query without reply")
			}
			return
		}
		var m dns.Msg
		if err := m.Unpack(out); err != nil {
			t.Fatalf("the reply cannot be read: %v", err)
		}
		if len(out) > UDPSize || !m.Response || m.Id != uint16(wire[0])<<8|uint16(wire[1]) {
			t.Fatalf("%d bytes: %v", len(out), &m)
		}
		if !m.AuthenticatedData {
			return
		}
		if q == nil {
			if q, _ = parse(wire); q == nil {
				t.Fatal("AD in a refusal")
			}
		}
		a, err := r.Lookup(context.Background(), q.question.Name, q.question.Type)
		if err != nil || a.Status != resolver.Secure || !q.bits.authentic && !q.bits.dnssec || q.bits.unchecked && s.Source != nil {
			t.Fatalf("AD: %+v %v", q, err)
		}
	})
}

func FuzzCapTTL(f *testing.F) {
	f.Add([]byte("\x00\x00\x80\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04abcd"), uint32(7))
	f.Fuzz(func(t *testing.T, wire []byte, most uint32) {
		n := len(wire)
		capTTL(wire, most)
		if len(wire) != n {
			t.Fatal("length")
		}
	})
}
