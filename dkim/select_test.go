package dkim

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"pgregory.net/rapid"
)

// TestThin holds that letting signatures go on the way changes nothing in what is
// chosen in the end.
func TestThin(t *testing.T) {
	h, err := message.ParseHeader([]byte("From: a@bank.example\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	authors := fromDomains(h)
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		at := rapid.IntRange(2*limit, 30).Draw(t, "at")
		var all, thinned []check
		for i, ours := range rapid.SliceOfN(rapid.Bool(), 0, 120).Draw(t, "ours") {
			d := domain.Name("other.example")
			if ours {
				d = "mail.bank.example"
			}
			c := check{at: i, sig: &Signature{Domain: d}}
			all, thinned = append(all, c), append(thinned, c)
			if len(thinned) >= at {
				thinned = thin(thinned, authors, limit)
			}
		}
		if got, want := places(choose(thinned, h, limit)), places(choose(all, h, limit)); !cmp.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func places(all []check) (out []int) {
	for i := range all {
		out = append(out, all[i].at)
	}
	return out
}

// BenchmarkManySignatures is a header of nothing but signatures: the memory for each is
// its verdict alone.
func BenchmarkManySignatures(b *testing.B) {
	const n = 20_000
	text := []byte("From: a@bank.example\r\n")
	for i := range n {
		text = fmt.Appendf(text, "DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n", i)
	}
	h, err := message.ParseHeader(text)
	if err != nil {
		b.Fatal(err)
	}
	v := Verifier{Resolver: &resolver.Unvalidated{Source: zonefile.FromText(""), Status: resolver.Insecure}}
	b.ReportAllocs()
	for b.Loop() {
		var body Body
		p := v.Begin(b.Context(), h, &body)
		if err := body.Close(); err != nil {
			b.Fatal(err)
		}
		if got := len(p.Wait()); got != n {
			b.Fatal(got)
		}
	}
}
