package arc

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// BenchmarkValidate reports the time beside the floor: one hash of the body, and
// one operation with the public key for each seal and for the newest message
// signature. The older message signatures, for oldest_pass, are on top.
func BenchmarkValidate(b *testing.B) {
	v := &Validator{Resolver: &resolver.Cache{Resolver: validator(b).Resolver}, Keys: new(dkim.KeyCache)}
	msg := strings.Replace(original, "body\r\n", strings.Repeat("some words of text in a line\r\n", 340), 1)
	record := &dkim.Record{Public: &testKey().PublicKey}
	hash := sha256.Sum256(nil)
	sig, err := sealer(1).Key.Sum(hash)
	if err != nil {
		b.Fatal(err)
	}
	for n := range 5 {
		msg = addHop(b, n+1, msg)
		head, body, _ := strings.Cut(msg, "\r\n\r\n")
		rawHead, rawBody := []byte(head+"\r\n"), []byte(body)
		var h *message.Header
		once := func() {
			h, _ = message.AppendHeader(h, rawHead)
			var body dkim.Body
			p := v.Begin(b.Context(), h, &body)
			body.Write(rawBody)
			body.Close()
			if got := p.Wait(); got.Result != Pass {
				b.Fatal(got.Reason)
			}
		}
		floor := func() {
			sha256.Sum256(rawBody)
			for range n + 2 {
				record.Verify(hash, sig)
			}
		}
		b.Run(fmt.Sprintf("10k/%d", n+1), func(b *testing.B) {
			b.ReportAllocs()
			var ratios []float64
			for i := 0; b.Loop(); i++ {
				if i%20 != 0 {
					once()
					continue
				}
				b.StopTimer()
				t := [3]time.Time{time.Now()}
				for range 10 {
					floor()
				}
				t[1] = time.Now()
				for range 10 {
					once()
				}
				t[2] = time.Now()
				ratios = append(ratios, float64(t[2].Sub(t[1]))/float64(t[1].Sub(t[0])))
				b.StartTimer()
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x-floor")
		})
	}
}
