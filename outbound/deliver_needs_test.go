package outbound_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
)

// What a message needs and what a server can do decide together.
func TestDeliverNeeds(t *testing.T) {
	ca := newAuthority(t)
	body := func(text string) func(*outbound.Message) {
		return func(m *outbound.Message) {
			m.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		}
	}
	poor := scripted(map[string]string{"EHLO": "250-mx.test\r\n250 SIZE 100\r\n"})
	hello := scripted(map[string]string{"EHLO": "502 what?\r\n"})
	greeting := scripted(map[string]string{"EHLO": "421 not today\r\n"})
	rich := func(t *testing.T, _ *authority) *mx { return startMX(t, nil, nil) }
	refusing := func(mail string) func(*testing.T, *authority) *mx {
		const order = "503 5.5.1 MAIL first\r\n"
		return scripted(map[string]string{"EHLO": "250-mx.test\r\n250 PIPELINING\r\n", "MAIL": mail + "\r\n", "RCPT": order, "DATA": order})
	}
	inClear := fmt.Sprintf("mail rcpt data=%d", len(messageText))
	utf8 := func(m *outbound.Message) { m.Options.UTF8 = true }
	tests := []struct {
		name   string
		server func(*testing.T, *authority) *mx
		change func(*outbound.Message)
		want   string // result and the beginning of the reply
		seen   string
	}{
		{"smtputf8", rich, utf8, "delivered 250 2.0.0", inClear},
		{"smtputf8-not-offered", poor, utf8, "refused 553 5.6.7", ""},
		{"8bitmime", rich, func(m *outbound.Message) { m.Options.Body = smtp.Body8Bit }, "delivered 250 2.0.0", inClear},
		{"8bitmime-not-offered", poor, func(m *outbound.Message) { m.Options.Body = smtp.Body8Bit }, "refused 554 5.6.3", ""},
		{"size", poor, func(m *outbound.Message) { m.Options.Size = 99 }, "delivered 250", "mail rcpt data"},
		{"size-too-large", poor, func(m *outbound.Message) { m.Options.Size = 101 }, "refused 552 5.3.4", ""},
		{"chunked", rich, func(m *outbound.Message) { m.Chunked = true }, "delivered 250 2.0.0", inClear},
		{"chunked-not-offered", poor, func(m *outbound.Message) { m.Chunked = true }, "delivered 250", "mail rcpt data"},
		{"bare-lf", rich, body("a\n.\nb\r\n"), "refused 554 5.6.0", "mail rcpt"},
		{"bare-cr", rich, body("a\r.\r\n"), "refused 554 5.6.0", "mail rcpt"},
		{"bare-lf-chunked", rich, func(m *outbound.Message) { body("a\nb\r\n")(m); m.Chunked = true }, "refused 554 5.6.0", "mail rcpt"},
		{"helo", hello, nil, "delivered 250", "mail rcpt data"},
		{"421-to-ehlo", greeting, nil, "deferred 451 4.4.0", ""},
		{"421-to-mail", scripted(map[string]string{"MAIL": "421 4.3.2 down\r\n"}), nil, "deferred 421 4.3.2", "mail"},
		{"554-greeting-closed", scripted(map[string]string{"EHLO": ""}), nil, "deferred 451 4.4.0", ""},
		{"451-to-data", scripted(map[string]string{"DATA": "451 4.3.0 later\r\n"}), nil, "deferred 451 4.3.0", "mail rcpt"},
		{"554-to-data", scripted(map[string]string{"DATA": "554 5.7.1 spam\r\n"}), nil, "refused 554 5.7.1", "mail rcpt"},
		{"451-to-mail-pipelined", refusing("451 4.7.1 greylisted"), nil, "deferred 451 4.7.1", "mail rcpt"},
		{"550-to-mail-pipelined", refusing("550 5.7.1 not you"), nil, "refused 550 5.7.1", "mail rcpt"},
		{"450-to-mail", scripted(map[string]string{"MAIL": "450 4.7.1 later\r\n"}), nil, "deferred 450 4.7.1", "mail"},
		{"550-to-mail", scripted(map[string]string{"MAIL": "550 5.7.1 not you\r\n"}), nil, "refused 550 5.7.1", "mail"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := situation{domain: "to.plain", server: tt.server}
			b, planner := s.bed(t, ca)
			m := message(t, "to.plain")
			if tt.change != nil {
				tt.change(m)
			}
			d := b.deliverer().Deliver(t.Context(), planner.Plan(t.Context(), "to.plain"), m)
			got := string(d.Result) + " " + d.Reply
			if got = got[:min(len(got), len(tt.want))]; got != tt.want || b.servers[0].witnessed() != tt.seen {
				t.Errorf("got %s and the server saw %q, want %s and %q: %s", got, b.servers[0].witnessed(), tt.want, tt.seen, d.Reply)
			}
		})
	}
}

