package smtp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certificate makes a self-signed one for mx.example and the pool that trusts
// it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mx.example"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func reasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// TestStartTLS goes the whole way with our two sides: what was said in the
// clear is forgotten, REQUIRETLS is offered only now, and a second transaction
// works on the same connection.
func TestStartTLS(t *testing.T) {
	cert, pool := certificate(t)
	h := &recorder{offer: func(e *Extensions) { e.RequireTLS, e.DSN = true, true }}
	addr, stop := serveTest(t, &Server{
		Handler: h, Hostname: "mx.example",
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
	})
	ctx := context.Background()
	k, err := (&Client{Hostname: "me.example"}).Open(ctx, dial(t, addr))
	if err != nil {
		t.Fatal(err)
	}
	clear := k.Extensions
	tx := envelope("c@d.example")
	tx.Options.RequireTLS = true
	if _, err := k.Send(ctx, &tx, strings.NewReader("x")); reasonOf(err) != NeedsTLS {
		t.Errorf("got %v, want %s", err, NeedsTLS)
	}
	if err := k.StartTLS(ctx, &tls.Config{RootCAs: pool, ServerName: "mx.example"}); err != nil {
		t.Fatal(err)
	}
	want := clear
	want.StartTLS, want.RequireTLS = false, true
	diff(t, k.Extensions, want)
	if clear.RequireTLS || !clear.StartTLS {
		t.Errorf("offered in the clear: %+v", clear)
	}
	for _, chunked := range []bool{false, true} {
		tx.Chunked = chunked
		d, err := k.Send(ctx, &tx, strings.NewReader("x"))
		if err != nil || !d.Recipients[0].Delivered() {
			t.Errorf("got %+v, %v, want it delivered", d, err)
		}
	}
	if err := k.Noop(ctx); err != nil {
		t.Error(err)
	}
	k.Quit(ctx)
	stop()
	one := []string{"mail <a@b.example> REQUIRETLS", "rcpt <c@d.example>", `data "x\r\n" <nil>`, "reset"}
	wantEvents := append([]string{"hello me.example", "tls 304", "hello me.example"}, one...)
	diff(t, h.log(), append(append(wantEvents, one...), "close"))
}

func TestImplicitTLS(t *testing.T) {
	cert, pool := certificate(t)
	h := &recorder{}
	addr, stop := serveTest(t, &Server{
		Handler: h, ImplicitTLS: true,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
	})
	conn := tls.Client(dial(t, addr), &tls.Config{RootCAs: pool, ServerName: "mx.example"})
	k, err := (&Client{}).Open(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if k.TLS == nil || k.Extensions.StartTLS {
		t.Errorf("got %+v, want TLS and no STARTTLS", k.Extensions)
	}
	k.Quit(context.Background())
	stop()
	diff(t, h.log(), []string{"hello localhost", "close"})
}

func TestServerStartTLS(t *testing.T) {
	cert, _ := certificate(t)
	withTLS := strings.Replace(hello, "S: 250 SIZE 52428800", "S: 250-STARTTLS\nS: 250 SIZE 52428800", 1)
	for _, tt := range []struct{ name, script string }{
		{"injection", withTLS + `C: STARTTLS
			C: MAIL FROM:<evil@x.example>
			S: 554 5.5.0 you sent data before it was your turn
			S: EOF`},
		{"argument", withTLS + `C: STARTTLS now
			S: 501 5.5.4 STARTTLS takes no argument` + quit},
		{"no-handshake", withTLS + `C: STARTTLS
			S: 220 2.0.0 begin TLS
			C: MAIL FROM:<evil@x.example>
			S: EOF`},
		{"requiretls-in-the-clear", withTLS + `C: MAIL FROM:<a@b.example> REQUIRETLS
			S: 530 5.7.10 REQUIRETLS needs TLS` + quit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &recorder{offer: func(e *Extensions) { e.RequireTLS = true }}
			s := &Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
			got := talk(t, s, h, tt.script)
			diff(t, got, []string{"hello c.example", "close"})
		})
	}
}

func TestClientStartTLS(t *testing.T) {
	start := func(ctx context.Context, k *ClientConn) string {
		err := k.StartTLS(ctx, &tls.Config{ServerName: "mx.example"})
		again := k.Noop(ctx)
		return err.Error() + " | " + string(reasonOf(again))
	}
	for _, tt := range []struct{ name, script, want string }{
		{"stripped", offer(), "smtp: STARTTLS: extension not offered | malformed reply"},
		{"refused", offer("STARTTLS") + "C: STARTTLS\nS: 454 4.7.0 not now\nC: NOOP\nS: 250 ok", "smtp: STARTTLS: refused: 454 4.7.0 not now | "},
		{"injection", offer("STARTTLS") + "C: STARTTLS\nS: 220 go\nS: 250 you said EHLO\nC: EOF", `smtp: STARTTLS: data sent too early: "250 you said EHLO\r\n" | data sent too early`},
		{"hangup", offer("STARTTLS") + "C: STARTTLS\nS: 220 go\nS: EOF", "smtp: STARTTLS: TLS handshake failed: EOF | TLS handshake failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			script := tt.script
			if tt.name == "stripped" {
				script += "C: NOOP\nS: what"
			}
			diff(t, against(t, &Client{}, script, start), tt.want)
		})
	}
}

