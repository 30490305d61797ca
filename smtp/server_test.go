package smtp

import (
	"io"
	"net"
	"strings"
	"testing"
)

const (
	// The beginning of most conversations.
	hello = `
	S: 220 mx.example ESMTP
	C: EHLO c.example
	S: 250-mx.example
	S: 250-PIPELINING
	S: 250-8BITMIME
	S: 250-SMTPUTF8
	S: 250-CHUNKING
	S: 250-ENHANCEDSTATUSCODES
	S: 250 SIZE 52428800
	`
	toData = hello + `C: MAIL FROM:<a@b.example>
	C: RCPT TO:<c@d.example>
	C: DATA
	S: 250 2.1.0 sender ok
	S: 250 2.1.5 recipient ok
	S: 354 end with <CRLF>.<CRLF>
	`
	toBdat = hello + `C: MAIL FROM:<a@b.example>
	C: RCPT TO:<c@d.example>
	S: 250 2.1.0 sender ok
	S: 250 2.1.5 recipient ok
	`
	quit = `
	C: QUIT
	S: 221 2.0.0 mx.example closing connection
	S: EOF`
)

// begun is what the session was told after toData and toBdat.
func begun(more ...string) []string {
	return append([]string{"hello c.example", "mail <a@b.example>", "rcpt <c@d.example>"}, more...)
}

