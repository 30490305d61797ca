package lookalike

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/message"
)

var benchInputs = []struct{ name, lines string }{
	{"ordinary", "From: Anna Schmidt <anna.schmidt@mail.northwind.test>\nReply-To: anna@northwind.test\nDMARC: pass\nDKIM: northwind.test aligned\nSPF: mail.northwind.test aligned ip4:192.0.2.1"},
	{"newsletter", "From: \"The Northwind Weekly Letter\" <news@news.northwind.test>\nReply-To: replies@northwind.test\nList-Id: <news.northwind.test>\nDMARC: pass\nDKIM: northwind.test aligned\nDKIM: sendgrid.net"},
	{"umlauts", "From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <jm@northwind.test>\nDMARC: pass\nDKIM: northwind.test aligned"},
	{"phish", "From: =?utf-8?b?0JzQtXRh0Jxhc2s=?= Support <x@paypa1-login.test>\nReply-To: x@gmail.com\nDMARC: pass"},
	{"long-name", "From: " + strings.Repeat("C o i n b a s f p@y.test ", 100) + "<x@evil.test>"},
	{"many-mailboxes", "From: " + strings.Repeat(strings.Repeat("Jane PayPa1 ", 150)+"<x@evil.test>, ", 40)},
}

func BenchmarkInspect(b *testing.B) {
	p := tester()
	for _, bench := range benchInputs {
		b.Run(bench.name, func(b *testing.B) {
			in := input(b, bench.lines)
			b.ReportAllocs()
			for b.Loop() {
				p.Inspect(in)
			}
		})
	}
}

// BenchmarkPeople shows that the cost does not grow with what is protected.
func BenchmarkPeople(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := &Inspector{}
			for i := range n {
				p.Protected.People = append(p.Protected.People, Person{Names: []string{fmt.Sprintf("Given%d Family%d", i, i)}})
			}
			in := input(b, benchInputs[0].lines)
			p.Inspect(in)
			b.ReportAllocs()
			for b.Loop() {
				p.Inspect(in)
			}
		})
	}
}

func BenchmarkReadHeader(b *testing.B) {
	h, err := message.ParseHeader([]byte("Received: a\r\nFrom: Anna Schmidt <anna@northwind.test>\r\nTo: b@c.test\r\nReply-To: anna@northwind.test\r\nSubject: x\r\nDate: y\r\n"))
	if err != nil {
		b.Fatal(err)
	}
	author := h.Author()
	b.ReportAllocs()
	for b.Loop() {
		in := Input{Author: author}
		in.ReadHeader(h)
	}
}
