package milter

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/waxseal/waxseal/internal/accept"
	"github.com/waxseal/waxseal/message"
)

// FuzzConn speaks any bytes to a server, which must neither panic nor hang, and
// must reply in whole packets.
func FuzzConn(f *testing.F) {
	packet := func(s string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
	}
	offer := packet("O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")
	f.Add([]byte(offer + packet(clientPacket) + packet("Hh\x00") + packet("M<a@b>\x00") + packet("R<c@d>\x00") +
		packet("LSubject\x00 x\n y\x00") + packet("N") + packet("Bbody") + packet("DEi\x00Q\x00") + packet("E") + packet("A") + packet("Q")))
	f.Add([]byte(packet("O\x00\x00\x00\x02\x00\x00\x00\x3f\x00\x00\x00\x7f") + packet("M<>\x00") + packet("Babc") + packet("Edef")))
	f.Add([]byte(offer + packet("Cx\x006\x00\x00IPv6:::1\x00") + packet("K") + packet("U") + packet("T")))
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := net.Pipe()
		answer := &Answer{Delete: []int{0}, Insert: []byte("A: b\r\n")}
		s := &Server{Handler: &judge{answer: func(m *Message) *Answer {
			if len(m.Header.Fields) == 0 {
				return nil
			}
			return answer
		}}}
		go func() {
			ours.Write(b)
			ours.Close()
		}()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.serve(accept.Stop{Soon: context.Background(), Now: context.Background()}, theirs, s.Limits.withDefaults())
			theirs.Close()
		}()
		m := &mta{t: t, conn: ours}
		for {
			if _, err := m.read(); err == io.ErrUnexpectedEOF {
				t.Fatal("half a packet")
			} else if err != nil {
				break
			}
		}
		<-done
	})
}

// FuzzField holds that a header packet makes exactly one field, whatever is in it.
func FuzzField(f *testing.F) {
	f.Add([]byte("Subject"), []byte(" x\n y"), true)
	f.Add([]byte("A"), []byte("x\r\n\ty\r"), false)
	f.Fuzz(func(t *testing.T, name, value []byte, spaceKept bool) {
		raw, ok := appendField(nil, name, value, spaceKept)
		if !ok || len(raw) > message.MaxFieldBytes {
			return
		}
		const beside = "Next: y\r\n"
		h, err := message.ParseHeader(append(append([]byte(beside), raw...), beside...))
		if err != nil || len(h.Fields) != 3 || string(h.Fields[0].Raw) != beside || string(h.Fields[2].Raw) != beside {
			t.Fatalf("%q: %v, %d fields", raw, err, len(h.Fields))
		}
	})
}

// BenchmarkMessage is one message of 10 KB with 20 header fields on a connection
// that stays.
func BenchmarkMessage(b *testing.B) {
	b.ReportAllocs()
	s := &Server{Handler: HandlerFunc(func(context.Context, *Message) (Transaction, *Answer) { return discards{}, nil })}
	m := connect(b, s, postfix)
	body := "B" + string(bytes.Repeat([]byte("x"), 10<<10))
	for b.Loop() {
		m.begin("i\x00Q\x00")
		for range 20 {
			m.send("LSubject\x00 something of the usual length for a header field\x00")
		}
		m.endHeader()
		m.send(body)
		m.ask("E")
	}
}

type discards struct{}

func (discards) Write(p []byte) (int, error) { return len(p), nil }
func (discards) End(context.Context) *Answer { return nil }
func (discards) Abort()                      {}