func TestServer(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		want         []string
	}{
		{
			"message", toData + `C: Subject: x
			C: 
			C: ..dot
			C: .
			S: 250 2.0.0 message accepted` + quit,
			begun(`data "Subject: x\r\n\r\n.dot\r\n" <nil>`, "reset", "close"),
		},
		{
			"empty message", toData + `C: .
			S: 250 2.0.0 message accepted` + quit,
			begun(`data "" <nil>`, "reset", "close"),
		},
		{
			"two messages", toData + `C: one
			C: .
			C: MAIL FROM:<>
			C: RCPT TO:<Postmaster>
			C: DATA
			S: 250 2.0.0 message accepted
			S: 250 2.1.0 sender ok
			S: 250 2.1.5 recipient ok
			S: 354 end with <CRLF>.<CRLF>
			C: two
			C: .
			S: 250 2.0.0 message accepted` + quit,
			begun(`data "one\r\n" <nil>`, "reset", "mail <>", "rcpt <Postmaster>", `data "two\r\n" <nil>`, "reset", "close"),
		},
		{
			"helo", `S: 220 mx.example ESMTP
			C: HELO c.example
			S: 250 mx.example
			C: MAIL FROM:<a@b.example> SIZE=1
			S: 555 5.5.4 SIZE was not offered
			C: MAIL FROM:<a@b.example>
			S: 250 2.1.0 sender ok
			C: EHLO c.example
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250-8BITMIME
			S: 250-SMTPUTF8
			S: 250-CHUNKING
			S: 250-ENHANCEDSTATUSCODES
			S: 250 SIZE 52428800` + quit,
			[]string{"hello c.example", "mail <a@b.example>", "reset", "hello c.example", "close"},
		},
		{
			"sequence", `S: 220 mx.example ESMTP
			C: MAIL FROM:<a@b.example>
			S: 503 5.5.1 say EHLO first
			C: DATA
			S: 503 5.5.1 say MAIL and RCPT first
			C: RCPT TO:<c@d.example>
			S: 503 5.5.1 say MAIL first
			C: EHLO
			S: 501 5.5.4 want EHLO and a domain name or an address literal
			C: LHLO x
			S: 500 5.5.1 LHLO is not spoken here
			C: HELO r550
			S: 550 5.1.1 as you wish
			C: MAIL FROM:<a@b.example>
			S: 503 5.5.1 say EHLO first
			C: HELO c.example
			S: 250 mx.example
			C: MAIL FROM:<a@b.example>
			S: 250 2.1.0 sender ok
			C: MAIL FROM:<a@b.example>
			S: 503 5.5.1 a transaction is open
			C: RCPT TO:<r550@d.example>
			S: 550 5.1.1 as you wish
			C: DATA
			S: 554 5.5.1 no valid recipients
			C: RSET
			S: 250 2.0.0 ok
			C: MAIL FROM:<r450@b.example>
			S: 450 4.1.1 as you wish
			C: RCPT TO:<c@d.example>
			S: 503 5.5.1 say MAIL first` + quit,
			[]string{
				"hello r550", "hello c.example", "mail <a@b.example>", "rcpt <r550@d.example>",
				"reset", "mail <r450@b.example>", "close",
			},
		},
		{
			"small commands", `S: 220 mx.example ESMTP
			C: noop hello
			S: 250 2.0.0 ok
			C: VRFY
			S: 501 5.5.4 want VRFY name
			C: VRFY joe
			S: 252 2.5.0 cannot verify, send mail and see
			C: EXPN list
			S: 502 5.5.1 EXPN is not implemented
			C: STARTTLS
			S: 502 5.5.1 STARTTLS is not offered
			C: XCLIENT NAME=x
			S: 500 5.5.1 unknown command
			C: RSET x
			S: 501 5.5.4 RSET takes no argument
			C: 
			S: 500 5.5.2 malformed command
			C: MAIL\0 FROM:<>
			S: 500 5.5.2 malformed command
			C: FOO
			S: 500 5.5.1 unknown command` + quit,
			[]string{"close"},
		},
		{
			"parameters", hello + `C: MAIL FROM:<a@b.example> SIZE=52428801
			S: 552 5.3.4 message too large: limit 52428800 bytes
			C: MAIL FROM:<a@b.example> FOO=1
			S: 555 5.5.4 unknown parameter: "FOO"
			C: MAIL FROM:<a@b.example> SIZE=x
			S: 501 5.5.4 malformed parameter: "SIZE=x"
			C: MAIL FROM:<a@b.example> SIZE=1 SIZE=1
			S: 501 5.5.4 malformed parameter: "SIZE=1"
			C: MAIL FROM:<a@b.example> REQUIRETLS
			S: 555 5.5.4 REQUIRETLS was not offered
			C: MAIL FROM:<a@b.example> RET=HDRS
			S: 555 5.5.4 RET was not offered
			C: MAIL FROM:<a@b.example> BODY=BINARYMIME
			S: 501 5.5.4 malformed parameter: "BODY=BINARYMIME"
			C: MAIL FROM:a@b.example
			S: 501 5.1.7 malformed path: "a@b.example"
			C: MAIL FROM:<ü@b.example>
			S: 553 5.6.7 this address needs SMTPUTF8
			C: MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME
			S: 250 2.1.0 sender ok
			C: RCPT TO:<ü@d.example>
			S: 553 5.6.7 this address needs SMTPUTF8
			C: RCPT TO:<>
			S: 501 5.1.3 malformed path: "TO:<>"
			C: RCPT TO:<c@d.example> NOTIFY=NEVER
			S: 555 5.5.4 NOTIFY and ORCPT was not offered` + quit,
			[]string{"hello c.example", "mail <a@b.example> SIZE=10 BODY=8BITMIME", "reset", "close"},
		},
		{
			"utf8", hello + `C: MAIL FROM:<ü@bücher.example> SMTPUTF8
			S: 250 2.1.0 sender ok
			C: RCPT TO:<ö@d.example>
			S: 250 2.1.5 recipient ok` + quit,
			[]string{"hello c.example", "mail <ü@xn--bcher-kva.example> SMTPUTF8", "rcpt <ö@d.example>", "reset", "close"},
		},
		{
			"bdat", toBdat + `C: BDAT 5
			C- a\r\nb\r
			C: BDAT 4
			C- \n.\r\n
			S: 250 2.0.0 ok
			S: 250 2.0.0 ok
			C: NOOP
			S: 250 2.0.0 ok
			C: DATA
			S: 503 5.5.1 only BDAT or RSET can follow BDAT
			C: BDAT 0 LAST
			S: 250 2.0.0 message accepted` + quit,
			begun(`data "a\r\nb\r\n.\r\n" <nil>`, "reset", "close"),
		},
		{
			"bdat without last CRLF", toBdat + `C: BDAT 3 LAST
			C- abc
			S: 250 2.0.0 message accepted` + quit,
			begun(`data "abc\r\n" <nil>`, "reset", "close"),
		},
		{
			"bdat reset", toBdat + `C: BDAT 3
			C- abc
			S: 250 2.0.0 ok
			C: RSET
			S: 250 2.0.0 ok
			C: BDAT 13 LAST
			C- MAIL FROM:<>\n
			S: 503 5.5.1 say MAIL and RCPT first` + quit,
			begun(`data "abc" smtp: message: message cut short: the transaction was ended between two chunks`, "reset", "close"),
		},
		{
			"bdat refused recipients", hello + `C: MAIL FROM:<a@b.example>
			C: RCPT TO:<r550@d.example>
			C: BDAT 6
			C- QUIT\r\n
			C: BDAT 6 LAST
			C- QUIT\r\n
			C: RSET
			S: 250 2.1.0 sender ok
			S: 550 5.1.1 as you wish
			S: 554 5.5.1 no valid recipients
			S: 503 5.5.1 say MAIL and RCPT first
			S: 250 2.0.0 ok` + quit,
			[]string{"hello c.example", "mail <a@b.example>", "rcpt <r550@d.example>", "reset", "close"},
		},
		{"bdat unreadable", toBdat + `C: BDAT 1x LAST
			C: QUIT
			S: 501 5.5.4 BDAT was not offered or cannot be read
			S: EOF`, begun("reset", "close")},
		{"panic", hello + `C: MAIL FROM:<panic@b.example>
			S: 421 4.3.0 internal error, try again later
			S: EOF`, []string{"hello c.example", "mail <panic@b.example>", "close"}},
		{"browser", `S: 220 mx.example ESMTP
			C: POST / HTTP/1.1
			S: 554 5.5.1 this is SMTP
			S: EOF`, []string{"close"}},
		{"untrusted proxy header", `S: 220 mx.example ESMTP
			C: PROXY TCP4 192.0.2.1 192.0.2.2 1 2
			S: 554 5.5.1 this is SMTP
			S: EOF`, []string{"close"}},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			diff(t, talk(t, &Server{}, &recorder{}, tt.script), tt.want)
		})
	}
}

