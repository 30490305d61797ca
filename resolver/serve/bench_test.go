package serve

import (
	"context"
	"net"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// BenchmarkCached is one cached answer, from the bytes of the query to those of
// the reply.
func BenchmarkCached(b *testing.B) {
	_, r := newWorld(b)
	s := &Server{Resolver: r, Time: atTestNow}
	for _, bits := range []string{"", "ad", "do"} {
		b.Run("bits="+bits, func(b *testing.B) {
			if _, err := r.Lookup(context.Background(), "a.good", resolver.TypeA); err != nil {
				b.Fatal(err)
			}
			wire := packed(b, ask(bits, "a.good.", dns.TypeA))
			out := make([]byte, 0, UDPSize)
			b.ReportAllocs()
			for b.Loop() {
				if _, reply := s.quick(wire, out); reply == nil {
					b.Fatal("not cached")
				}
			}
		})
	}
}

// BenchmarkLoopback is the same over UDP on loopback, one client that keeps 16
// queries under way.
func BenchmarkLoopback(b *testing.B) {
	_, r := newWorld(b)
	conn, err := net.Dial("udp", start(b, &Server{Resolver: r, Time: atTestNow}))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	wire := packed(b, ask("do", "a.good.", dns.TypeA))
	buf := make([]byte, UDPSize)
	const ahead = 16
	for i := 0; i < b.N+ahead; i++ {
		if i < b.N {
			if _, err := conn.Write(wire); err != nil {
				b.Fatal(err)
			}
		}
		if i >= ahead {
			if _, err := conn.Read(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}
