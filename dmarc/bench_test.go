package dmarc

import (
	"context"
	"testing"

	"github.com/waxseal/waxseal/resolver"
)

// negative lets a cache keep that there is no record.
const negative = `
com. 300 SOA ns.example. h.example. 1 3600 600 86400 300
`

// BenchmarkEvaluate evaluates with every answer and record known.
func BenchmarkEvaluate(b *testing.B) {
	for _, bb := range []struct{ name, from, ids string }{
		{"same-domain", "example.com", "spf:example.com dkim:example.com"},
		{"relaxed", "mail.example.com", "spf:bounce.example.com dkim:example.com"},
		{"fail", "mail.example.com", "spf:bulk.example.net dkim:esp.example.net dkim:example.com=fail"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ev := &Evaluator{Resolver: &resolver.Cache{Resolver: newZone(b, simple+negative)}, Records: &RecordCache{}}
			a, in := author(bb.from), ids(bb.ids)
			ctx := context.Background()
			ev.Evaluate(ctx, a, in)
			b.ReportAllocs()
			for b.Loop() {
				ev.Evaluate(ctx, a, in)
			}
		})
	}
}

func BenchmarkParseRecord(b *testing.B) {
	const txt = "v=DMARC1; p=reject; sp=quarantine; adkim=s; aspf=s; rua=mailto:a@example.com,mailto:b@example.net; ruf=mailto:a@example.com; fo=1; pct=100"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecord(txt); err != nil {
			b.Fatal(err)
		}
	}
}
