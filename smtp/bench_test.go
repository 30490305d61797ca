package smtp

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
	"testing"
)

// text returns a message of about n bytes with lines of 72.
func text(n int) []byte {
	return bytes.Repeat([]byte(strings.Repeat("x", 70)+"\r\n"), n/72+1)
}

// sizes names the message sizes of the design's targets.
var sizes = []int{2 << 10, 10 << 10, 50 << 10, 1 << 20}

func eachSize(b *testing.B, do func(b *testing.B, msg []byte)) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n>>10)+"KB", func(b *testing.B) {
			msg := text(n)
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			do(b, msg)
		})
	}
}

func BenchmarkDataReader(b *testing.B) {
	eachSize(b, func(b *testing.B, msg []byte) {
		wire := append(bytes.Clone(msg), ".\r\n"...)
		r := newReader(nil, nil)
		r.buf = make([]byte, bodyBuffer)
		buf := make([]byte, bodyBuffer)
		for b.Loop() {
			r.reset(bytes.NewReader(wire))
			m := newIncoming(&dataReader{r: r}, 0, false)
			for {
				if _, err := m.Read(buf); err != nil {
					break
				}
			}
		}
	})
}

func BenchmarkDotWriter(b *testing.B) {
	eachSize(b, func(b *testing.B, msg []byte) {
		w := newWriter(io.Discard, nil)
		w.swap(make([]byte, 0, bodyBuffer))
		for b.Loop() {
			d := &dotWriter{w: w}
			_, _ = d.Write(msg)
			_ = d.end()
		}
	})
}

func BenchmarkParseMail(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = ParseMail("FROM:<sender@mail.example.com> SIZE=12345 BODY=8BITMIME")
	}
}

func BenchmarkParseReply(b *testing.B) {
	b.ReportAllocs()
	raw := []byte("250 2.0.0 queued as 4XyZ\r\n")
	r := newReader(nil, nil)
	for b.Loop() {
		r.reset(bytes.NewReader(raw))
		_, _ = readReply(r)
	}
}

// discard is a session that reads and forgets.
type discard struct{}

func (discard) Mail(context.Context, Path, *MailOptions) *Reply { return nil }
func (discard) Rcpt(context.Context, Path, *RcptOptions) *Reply { return nil }
func (discard) Data(_ context.Context, r io.Reader) *Reply {
	_, _ = io.Copy(io.Discard, r)
	return nil
}
func (discard) Reset() {}

// BenchmarkSend sends messages on one connection over loopback: client and
// server together.
func BenchmarkSend(b *testing.B) {
	for _, how := range []string{"DATA", "BDAT"} {
		b.Run(how, func(b *testing.B) {
			eachSize(b, func(b *testing.B, msg []byte) {
				addr, _ := serveTest(b, &Server{
					Limits:  Limits{Messages: -1},
					Handler: HandlerFunc(func(context.Context, *Conn) (Session, *Reply) { return discard{}, nil }),
				})
				ctx := context.Background()
				k, err := (&Client{}).Open(ctx, dial(b, addr))
				if err != nil {
					b.Fatal(err)
				}
				tx := envelope("c@d.example")
				tx.Chunked = how == "BDAT"
				for b.Loop() {
					d, err := k.Send(ctx, &tx, bytes.NewReader(msg))
					if err != nil || !d.Recipients[0].Delivered() {
						b.Fatal(d, err)
					}
				}
				k.Quit(ctx)
			})
		})
	}
}
