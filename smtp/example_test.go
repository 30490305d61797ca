package smtp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/waxseal/waxseal/smtp"
)

// inbox is a Session that takes mail for one domain.
type inbox struct{}

func (inbox) Mail(context.Context, smtp.Path, *smtp.MailOptions) *smtp.Reply { return nil }

func (inbox) Rcpt(_ context.Context, to smtp.Path, _ *smtp.RcptOptions) *smtp.Reply {
	if to.Domain != "here.example" {
		return smtp.NewReply(550, smtp.EnhancedCode{5, 7, 1}, "no relaying")
	}
	return nil
}

func (inbox) Data(_ context.Context, message io.Reader) *smtp.Reply {
	b, err := io.ReadAll(message)
	if err != nil {
		return smtp.NewReply(451, smtp.EnhancedCode{4, 3, 0}, "try again later")
	}
	return smtp.NewReply(250, smtp.EnhancedCode{2, 0, 0}, fmt.Sprintf("took %d bytes", len(b)))
}

func (inbox) Reset() {}

// A server and a client that sends it a message for two recipients.
func Example() {
	server := &smtp.Server{
		Hostname: "mx.here.example",
		Handler: smtp.HandlerFunc(func(context.Context, *smtp.Conn) (smtp.Session, *smtp.Reply) {
			return inbox{}, nil
		}),
	}
	ctx, stop := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- server.Serve(ctx, l) }()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		panic(err)
	}
	k, err := (&smtp.Client{Hostname: "mail.there.example"}).Open(ctx, conn)
	if err != nil {
		panic(err)
	}
	from, _ := smtp.ParsePath("<joe@there.example>")
	ann, _ := smtp.ParsePath("<ann@here.example>")
	bob, _ := smtp.ParsePath("<bob@elsewhere.example>")
	d, err := k.Send(ctx, &smtp.Transaction{
		From: from,
		To:   []smtp.Recipient{{Path: ann}, {Path: bob}},
	}, strings.NewReader("Subject: hello\r\n\r\nhi\r\n"))
	fmt.Println(d.Recipients[0].Final, err)
	fmt.Println(d.Recipients[1].Rcpt)
	k.Quit(ctx)
	stop()
	fmt.Println(<-done)
	// Output:
	// 250 2.0.0 took 22 bytes <nil>
	// 550 5.7.1 no relaying
	// <nil>
}

func ExampleParsePath() {
	p, err := smtp.ParsePath(`<@relay.example:"joe doe"@Bücher.Example>`)
	fmt.Println(p, p.Domain, err)
	_, err = smtp.ParsePath("<joe@>")
	fmt.Println(err)
	// Output:
	// "joe doe"@xn--bcher-kva.example xn--bcher-kva.example <nil>
	// smtp: malformed path: "": domain: "": empty name
}

func ExampleParseReply() {
	r, err := smtp.ParseReply([]byte("550-5.7.1 refused\r\n550 5.7.1 by policy\r\n"))
	fmt.Println(r.Code, r.Enhanced, r.Lines, r.Permanent(), err)
	// Output:
	// 550 5.7.1 [refused by policy] true <nil>
}

func ExampleParseMail() {
	from, o, err := smtp.ParseMail("FROM:<joe@there.example> SIZE=1000 REQUIRETLS")
	fmt.Println(from, o.Size, o.RequireTLS, err)
	// Output:
	// joe@there.example 1000 true <nil>
}
