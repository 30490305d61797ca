package conformance

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
)

const receivedHost = "mx.rcpt.signed"

// receivingSettings make Postfix the MX of rcpt.signed.
const receivingSettings = `smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/postfix/cert.pem
smtpd_tls_key_file = /etc/postfix/key.pem
smtpd_recipient_restrictions = check_recipient_access inline:{{nobody@rcpt.signed = 550 5.1.1 nobody here}}
smtputf8_enable = yes
message_size_limit = 1000000
`

// delivered is what came out behind Postfix.
type delivered struct {
	From    string
	Options smtp.MailOptions
	To      []string // with their options
	Text    string   // without the trace fields of Postfix
}

// finalSession takes mail behind Postfix.
type finalSession struct {
	delivered
	done chan<- delivered
}

func (s *finalSession) Mail(_ context.Context, from smtp.Path, o *smtp.MailOptions) *smtp.Reply {
	s.delivered = delivered{From: from.String(), Options: *o}
	s.Options.Size = 0 // what Postfix added counts
	return nil
}

// received is a recipient with its options. Postfix adds the original recipient
// where the client gave none.
func received(to smtp.Path, o smtp.RcptOptions) string {
	return fmt.Sprintf("%s [%s] %s", to.Local, o.Notify, cmp.Or(o.Original.Address, to.String()))
}

func (s *finalSession) Rcpt(_ context.Context, to smtp.Path, o *smtp.RcptOptions) *smtp.Reply {
	s.To = append(s.To, received(to, *o))
	return nil
}

func (s *finalSession) Data(_ context.Context, message io.Reader) *smtp.Reply {
	text, err := io.ReadAll(message)
	if err == nil {
		s.Text = withoutTrace(string(text))
		s.done <- s.delivered
	}
	return nil
}

func (s *finalSession) Reset() {}

// withoutTrace takes away the Received fields at the top.
func withoutTrace(text string) string {
	for strings.HasPrefix(text, "Received:") {
		_, text, _ = strings.Cut(text, "\r\n")
		for strings.HasPrefix(text, "\t") || strings.HasPrefix(text, " ") {
			_, text, _ = strings.Cut(text, "\r\n")
		}
	}
	return text
}

// receiveRow is a message for Postfix.
type receiveRow struct {
	name   string
	change func(m *outbound.Message)
	text   string // after the header
	header string // field for the header, with its CRLF
	want   string // result and the beginning of the reply
	// arrives says what comes out; nil for what went in, an empty one for nothing.
	arrives *delivered
}

const receiveHeader = "From: a@out.signed\r\nTo: b@rcpt.signed\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\nMessage-ID: <1@out.signed>\r\n"

func receiveRows(t testing.TB) []receiveRow {
	chunked := func(m *outbound.Message) { m.Chunked = true }
	to := func(locals ...string) []smtp.Recipient {
		var all []smtp.Recipient
		for _, l := range locals {
			all = append(all, smtp.Recipient{Path: mailbox(t, l+"@rcpt.signed")})
		}
		return all
	}
	many := make([]string, 250)
	for i := range many {
		many[i] = fmt.Sprintf("many%d", i)
	}
	nothing := new(delivered)
	large := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 4000) // several chunks
	dots := ".\r\n..\r\n.x\r\n\r\n.\r\n.\r\n"
	return []receiveRow{
		{name: "data", text: "hello\r\n", want: "delivered 250 2.0.0"},
		{name: "bdat", text: "hello\r\n", change: chunked, want: "delivered 250 2.0.0"},
		{name: "data-large", text: large, want: "delivered 250 2.0.0"},
		{name: "bdat-large", text: large, change: chunked, want: "delivered 250 2.0.0"},
		{name: "data-dots", text: dots, want: "delivered 250 2.0.0"},
		{name: "bdat-dots", text: dots, change: chunked, want: "delivered 250 2.0.0"},
		{name: "bdat-empty-body", text: "", change: chunked, want: "delivered 250 2.0.0"},
		{name: "8bitmime", header: "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", text: "gr\xc3\xbc\xc3\x9fe\r\n", change: func(m *outbound.Message) {
			m.Options.Body = smtp.Body8Bit
		}, want: "delivered 250 2.0.0"},
		{name: "smtputf8", header: "Subject: gr\xc3\xbc\xc3\x9fe\r\n", text: "hello\r\n", change: func(m *outbound.Message) {
			m.Options.UTF8, m.Options.Body = true, smtp.Body8Bit
			m.To = to("größe")
		}, want: "delivered 250 2.0.0"},
		{name: "smtputf8-bdat", text: "hello\r\n", change: func(m *outbound.Message) {
			m.Chunked, m.From = true, mailbox(t, "jürgen@out.signed")
		}, want: "delivered 250 2.0.0"},
		{name: "dsn", text: "hello\r\n", change: func(m *outbound.Message) {
			m.Options.Return, m.Options.EnvID = smtp.ReturnHeaders, "id+1=2"
			m.To = to("b", "c")
			m.To[0].Options.Notify = smtp.NotifySuccess | smtp.NotifyFailure
			m.To[0].Options.Original = smtp.OriginalRecipient{Type: "rfc822", Address: "first+tag@elsewhere.signed"}
			m.To[1].Options.Notify = smtp.NotifyNever
		}, want: "delivered 250 2.0.0"},
		{name: "null-sender", text: "hello\r\n", change: func(m *outbound.Message) { m.From = smtp.Path{} }, want: "delivered 250 2.0.0"},
		{name: "quoted-local-part", text: "hello\r\n", change: func(m *outbound.Message) {
			m.To = []smtp.Recipient{{Path: mailbox(t, `"b c"@rcpt.signed`)}}
		}, want: "delivered 250 2.0.0"},
		{name: "many-recipients", text: "hello\r\n", change: func(m *outbound.Message) { m.To = to(many...) }, want: "delivered 250 2.0.0"},
		{name: "one-refused", text: "hello\r\n", change: func(m *outbound.Message) { m.To = to("nobody", "b") }, want: "refused 550 5.1.1"},
		{name: "all-refused", text: "hello\r\n", change: func(m *outbound.Message) { m.To = to("nobody") }, want: "refused 550 5.1.1", arrives: nothing},
		{name: "all-refused-bdat", text: "hello\r\n", change: func(m *outbound.Message) { m.To, m.Chunked = to("nobody"), true }, want: "refused 550 5.1.1", arrives: nothing},
		{name: "size-said-too-large", text: large, change: func(m *outbound.Message) { m.Options.Size = 1000001 }, want: "refused 552 5.3.4", arrives: nothing},
		{name: "size-unsaid-too-large", text: strings.Repeat(large, 4), want: "refused 552 5.3.4", arrives: nothing},
		{name: "size-unsaid-too-large-bdat", text: strings.Repeat(large, 4), change: chunked, want: "refused 552 5.3.4", arrives: nothing},
		{name: "requiretls-not-offered", text: "hello\r\n", change: func(m *outbound.Message) { m.Options.RequireTLS = true }, want: "refused 550 5.7.30", arrives: nothing},
		{name: "bare-lf", text: "hello\n.\r\nMAIL FROM:<x@out.signed>\r\n", want: "refused 554 5.6.0", arrives: nothing},
		{name: "bare-cr-bdat", text: "hello\rthere\r\n", change: chunked, want: "refused 554 5.6.0", arrives: nothing},
		{name: "data-after-all-that", text: "hello again\r\n", want: "delivered 250 2.0.0"},
	}
}

