package smtp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// against runs do against a server that follows the script, in which C is the
// client.
func against(t *testing.T, c *Client, script string, do func(context.Context, *ClientConn) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		swap := strings.NewReplacer("S: EOF", "C: EOF", "C: EOF", "S: EOF", "S:", "C:", "C:", "S:", "S-", "C-")
		converse(t, conn, swap.Replace(script))
	}()
	conn := dial(t, l.Addr().String())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	k, err := c.Open(ctx, conn)
	got := ""
	if err != nil {
		got = err.Error()
	} else {
		got = do(ctx, k)
		_ = k.Close()
	}
	<-done
	return got
}

// offer is the beginning of a conversation with a server that offers these.
func offer(extensions ...string) string {
	s := "S: 220 mx.example\nC: EHLO localhost\nS: 250-mx.example\n"
	for _, e := range extensions {
		s += "S: 250-" + e + "\n"
	}
	return s + "S: 250 HELP\n"
}

func mustPath(s string) Path {
	p, err := ParsePath(s)
	if err != nil {
		panic(err)
	}
	return p
}

// sending returns a function that sends text and says what came of it.
func sending(tx Transaction, text string) func(context.Context, *ClientConn) string {
	return sendingFrom(tx, strings.NewReader(text))
}

func sendingFrom(tx Transaction, text io.Reader) func(context.Context, *ClientConn) string {
	return func(ctx context.Context, k *ClientConn) string {
		d, err := k.Send(ctx, &tx, text)
		b, _ := json.Marshal(d)
		s := strings.NewReplacer(`"code":`, "", `,"lines":["ok"]`, "", `"`, "").Replace(string(b))
		if err != nil {
			s += " " + err.Error()
		}
		return s
	}
}

func envelope(to ...string) Transaction {
	tx := Transaction{From: mustPath("a@b.example")}
	for _, p := range to {
		tx.To = append(tx.To, Recipient{Path: mustPath(p)})
	}
	return tx
}

func with(tx Transaction, change func(*Transaction)) Transaction {
	tx.To = slices.Clone(tx.To)
	change(&tx)
	return tx
}