// TestGarbageInTLS has a server that answers the handshake with anything else.
func TestGarbageInTLS(t *testing.T) {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for _, words := range []string{"220 hi\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n", "\x16\x03\x01\xff\xffgarbage"} {
			_, _ = io.WriteString(theirs, words)
			_, _ = theirs.Read(buf)
		}
		_ = theirs.Close()
	}()
	k, err := new(Client).Open(context.Background(), ours)
	if err != nil {
		t.Fatal(err)
	}
	err = k.StartTLS(context.Background(), &tls.Config{ServerName: "mx.example"})
	if reasonOf(err) != TLSFailed || reasonOf(k.Noop(context.Background())) != TLSFailed {
		t.Errorf("got %v, want %s", err, TLSFailed)
	}
	<-done
}

// TestClientDistrusts has a certificate that the client does not accept: not a
// word is said after the handshake.
func TestClientDistrusts(t *testing.T) {
	cert, _ := certificate(t)
	h := &recorder{}
	addr, stop := serveTest(t, &Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}})
	k, err := (&Client{}).Open(context.Background(), dial(t, addr))
	if err != nil {
		t.Fatal(err)
	}
	err = k.StartTLS(context.Background(), &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "mx.example"})
	var unknown x509.UnknownAuthorityError
	if reasonOf(err) != TLSFailed || !errors.As(err, &unknown) {
		t.Errorf("got %v, want %s for an unknown authority", err, TLSFailed)
	}
	stop()
	diff(t, h.log(), []string{"hello localhost", "close"})
}

// TestLateAlert has a server that refuses the client after the client's part of
// a TLS 1.3 handshake is done.
func TestLateAlert(t *testing.T) {
	cert, pool := certificate(t)
	addr, _ := serveTest(t, &Server{Handler: &recorder{}, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert,
	}})
	k, err := (&Client{}).Open(context.Background(), dial(t, addr))
	if err != nil {
		t.Fatal(err)
	}
	err = k.StartTLS(context.Background(), &tls.Config{RootCAs: pool, ServerName: "mx.example"})
	if reasonOf(err) != TLSFailed {
		t.Errorf("got %v, want %s", err, TLSFailed)
	}
}

// TestStop holds that a server that is told to stop finishes messages and sends
// away those who are between them.
func TestStop(t *testing.T) {
	h := &recorder{}
	addr, stop := serveTest(t, &Server{Handler: h, Hostname: "mx.example"})
	idle, busy := dial(t, addr), dial(t, addr)
	converse(t, idle, "S: 220 mx.example ESMTP")
	converse(t, busy, toData)
	done := make(chan struct{})
	go func() { stop(); close(done) }()
	converse(t, idle, "S: 421 4.3.2 server is stopping, try again later\nS: EOF")
	converse(t, busy, `C: x
		C: .
		S: 250 2.0.0 message accepted
		S: 421 4.3.2 server is stopping, try again later
		S: EOF`)
	<-done
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("it still listens")
	}
}

func TestConnectionLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits Limits
		want   string
	}{
		{"all", Limits{Connections: 1}, "S: 421 4.3.2 too many connections, try again later\nS: EOF"},
		{"per-ip", Limits{ConnectionsPerIP: 1}, "S: 421 4.7.0 too many connections from your address\nS: EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, _ := serveTest(t, &Server{Handler: &recorder{}, Limits: tt.limits, Hostname: "mx.example"})
			first := dial(t, addr)
			converse(t, first, "S: 220 mx.example ESMTP")
			converse(t, dial(t, addr), tt.want)
			converse(t, first, quit)
		})
	}
}

// TestReport has the reasons that an operator sees.
func TestReport(t *testing.T) {
	reasons := make(chan Reason, 10)
	addr, stop := serveTest(t, &Server{
		Handler:  &recorder{},
		Hostname: "mx.example",
		Report:   func(_ *Conn, err error) { reasons <- reasonOf(err) },
	})
	for _, script := range []string{
		"S: 220 mx.example ESMTP\nC: \\n\nS: 500 5.5.2 bare LF: lines end with CRLF and have no other CR or LF\nS: EOF",
		hello + "C: MAIL FROM:<panic@x.example>\nS: 421 4.3.0 internal error, try again later\nS: EOF",
		toData + "C: x\nC: EOF\nS: EOF",
		toData + "C: \\n\nC: .\nS: 554 5.6.0 bare LF in message: lines end with CRLF and have no other CR or LF" + quit,
		"S: 220 mx.example ESMTP\nC: EOF\nS: EOF",
	} {
		converse(t, dial(t, addr), script)
	}
	stop()
	close(reasons)
	var got []Reason
	for r := range reasons {
		got = append(got, r)
	}
	diff(t, got, []Reason{BareLF, Panicked, Truncated, BareLF})
}

// TestDataLMTP has a session that answers for each recipient by itself.
func TestDataLMTP(t *testing.T) {
	s := &Server{LMTP: true, Handler: HandlerFunc(func(_ context.Context, c *Conn) (Session, *Reply) {
		return &each{recording{&recorder{}, c}}, nil
	})}
	talk(t, s, &recorder{}, strings.NewReplacer("EHLO", "LHLO", "ESMTP", "LMTP").Replace(hello)+`C: MAIL FROM:<>
		C: RCPT TO:<a@b.example>
		C: RCPT TO:<b@b.example>
		C: RCPT TO:<c@b.example>
		C: DATA
		S: 250 2.1.0 sender ok
		S: 250 2.1.5 recipient ok
		S: 250 2.1.5 recipient ok
		S: 250 2.1.5 recipient ok
		S: 354 end with <CRLF>.<CRLF>
		C: .
		S: 250 2.0.0 message accepted
		S: 552 5.2.2 full
		S: 451 4.3.0 no verdict for this recipient, try again later`)
}

type each struct{ recording }

func (s *each) DataLMTP(_ context.Context, r io.Reader) []*Reply {
	_, _ = io.Copy(io.Discard, r)
	return []*Reply{nil, NewReply(552, EnhancedCode{5, 2, 2}, "full")}
}