// message is the row's message with what is to come out of it.
func (r *receiveRow) message(t testing.TB) (*outbound.Message, *delivered) {
	t.Helper()
	text := receiveHeader + r.header + "\r\n" + r.text
	m := &outbound.Message{
		From: mailbox(t, "a@out.signed"), To: []smtp.Recipient{{Path: mailbox(t, "b@rcpt.signed")}},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}
	if r.change != nil {
		r.change(m)
	}
	if r.arrives != nil {
		return m, r.arrives
	}
	want := &delivered{From: m.From.String(), Options: m.Options, Text: text}
	for _, to := range m.To {
		if to.Path.Local != "nobody" {
			want.To = append(want.To, received(to.Path, to.Options))
		}
	}
	return m, want
}

// TestPostfixReceives sends by our Deliverer, over few kept connections, to
// Postfix under DANE, and compares what comes out behind it byte by byte.
func TestPostfixReceives(t *testing.T) {
	program(t, "postfix")
	if !alone(t) {
		return
	}
	plan, d := receivingPostfix(t)
	came := make(chan delivered, 10)
	final := &smtp.Server{Hostname: "final.signed", LMTP: true}
	offers := smtp.DefaultExtensions()
	offers.DSN = true
	final.Extensions = &offers
	final.Handler = smtp.HandlerFunc(func(context.Context, *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return &finalSession{done: came}, nil
	})
	serveAt(t, finalServer, final)
	rows := receiveRows(t)
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].name
	}
	dialled, tried := 0, 0
	runRows(t, "postfix", "receives", names, func(t *testing.T, i int) {
		m, want := rows[i].message(t)
		got := d.Deliver(t.Context(), plan, m)
		same(t, "reply", cutReply(string(got.Result)+" "+got.Reply, rows[i].want), rows[i].want)
		for _, a := range got.Attempts {
			tried++
			if !a.Reused {
				dialled++
			}
			if !a.Authenticated || a.TLS == nil {
				t.Errorf("an attempt was not authenticated: %s", a.Reason)
			}
		}
		if want.Text == "" {
			return
		}
		arrived := <-came
		for len(arrived.To) < len(want.To) { // Postfix splits the recipients
			more := <-came
			arrived.To = append(arrived.To, more.To...)
		}
		want.Options.UTF8 = want.Options.UTF8 || rows[i].name == "smtputf8-bdat"
		slices.Sort(arrived.To)
		slices.Sort(want.To)
		same(t, "arrived", arrived, *want)
	})
	select {
	case extra := <-came:
		t.Errorf("arrived and should not have: %+v", extra)
	default:
	}
	// Only what breaks a message off costs a connection.
	if dialled > 6 {
		t.Errorf("got %d connections for %d attempts, want few", dialled, tried)
	}
}

func cutReply(got, want string) string { return got[:min(len(got), len(want))] }

// receivingPostfix starts Postfix as the MX of rcpt.signed and returns the plan for
// it, with a Deliverer that keeps connections.
func receivingPostfix(t testing.TB) (*outbound.Plan, *outbound.Deliverer) {
	t.Helper()
	ca := newAuthority(t, "authority")
	cert := ca.issue(t, certificateFor(receivedHost))
	writeChain(t, ca, cert)
	w, _, anchor := newWorld(t, "rcpt.signed. MX 10 "+receivedHost+".\n"+receivedHost+". A "+postfixHost+"\n"+
		"_25._tcp."+receivedHost+". TLSA "+tlsaOf(cert.Leaf, 3, 1, 1)+"\n", "")
	startPostfix(t, receivingSettings)
	plan := (&outbound.Planner{Resolver: validating(t, w, anchor)}).Plan(t.Context(), "rcpt.signed")
	kept := new(outbound.Connections)
	t.Cleanup(func() { kept.Close(context.Background()) })
	return plan, &outbound.Deliverer{Client: smtp.Client{Hostname: "out.signed"}, Connections: kept}
}
