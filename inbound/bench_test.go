package inbound

import (
	"strings"
	"testing"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/spf"
)

// BenchmarkVerdict is one message of 2 KB with one Ed25519 signature, and with
// three ARC sets as well, all of its DNS in the cache; the floor is in the bench
// module.
func BenchmarkVerdict(b *testing.B) {
	text := signed(b, "bank.example", bankKey, plain+strings.Repeat("a line of text that is as long as lines are\r\n", 40))
	b.Run("plain", func(b *testing.B) { benchmarkVerdict(b, text) })
	for range 3 {
		text = sealed(b, text)
	}
	b.Run("arc", func(b *testing.B) { benchmarkVerdict(b, text) })
}

// sealed is text with one more ARC set in front, sealed by the list.
func sealed(b *testing.B, text string) string {
	m, err := message.Read(strings.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	c := checker(world(b))
	s := arc.Sealer{
		Key:        dkim.Key{Domain: "list.example", Selector: "ed", Private: listKey},
		AuthServID: "mx.list.example", Time: c.Time,
	}
	fields, _, err := s.Seal(b.Context(), &arc.Validator{Resolver: c.Resolver, Time: c.Time}, m.Header, m.Body)
	if err != nil {
		b.Fatal(err)
	}
	return string(fields) + text
}

func benchmarkVerdict(b *testing.B, text string) {
	c := checker(world(b))
	c.Resolver = &resolver.Cache{Resolver: c.Resolver}
	c.SPFRecords, c.Keys, c.DMARCRecords = new(spf.RecordCache), new(dkim.KeyCache), new(dmarc.RecordCache)
	env := envelope("192.0.2.1", "out.bank.example", "b@bank.example")
	raw, body, _ := strings.Cut(text, "\r\n\r\n")
	h, err := message.ParseHeader([]byte(raw + "\r\n"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := c.Begin(b.Context(), env, h)
		s.Write([]byte(body))
		if v := s.Verdict(); v.DMARC.Result != dmarc.Pass {
			b.Fatal(v.DMARC.Reason)
		}
	}
}