func TestClientSend(t *testing.T) {
	one := envelope("c@d.example")
	chunked := with(one, func(tx *Transaction) { tx.Chunked = true })
	full := with(one, func(tx *Transaction) {
		tx.Options = MailOptions{Size: 9, Body: Body8Bit, Return: ReturnHeaders, EnvID: "x+y z"}
		tx.To[0].Options = RcptOptions{Notify: NotifyFailure | NotifyDelay, Original: OriginalRecipient{"rfc822", "q=r@s.example"}}
	})
	for _, tt := range []struct {
		name, script string
		do           func(context.Context, *ClientConn) string
		want         string
	}{
		{
			"plain", offer() + `C: MAIL FROM:<a@b.example>
			S: 250 ok
			C: RCPT TO:<c@d.example>
			S: 250 ok
			C: DATA
			S: 354 go
			C: text
			C: ..
			C: ..dot
			C: .
			S: 250-2.0.0 queued
			S: 250 2.0.0 as 1`,
			sending(one, "text\r\n.\r\n.dot"),
			`{mail:{250},data:{354,lines:[go]},recipients:[{rcpt:{250},final:{250,enhanced:2.0.0,lines:[queued,as 1]}}]}`,
		},
		{
			"pipelined", offer("PIPELINING") + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			C: RCPT TO:<e@f.example>
			C: DATA
			S: 250 ok
			S: 550 5.1.1 ok
			S: 250 ok
			S: 354 ok
			C: .
			S: 452 ok`,
			sending(envelope("c@d.example", "e@f.example"), ""),
			`{mail:{250},data:{354},recipients:[{rcpt:{550,enhanced:5.1.1}},{rcpt:{250},final:{452}}]}`,
		},
		{
			"pipelined-354-for-nobody", offer("PIPELINING") + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			C: DATA
			S: 250 ok
			S: 550 ok
			S: 354 ok
			C: .
			S: 554 ok`,
			sending(one, "secret"), `{mail:{250},data:{354},recipients:[{rcpt:{550}}]}`,
		},
		{
			"mail-refused", offer() + `C: MAIL FROM:<a@b.example>
			S: 550 ok`,
			sending(one, "text"), `{mail:{550},recipients:[{}]}`,
		},
		{
			"data-refused", offer("PIPELINING") + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 451 ok`,
			sending(one, "text"), `{mail:{250},data:{451},recipients:[{rcpt:{250},final:{451}}]}`,
		},
		{
			"options", offer("SIZE 10", "8BITMIME", "DSN") + `C: MAIL FROM:<a@b.example> SIZE=9 BODY=8BITMIME RET=HDRS ENVID=x+2By+20z
			S: 250 ok
			C: RCPT TO:<c@d.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;q+3Dr@s.example
			S: 550 ok`,
			sending(full, "text"), `{mail:{250},recipients:[{rcpt:{550}}]}`,
		},
		{
			"utf8", offer("SMTPUTF8") + `C: MAIL FROM:<ü@xn--bcher-kva.example> SMTPUTF8
			S: 550 ok`,
			sending(with(one, func(tx *Transaction) { tx.From = mustPath("ü@bücher.example") }), ""),
			`{mail:{550},recipients:[{}]}`,
		},
		{
			"no-utf8", offer(), sending(envelope("ü@d.example"), ""),
			`{recipients:[{}]} smtp: MAIL: extension not offered: SMTPUTF8`,
		},
		{"no-8bitmime", offer(), sending(full, ""), `{recipients:[{}]} smtp: MAIL: extension not offered: 8BITMIME`},
		{
			"no-tls", offer("REQUIRETLS"), sending(with(one, func(tx *Transaction) { tx.Options.RequireTLS = true }), ""),
			`{recipients:[{}]} smtp: MAIL: TLS needed: REQUIRETLS`,
		},
		{
			"too-large", offer("SIZE 3"), sending(with(one, func(tx *Transaction) { tx.Options.Size = 4 }), ""),
			`{recipients:[{}]} smtp: MAIL: message too large: limit of the server 3 bytes`,
		},
		{
			"injection", offer(), sending(with(one, func(tx *Transaction) { tx.To[0].Path.Local = "x> \r\nRCPT TO:<y" }), ""),
			`{recipients:[{}]} smtp: RCPT: malformed path: "\"x> \r\nRCPT TO:<y\"@d.example>"`,
		},
		{
			"bare-lf", offer("PIPELINING") + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 ok
			C: EOF`,
			sending(one, "a\n.\nb"), `{mail:{250},data:{354},recipients:[{rcpt:{250}}]} smtp: message: bare LF`,
		},
		{
			"unreadable", offer("PIPELINING") + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 ok
			C: part
			C: EOF`,
			sendingFrom(one, io.MultiReader(strings.NewReader("part\r\n"), iotest.ErrReader(errors.New("disk")))),
			`{mail:{250},data:{354},recipients:[{rcpt:{250}}]} smtp: message: message could not be read: disk`,
		},
		{
			"bdat", offer("CHUNKING") + `C: MAIL FROM:<a@b.example>
			S: 250 ok
			C: RCPT TO:<c@d.example>
			S: 250 ok
			C: BDAT 9 LAST
			C: a
			C: .
			C: b
			S: 250 ok`,
			sending(chunked, "a\r\n.\r\nb"), `{mail:{250},recipients:[{rcpt:{250},final:{250}}]}`,
		},
		{
			"bdat-refused", offer("CHUNKING", "PIPELINING") + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			S: 250 ok
			S: 250 ok
			C: BDAT 65536
			C: ` + strings.Repeat("x", 65534) + `
			C: BDAT 0 LAST
			S: 552 ok
			S: 503 ok
			C: RSET
			S: 250 ok
			C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			S: 550 ok
			S: 503 ok`,
			func(ctx context.Context, k *ClientConn) string {
				send := sending(chunked, strings.Repeat("x", 65534)+"\r\n")
				return send(ctx, k) + send(ctx, k)
			},
			`{mail:{250},recipients:[{rcpt:{250},final:{552}}]}{mail:{550},recipients:[{rcpt:{503}}]}`,
		},
		{
			"421", offer("PIPELINING") + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<c@d.example>
			C: DATA
			S: 421 ok
			S: EOF`,
			sending(one, ""), `{mail:{421},recipients:[{}]} smtp: MAIL: connection closed: 421 ok`,
		},
		{
			"hangup", offer("PIPELINING") + `C: MAIL FROM:<a@b.example>
			S: EOF`,
			sending(one, ""), `{recipients:[{}]} smtp: MAIL: connection closed: EOF`,
		},
		{
			"two-replies-to-one", offer() + `C: MAIL FROM:<a@b.example>
			S: 250 ok
			S: 250 ok
			S: EOF`,
			sending(one, ""), `{mail:{250},recipients:[{}]} smtp: RCPT: data sent too early: "250 ok\r\n"`,
		},
		{
			"3yz-at-the-end", offer() + `C: MAIL FROM:<a@b.example>
			S: 250 ok
			C: RCPT TO:<c@d.example>
			S: 250 ok
			C: DATA
			S: 250 ok`,
			sending(one, ""), `{mail:{250},data:{250},recipients:[{rcpt:{250}}]} smtp: DATA: malformed reply: 250 ok`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, against(t, &Client{}, tt.script, tt.do), tt.want)
		})
	}
}

func TestClientOpen(t *testing.T) {
	fine := func(_ context.Context, k *ClientConn) string { return k.Hello.String() }
	for _, tt := range []struct{ name, script, want string }{
		{"helo", `S: 220 hi
			C: EHLO localhost
			S: 502 what
			C: HELO localhost
			S: 250 ah`, "250 ah"},
		{"refused", "S: 554 5.7.1 go away", "smtp: greeting: refused: 554 5.7.1 go away"},
		{"busy", `S: 220 hi
			C: EHLO localhost
			S: 421 4.3.2 busy`, "smtp: EHLO: refused: 421 4.3.2 busy"},
		{"garbage", "S: HTTP/1.1 400 Bad Request", `smtp: greeting: malformed reply: "HTTP/1.1 400 Bad Request"`},
		{"bare-lf", `S- 220 hi\n`, `smtp: greeting: malformed reply: bare LF in "220 hi\n"`},
		{"two-greetings", "S: 220 hi\nS: 250 you", `smtp: EHLO: data sent too early: "250 you\r\n"`},
		{"mixed-codes", "S: 220-hi\nS: 250 you", `smtp: greeting: malformed reply: "250 you"`},
		{"many-lines", strings.Repeat("S: 220-hi\n", 200) + "S: 220 hi", `smtp: greeting: reply too long: limit 128 lines`},
		{"endless-line", "S- 220 " + strings.Repeat("x", 1<<20), `smtp: greeting: malformed reply: line too long in "220 ` + strings.Repeat("x", 60) + `"...`},
		{"endless-reply", strings.Repeat("S: 220-"+strings.Repeat("x", 500)+"\n", 5000), `smtp: greeting: reply too long: limit 128 lines`},
		{"hangup", "S: EOF", "smtp: greeting: connection closed: EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, against(t, &Client{}, tt.script, fine), tt.want)
		})
	}
	t.Run("trace", func(t *testing.T) {
		var lines []string
		c := &Client{Hostname: "me.example", LMTP: true, Trace: func(sent bool, line string) {
			if sent {
				line = "C: " + line
			}
			lines = append(lines, line)
		}}
		against(t, c, "S: 220 hi\nC: LHLO me.example\nS: 250-you\nS: 250 DSN", fine)
		diff(t, lines, []string{"220 hi", "C: LHLO me.example", "250-you", "250 DSN"})
	})
}

// A connection on which the server said 421 is not one for a next message.
func TestClientErr(t *testing.T) {
	tests := []struct{ name, final, want string }{
		{"open", "250 ok", "<nil>"},
		{"refused", "550 no", "<nil>"},
		{"421", "421 enough", "smtp: message: connection closed: 421 enough"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			script := offer() + "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: " + tt.final + "\n"
			got := against(t, new(Client), script, func(ctx context.Context, k *ClientConn) string {
				tx := envelope("<c@d.example>")
				tx.From = mustPath("<a@b.example>")
				_, _ = k.Send(ctx, &tx, strings.NewReader("x\r\n"))
				return fmt.Sprint(k.Err())
			})
			diff(t, got, tt.want)
		})
	}
}

func TestClientLMTP(t *testing.T) {
	got := against(t, &Client{LMTP: true}, strings.Replace(offer("PIPELINING"), "EHLO", "LHLO", 1)+`C: MAIL FROM:<a@b.example>
		C: RCPT TO:<c@d.example>
		C: RCPT TO:<e@f.example>
		C: RCPT TO:<g@h.example>
		C: DATA
		S: 250 ok
		S: 250 ok
		S: 550 ok
		S: 250 ok
		S: 354 ok
		C: x
		C: .
		S: 452 ok
		S: 250 ok`, sending(envelope("c@d.example", "e@f.example", "g@h.example"), "x\r\n"))
	diff(t, got, `{mail:{250},data:{354},recipients:[{rcpt:{250},final:{452}},{rcpt:{550}},{rcpt:{250},final:{250}}]}`)
}

// TestClientPatience holds each timeout of RFC 5321, Section 4.5.3.2, on a
// clock that does not wait. The server dribbles, so that a timeout for each
// read would never pass.
func TestClientPatience(t *testing.T) {
	for _, tt := range []struct {
		name string
		said []string // the server's replies before it dribbles
		want time.Duration
	}{
		{"greeting", nil, GreetingTimeout},
		{"ehlo", []string{"220 hi"}, CommandTimeout},
		{"mail", []string{"220 hi", "250 hi"}, MailTimeout},
		{"rcpt", []string{"220 hi", "250 hi", "250 ok"}, RcptTimeout},
		{"data", []string{"220 hi", "250 hi", "250 ok", "250 ok"}, DataTimeout},
		{"end", []string{"220 hi", "250 hi", "250 ok", "250 ok", "354 ok"}, DataEndTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				done := make(chan struct{}, 2)
				go func() { _, _ = io.Copy(io.Discard, theirs); done <- struct{}{} }()
				go func() {
					defer func() { done <- struct{}{} }()
					for _, line := range tt.said {
						_, _ = io.WriteString(theirs, line+"\r\n")
						synctest.Wait()
					}
					for {
						if _, err := io.WriteString(theirs, "2"); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
				begun := time.Now()
				k, err := new(Client).Open(context.Background(), ours)
				if err == nil {
					tx := envelope("c@d.example")
					_, err = k.Send(context.Background(), &tx, strings.NewReader("x\r\n"))
				}
				var e *Error
				if !errors.As(err, &e) || e.Reason != Timeout {
					t.Errorf("got %v, want a timeout", err)
				}
				if got := time.Since(begun); got != tt.want {
					t.Errorf("gave up after %s, want %s", got, tt.want)
				}
				_ = theirs.Close()
				<-done
				<-done
			})
		})
	}
}

func TestClientContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err := new(Client).Open(ctx, ours)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, context.Canceled) || e.Reason != GivenUp || !e.Temporary() {
			t.Errorf("got %v, want it given up", err)
		}
		_ = theirs.Close()
	})
}