// A message is refused for what it needs only if no server could take it, and at
// once if it is itself at fault.
func TestDeliverNeedsOfAll(t *testing.T) {
	ca := newAuthority(t)
	poor := map[string]string{"EHLO": "250 mx.test\r\n"}
	busy := map[string]string{"EHLO": "421 later\r\n"}
	utf8 := func(m *outbound.Message) { m.Options.UTF8 = true }
	bare := func(m *outbound.Message) {
		m.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("a\nb\r\n")), nil }
	}
	tests := []struct {
		name          string
		first, second map[string]string
		change        func(*outbound.Message)
		want          string // result and number of attempts
	}{
		{"both-unable", poor, poor, utf8, "refused 2"},
		{"second-able", poor, map[string]string{"EHLO": "250-mx.test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"}, utf8, "delivered 2"},
		{"second-busy", poor, busy, utf8, "deferred 2"},
		{"first-busy", busy, poor, utf8, "deferred 2"},
		{"faulty", nil, nil, bare, "refused 1"},
		{"faulty-after-busy", busy, nil, bare, "refused 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &bed{ca: ca, servers: []*mx{startScript(t, tt.first), startScript(t, tt.second)}}
			b.world = newWorld(t, "", "to.plain. MX 10 a.plain.\nto.plain. MX 20 b.plain.\na.plain. A 192.0.2.1\nb.plain. A 192.0.2.2\n")
			m := message(t, "to.plain")
			tt.change(m)
			d := b.deliverer().Deliver(t.Context(), b.planner(t).Plan(t.Context(), "to.plain"), m)
			if got := fmt.Sprintf("%s %d", d.Result, len(d.Attempts)); got != tt.want {
				t.Errorf("got %s, want %s: %s", got, tt.want, d.Reply)
			}
		})
	}
}

// A host that is proven to have no address is none whose answer is still to come.
func TestDeliverNeedsBesideDeadHost(t *testing.T) {
	ca := newAuthority(t)
	good, record := ca.issue(t, template("mx.to.signed"))
	for _, preference := range []int{5, 20} {
		zone := fmt.Sprintf("to.signed. MX %d gone.signed.\nto.signed. MX 10 mx.to.signed.\nmx.to.signed. A 192.0.2.1\n_25._tcp.mx.to.signed. TLSA %s\n", preference, record)
		b := &bed{ca: ca, servers: []*mx{startMX(t, withCert(good), func(s *smtp.Server, _ *mxSession) {
			e := smtp.DefaultExtensions()
			e.MaxSize = 100
			s.Extensions = &e
		})}, world: newWorld(t, zone, "")}
		for want, change := range map[string]func(*outbound.Message){
			"refused 550 5.7.30": func(m *outbound.Message) { m.Options.RequireTLS = true },
			"refused 552 5.3.4":  func(m *outbound.Message) { m.Options.Size = 101 },
		} {
			m := message(t, "to.signed")
			change(m)
			d := b.deliverer().Deliver(t.Context(), b.planner(t).Plan(t.Context(), "to.signed"), m)
			if got := string(d.Result) + " " + d.Reply; !strings.HasPrefix(got, want) {
				t.Errorf("gone.signed at %d: got %s, want %s", preference, got, want)
			}
		}
	}
}
