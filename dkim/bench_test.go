package dkim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// newCachedZone answers at once, once it was asked.
func newCachedZone(tb testing.TB, text string) *resolver.Cache {
	return &resolver.Cache{Resolver: newZone(tb, text)}
}

// prose is n bytes of prose: words of many lengths, some double spaces.
func prose(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString("lorem ipsum dolor sit amet"[:3+i*7%23])
		switch {
		case i%11 == 10:
			b.WriteString("\r\n")
		case i%29 == 0:
			b.WriteString("  ")
		default:
			b.WriteString(" ")
		}
	}
	return b.String() + "\r\n"
}

func base64Text(n int) string {
	return strings.Repeat(strings.Repeat("QUJDREVG0123", 6)+"aaaa\r\n", n/78+1)
}

const benchHeader = "Received: from mx.example.net (mx.example.net [192.0.2.7])\r\n\tby mx.example.com with ESMTPS id abc123\r\n\tfor <user@example.com>; Mon, 01 Jan 2024 00:00:00 +0000\r\n" +
	"Received: from a.example.net by b.example.net; Mon, 01 Jan 2024 00:00:00 +0000\r\n" +
	"Return-Path: <sender@example.com>\r\nFrom: Some Sender <sender@example.com>\r\nTo: Some Body <user@example.org>\r\n" +
	"Subject: a subject line with a few words\r\n in it\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\n" +
	"Message-ID: <20240101000000.abc123@mail.example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
	"Content-Transfer-Encoding: 8bit\r\nX-Mailer: something 1.0\r\nList-Unsubscribe: <https://example.com/unsubscribe?id=123456>\r\n\r\n"

func benchBodies() map[string]string {
	return map[string]string{
		"2k": prose(2 << 10), "10k": prose(10 << 10), "50k": base64Text(50 << 10), "1m": base64Text(1 << 20), "1m-prose": prose(1 << 20),
	}
}

// BenchmarkVerify reports the time beside the floor: one hash of the body and
// one operation with the public key for each signature, run in turn with it.
func BenchmarkVerify(b *testing.B) {
	keys, zoneText := testKeys()
	v := &Verifier{Resolver: newCachedZone(b, zoneText), Keys: new(KeyCache)}
	for _, size := range []string{"2k", "10k", "50k", "1m", "1m-prose"} {
		for _, name := range []string{"rsa", "ed", "both"} {
			use := map[string][]Key{"rsa": keys[1:], "ed": keys[:1], "both": keys}[name]
			msg := sign(b, &Signer{Keys: use}, benchHeader+benchBodies()[size])
			head, body, _ := strings.Cut(msg, "\r\n\r\n")
			rawHead, rawBody := []byte(head+"\r\n"), []byte(body)
			floor := floorOf(b, use, rawBody)
			var h *message.Header
			once := func() {
				h, _ = message.AppendHeader(h, rawHead)
				var body Body
				p := v.Begin(context.Background(), h, &body)
				body.Write(rawBody)
				body.Close()
				for _, got := range p.Wait() {
					if got.Result != Pass {
						b.Fatal(got)
					}
				}
			}
			b.Run(size+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				besideFloor(b, once, floor)
			})
		}
	}
}

func floorOf(b *testing.B, keys []Key, body []byte) func() {
	type op struct {
		r   *Record
		sig []byte
	}
	var ops []op
	hash := sha256.Sum256(nil)
	for i := range keys {
		sig, err := keys[i].Sum(hash)
		if err != nil {
			b.Fatal(err)
		}
		txt, _ := FormatRecord(keys[i].Private.Public())
		r, err := ParseRecord(txt)
		if err != nil {
			b.Fatal(err)
		}
		ops = append(ops, op{r, sig})
	}
	return func() {
		sha256.Sum256(body)
		for _, o := range ops {
			o.r.Verify(hash, o.sig)
		}
	}
}

// besideFloor runs once and floor in turn, in batches, and reports the median of
// the batches' ratios.
func besideFloor(b *testing.B, once, floor func()) {
	const batch = 20
	var ratios []float64
	for n := 0; b.Loop(); n++ {
		if n%batch != 0 {
			once()
			continue
		}
		b.StopTimer()
		t := [3]time.Time{time.Now()}
		for range batch {
			floor()
		}
		t[1] = time.Now()
		for range batch {
			once()
		}
		t[2] = time.Now()
		ratios = append(ratios, float64(t[2].Sub(t[1]))/float64(t[1].Sub(t[0])))
		b.StartTimer()
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-floor")
}

func BenchmarkBody(b *testing.B) {
	for name, text := range benchBodies() {
		body := []byte(text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				var d Body
				d.Want(Relaxed, -1)
				d.Write(body)
				d.Close()
			}
		})
	}
}

// BenchmarkSign reports the time beside the hash of the body and the operation
// with the private key.
func BenchmarkSign(b *testing.B) {
	keys, _ := testKeys()
	s := &Signer{Keys: keys[1:]}
	for _, size := range []string{"2k", "50k", "1m"} {
		h, text := split(b, benchHeader+benchBodies()[size])
		body := []byte(text)
		r := bytes.NewReader(body)
		once := func() {
			r.Reset(body)
			if _, err := s.Sign(h, r); err != nil {
				b.Fatal(err)
			}
		}
		floor := func() {
			if _, err := keys[1].Sum(sha256.Sum256(body)); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(size, func(b *testing.B) {
			b.ReportAllocs()
			besideFloor(b, once, floor)
		})
	}
}
