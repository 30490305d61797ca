package daemon

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/message"
)

// BenchmarkMilter is one message of 10 KB with one RSA signature, as Postfix hands
// it over on a connection of its own: everything checked, the same without any
// check, and the floor, which is the cryptography that nobody can leave out. The
// client's part is in all but the floor. Look at cpu-us/op, user and system time:
// the rest of an operation is waiting.
func BenchmarkMilter(b *testing.B) {
	const bits, size = 2048, 10 << 10
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	s := newSite(b, "[lookalike]\nprotected = [\"bank.example\"]\n")
	// The SOA lets the cache keep what does not exist.
	s.write("zone", "example. SOA ns.example. hostmaster.example. 1 3600 600 86400 3600\n"+zone+`rsa._domainkey.bank.example. TXT "v=DKIM1; p=`+base64.StdEncoding.EncodeToString(der)+`"`+"\n"+
		`client.example. TXT "v=spf1 ip4:192.0.2.1 -all"`+"\n")
	f := s.filter()
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	f.log = slog.New(slog.NewJSONHandler(log, nil))

	header := "From: News <news@bank.example>\r\nTo: ann@example.org\r\nSubject: a weekly summary\r\n" +
		"Date: Mon, 16 Nov 2026 09:12:30 +0000\r\nMessage-ID: <1@bank.example>\r\n"
	body := strings.Repeat("a line of text that is as long as lines of text are\r\n", size/53)
	h, err := message.ParseHeader([]byte(header))
	if err != nil {
		b.Fatal(err)
	}
	signer := &dkim.Signer{Keys: []dkim.Key{{Domain: "bank.example", Selector: "rsa", Private: key}}}
	signature, err := signer.Sign(h, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	p := writesOf(string(signature)+header, body)

	b.Run("checked", func(b *testing.B) { benchMilter(b, f, p, 4) })
	b.Run("unchecked", func(b *testing.B) {
		benchMilter(b, milter.HandlerFunc(func(context.Context, *milter.Message) (milter.Transaction, *milter.Answer) {
			return nothing{}, nil
		}), p, 0)
	})
	b.Run("floor", func(b *testing.B) {
		digest := sha256.Sum256([]byte(body))
		signed, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		text := []byte(body)
		measure(b, func() {
			d := sha256.Sum256(text)
			if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, d[:], signed); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// measure runs an operation and reports its CPU time.
func measure(b *testing.B, op func()) {
	b.ReportAllocs()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		op()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/1e3/float64(b.N), "cpu-us/op")
}

// nothing accepts a message without a look at it.
type nothing struct{}

func (nothing) Write(p []byte) (int, error)        { return len(p), nil }
func (nothing) End(context.Context) *milter.Answer { return nil }
func (nothing) Abort()                             {}

// writesOf returns what Postfix writes, up to where it waits for a reply.
func writesOf(header, body string) (writes [3][]byte) {
	add := func(i int, p string) {
		writes[i] = append(binary.BigEndian.AppendUint32(writes[i], uint32(len(p))), p...)
	}
	add(0, "O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")
	add(1, "DCj\x00mx.example.org\x00{daemon_name}\x00smtpd\x00")
	add(1, "Cclient.example\x004\x30\x39192.0.2.1\x00")
	add(1, "Hclient.example\x00")
	add(1, "DM{client_addr}\x00192.0.2.1\x00")
	add(1, "Mjoe@bank.example\x00SIZE=10240\x00")
	add(1, "Rann@example.org\x00")
	header = strings.NewReplacer("\r\n\t", "\n\t", "\r\n ", "\n ").Replace(strings.TrimSuffix(header, "\r\n"))
	for field := range strings.SplitSeq(header, "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		add(2, "L"+name+"\x00"+value+"\x00")
	}
	add(2, "N")
	add(2, "B"+body)
	add(2, "DEi\x00Q1\x00")
	add(2, "E")
	return writes
}

// benchMilter hands messages over, each on a connection of its own; so many results
// must be pass.
func benchMilter(b *testing.B, h milter.Handler, writes [3][]byte, passes int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &milter.Server{Handler: h, Limits: milter.Limits{Drain: time.Millisecond}, Report: func(_ *milter.Message, err error) { b.Error(err) }}
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(ctx, l) })
	defer wg.Wait()
	defer stop()
	reply := make([]byte, 4<<10)
	measure(b, func() {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		for i, w := range writes {
			if _, err := conn.Write(w); err != nil {
				b.Fatal(err)
			}
			if i == 1 {
				continue // no reply to the envelope
			}
			n, err := conn.Read(reply)
			if err != nil {
				b.Fatal(err)
			}
			if i == 2 && (reply[n-1] != 'a' || strings.Count(string(reply[:n]), "=pass") != passes) {
				b.Fatalf("answered %q", reply[:n])
			}
		}
	})
}