func TestServerOptions(t *testing.T) {
	tooLarge := func(e *Extensions) { e.MaxSize = 10 }
	early := func(io.Reader) *Reply { return NewReply(554, EnhancedCode{5, 7, 1}, "not this one") }
	for _, tt := range []struct {
		name   string
		s      *Server
		h      *recorder
		script string
		want   []string
	}{
		{
			"refused connection", &Server{}, &recorder{greet: NewReply(554, EnhancedCode{5, 7, 1}, "go away")},
			"S: 554 5.7.1 go away\nS: EOF",
			[]string{"close"},
		},
		{
			"too large", &Server{}, &recorder{offer: tooLarge}, strings.ReplaceAll(toData, "52428800", "10") + `C: 0123456789
			C: .
			S: 552 5.3.4 message too large: limit 10 bytes` + quit,
			begun(`data "" smtp: message: message too large: limit 10 bytes`, "reset", "close"),
		},
		{"far too large", &Server{Limits: Limits{Discard: 20}}, &recorder{offer: tooLarge}, strings.ReplaceAll(toData, "52428800", "10") + `C: ` + strings.Repeat("x", 600) + `
			C: MAIL FROM:<x@y.example>
			S: 552 5.3.4 message too large: limit 10 bytes
			S: EOF`, // and no word of the MAIL in it
			begun(`data "" smtp: message: message too large: limit 10 bytes`, "reset", "close")},
		{"refused early", &Server{}, &recorder{data: early}, toData + `C: 0123456789
			C: .
			S: 554 5.7.1 not this one` + quit, begun("reset", "close")},
		{"bdat refused early", &Server{}, &recorder{data: early}, toBdat + `C: BDAT 6
			C- QUIT\r\n
			C: BDAT 6 LAST
			C- QUIT\r\n
			C: MAIL FROM:<>
			S: 554 5.7.1 not this one
			S: 503 5.5.1 say MAIL and RCPT first
			S: 250 2.1.0 sender ok` + quit, begun("reset", "mail <>", "reset", "close")},
		{
			"accepted unread", &Server{}, &recorder{data: func(io.Reader) *Reply { return nil }}, toData + `C: a\nb
			C: .
			S: 554 5.6.0 bare LF in message: lines end with CRLF and have no other CR or LF` + quit,
			begun("reset", "close"),
		},
		{
			"recipients", &Server{Limits: Limits{Recipients: 1}}, &recorder{}, hello + `C: MAIL FROM:<>
			C: RCPT TO:<a@b.example>
			C: RCPT TO:<c@b.example>
			S: 250 2.1.0 sender ok
			S: 250 2.1.5 recipient ok
			S: 452 4.5.3 too many recipients` + quit,
			[]string{"hello c.example", "mail <>", "rcpt <a@b.example>", "reset", "close"},
		},
		{"errors", &Server{Limits: Limits{Errors: 1}}, &recorder{}, `S: 220 mx.example ESMTP
			C: FOO
			S: 500 5.5.1 unknown command
			C: FOO
			S: 500 5.5.1 unknown command
			S: 421 4.7.0 too many errors or idle commands
			S: EOF`, []string{"close"}},
		{"idle", &Server{Limits: Limits{Idle: 1}}, &recorder{}, `S: 220 mx.example ESMTP
			C: NOOP
			S: 250 2.0.0 ok
			C: NOOP
			S: 250 2.0.0 ok
			S: 421 4.7.0 too many errors or idle commands
			S: EOF`, []string{"close"}},
		{"messages", &Server{Limits: Limits{Messages: 1}}, &recorder{}, toData + `C: .
			C: MAIL FROM:<>
			S: 250 2.0.0 message accepted
			S: 421 4.7.0 enough messages on this connection
			S: EOF`, begun(`data "" <nil>`, "reset", "close")},
		{"connections", &Server{Limits: Limits{ConnectionsPerIP: -1, Connections: 0}}, &recorder{}, "S: 220 mx.example ESMTP" + quit, []string{"close"}},
		{
			"dsn", &Server{Extensions: &Extensions{DSN: true, Pipelining: true}}, &recorder{}, `S: 220 mx.example ESMTP
			C: EHLO c.example
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250 DSN
			C: MAIL FROM:<> RET=hdrs ENVID=a+2Bb
			C: RCPT TO:<a@b.example> NOTIFY=success,FAILURE ORCPT=rfc822;a+2B@b.example
			C: RCPT TO:<a@b.example> NOTIFY=NEVER,FAILURE
			S: 250 2.1.0 sender ok
			S: 250 2.1.5 recipient ok
			S: 501 5.5.4 malformed parameter: "NOTIFY=NEVER,FAILURE"` + quit,
			[]string{
				"hello c.example", "mail <> RET=HDRS ENVID=a+2Bb",
				"rcpt <a@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2B@b.example", "reset", "close",
			},
		},
		{
			"lmtp", &Server{LMTP: true}, &recorder{}, strings.NewReplacer("EHLO", "LHLO", "ESMTP", "LMTP").Replace(hello) + `C: MAIL FROM:<>
			C: RCPT TO:<a@b.example>
			C: RCPT TO:<r550@b.example>
			C: RCPT TO:<c@b.example>
			C: DATA
			S: 250 2.1.0 sender ok
			S: 250 2.1.5 recipient ok
			S: 550 5.1.1 as you wish
			S: 250 2.1.5 recipient ok
			S: 354 end with <CRLF>.<CRLF>
			C: .
			S: 250 2.0.0 message accepted
			S: 250 2.0.0 message accepted
			C: HELO x
			S: 500 5.5.1 HELO is not spoken here` + quit,
			[]string{
				"hello c.example", "mail <>", "rcpt <a@b.example>", "rcpt <r550@b.example>", "rcpt <c@b.example>",
				`data "" <nil>`, "reset", "close",
			},
		},
		{"proxy v1", &Server{TrustProxy: all}, &recorder{}, `C: PROXY TCP4 192.0.2.1 192.0.2.2 1 2
			S: 220 mx.example ESMTP` + quit, []string{"close"}},
		{"proxy missing", &Server{TrustProxy: all}, &recorder{}, `C: EHLO x
			S: EOF`, nil},
		{"xclient", &Server{TrustXClient: all}, &recorder{}, `S: 220 mx.example ESMTP
			C: XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE] HELO=x+2By
			S: 220 mx.example ESMTP
			C: XCLIENT ADDR=nonsense
			S: 501 5.5.4 bad XCLIENT attribute
			C: MAIL FROM:<>
			S: 503 5.5.1 say EHLO first` + quit, []string{"close", "close"}},
		{
			"normalize", &Server{NormalizeBareLF: true}, &recorder{}, toData + `C: a\n.\nb
			C: .
			S: 250 2.0.0 message accepted` + quit,
			begun(`data "a\r\n.\r\nb\r\n" <nil>`, "reset", "close"),
		},
		{"starttls without certificate", &Server{}, &recorder{}, `S: 220 mx.example ESMTP
			C: STARTTLS now
			S: 502 5.5.1 STARTTLS is not offered` + quit, []string{"close"}},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			diff(t, talk(t, tt.s, tt.h, tt.script), tt.want)
		})
	}
}

func all(net.Addr) bool { return true }
