package outbound_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
)

// sharedZone has two domains whose mail goes to one server under one name.
func sharedZone(domain, host, more string) string {
	zone := "a.DOMAIN. MX 10 HOST.\nb.DOMAIN. MX 10 HOST.\nHOST. A 192.0.2.1\n" + more
	return strings.NewReplacer("DOMAIN", domain, "HOST", host).Replace(zone)
}

// step is one message over a Deliverer that keeps connections.
type step struct {
	zone   string // of signed.
	plain  string // of plain.
	sts    []string
	domain string
	change func(*outbound.Message)
	later  time.Duration // of the clock
}

// deliver delivers the step's message.
func (s step) deliver(t *testing.T, ca *authority, server *mx, kept *outbound.Connections) (*outbound.Plan, *outbound.Delivery) {
	t.Helper()
	b := &bed{ca: ca, servers: []*mx{server}, world: newWorld(t, s.zone, s.plain)}
	d := b.deliverer()
	d.Connections = kept
	d.Time = func() time.Time { return now.Add(s.later) }
	m := message(t, s.domain)
	if s.change != nil {
		s.change(m)
	}
	plan := b.planner(t, s.sts...).Plan(t.Context(), s.domain)
	return plan, d.Deliver(t.Context(), plan, m)
}

func TestConnections(t *testing.T) {
	ca := newAuthority(t)
	good, record := ca.issue(t, template("mx.signed", "mx.plain"))
	_, other := ca.issue(t, template("mx.signed"))
	signed := func(tlsa ...string) string {
		more := ""
		for _, r := range tlsa {
			more += "_25._tcp.HOST. TLSA " + r + "\n"
		}
		return sharedZone("signed", "mx.signed", more)
	}
	plain := sharedZone("plain", "mx.plain", "_mta-sts.a.DOMAIN. TXT \"v=STSv1; id=1;\"\n_mta-sts.b.DOMAIN. TXT \"v=STSv1; id=1;\"\n")
	alias := signed(record) + "mx2.signed. CNAME mx.signed.\nc.signed. MX 10 mx2.signed.\n"
	asksTLS := func(m *outbound.Message) { m.Options.RequireTLS = true }
	ignores := func(m *outbound.Message) { m.IgnorePolicy = true }
	var (
		dane   = step{zone: signed(record), domain: "a.signed"}
		daneTA = step{zone: signed(ca.taRecord()), domain: "a.signed"}
		sts    = step{plain: plain, sts: []string{"a.plain enforce mx.plain"}, domain: "a.plain"}
		trial  = step{plain: plain, sts: []string{"a.plain testing mx.plain"}, domain: "a.plain"}
		open   = step{plain: plain, domain: "b.plain"}
	)
	in := func(s step, change func(*step)) step { change(&s); return s }
	tests := []struct {
		name   string
		first  step
		second step
		want   string // of the second: result, whether reused, connections in all
	}{
		{"dane", dane, dane, "delivered reused 1"},
		{"dane-other-domain", dane, in(dane, func(s *step) { s.domain = "b.signed" }), "delivered reused 1"},
		{"dane-requiretls-not-offered", dane, in(dane, func(s *step) { s.change = asksTLS }), "refused reused 1"},
		{"dane-more-records", dane, in(dane, func(s *step) { s.zone = signed(record, other) }), "delivered new 2"},
		{"dane-other-record", dane, in(dane, func(s *step) { s.zone = signed(other) }), "deferred new 2"},
		{"dane-to-ta", dane, daneTA, "delivered new 2"},
		{"dane-alias-of-host", in(dane, func(s *step) { s.zone = alias }), step{zone: alias, domain: "c.signed"}, "delivered new 2"},
		{"dane-ta", daneTA, daneTA, "delivered reused 1"},
		{"dane-ta-other-domain", daneTA, in(daneTA, func(s *step) { s.domain = "b.signed" }), "delivered new 2"},
		{"dane-ta-expired-since", daneTA, in(daneTA, func(s *step) { s.later = 400 * 24 * time.Hour }), "deferred new 2"},
		{"dane-unusable", in(dane, func(s *step) { s.zone = signed("1 1 1 00") }), in(dane, func(s *step) { s.zone = signed("1 1 1 00") }), "delivered reused 1"},
		{"dane-unusable-to-dane", in(dane, func(s *step) { s.zone = signed("1 1 1 00") }), dane, "delivered new 2"},
		{"dane-to-unprotected", dane, in(dane, func(s *step) { s.zone = signed() }), "delivered new 2"},
		{"unprotected-to-dane", in(dane, func(s *step) { s.zone = signed() }), dane, "delivered new 2"},
		{"tls-required-no-to-dane", in(dane, func(s *step) { s.change = ignores }), dane, "delivered new 2"},
		{"sts", sts, sts, "delivered reused 1"},
		{"sts-other-domain", sts, in(sts, func(s *step) { s.domain, s.sts = "b.plain", []string{"b.plain enforce mx.plain"} }), "delivered reused 1"},
		{"sts-to-testing", sts, trial, "delivered new 2"},
		{"sts-to-open", sts, open, "delivered new 2"},
		{"open-to-sts", open, sts, "delivered new 2"},
		{"testing-to-sts", trial, sts, "delivered new 2"},
		{"testing-to-open", trial, open, "delivered new 2"},
		{"open", open, open, "delivered reused 1"},
		{"open-to-requiretls", open, in(sts, func(s *step) { s.change = asksTLS }), "refused new 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := startMX(t, withCert(good), nil)
			kept := new(outbound.Connections)
			defer kept.Close(t.Context())
			if _, d := tt.first.deliver(t, ca, server, kept); !d.Delivered {
				t.Fatalf("the first message was %s: %s", d.Result, d.Reason)
			}
			_, d := tt.second.deliver(t, ca, server, kept)
			how := "new"
			if len(d.Attempts) == 1 && d.Attempts[0].Reused {
				how = "reused"
			}
			if diff := cmp.Diff(fmt.Sprintf("%s %s %d", d.Result, how, server.connections()), tt.want); diff != "" {
				t.Errorf("%s\n%s", diff, d.Reason)
			}
		})
	}
}

// A kept connection has its evidence on each message, and counts as one session.
func TestConnectionsEvidence(t *testing.T) {
	ca := newAuthority(t)
	good, record := ca.issue(t, template("mx.signed"))
	server, kept := startMX(t, withCert(good), nil), new(outbound.Connections)
	s := step{zone: sharedZone("signed", "mx.signed", "_25._tcp.HOST. TLSA "+record+"\n"), domain: "a.signed"}
	var matched []string
	sessions := 0
	for range 3 {
		plan, d := s.deliver(t, ca, server, kept)
		if !d.Delivered || !d.Authenticated || d.TLS == nil {
			t.Fatalf("%s: %s", d.Result, d.Reason)
		}
		matched = append(matched, d.Attempts[0].Match.Matched)
		sessions += len(outbound.Sessions(plan, d.Attempts))
	}
	kept.Close(t.Context())
	<-server.ended
	if diff := cmp.Diff(matched, []string{record, record, record}); diff != "" {
		t.Error(diff)
	}
	one := fmt.Sprintf("tls:mail tls:rcpt tls:data=%d", len(messageText))
	if diff := cmp.Diff(server.witnessed(), strings.Join([]string{one, one, one}, " ")); diff != "" {
		t.Error(diff)
	}
	if sessions != 1 || server.connections() != 1 {
		t.Errorf("got %d sessions reported and %d connections, want 1 and 1", sessions, server.connections())
	}
	// What is closed keeps no more.
	s.deliver(t, ca, server, kept)
	<-server.ended
}

// A server that has hung up meanwhile costs a connection and nothing else.
func TestConnectionsStale(t *testing.T) {
	ca := newAuthority(t)
	c, _ := ca.issue(t, template("mx.plain"))
	s := step{plain: sharedZone("plain", "mx.plain", ""), domain: "b.plain"}
	for _, last := range []string{"", "421 4.4.2 you were idle\r\n"} {
		t.Run(fmt.Sprintf("says-%.3s", last), func(t *testing.T) {
			server := &mx{}
			l := listen(t)
			server.addr = l.Addr().String()
			hungUp := make(chan struct{}, 9)
			go func() {
				for {
					raw, err := l.Accept()
					if err != nil {
						return
					}
					server.connected()
					once(raw, withCert(c), last)
					hungUp <- struct{}{}
				}
			}()
			kept := new(outbound.Connections)
			defer kept.Close(t.Context())
			for i := range 3 {
				_, d := s.deliver(t, ca, server, kept)
				if !d.Delivered || len(d.Attempts) != 1 || d.Attempts[0].Reused || server.connections() != i+1 {
					t.Fatalf("message %d: %s in %d attempts over %d connections: %s", i, d.Result, len(d.Attempts), server.connections(), d.Reason)
				}
				<-hungUp
			}
		})
	}
}

// once takes one message under TLS and hangs up with some last words.
func once(raw net.Conn, config *tls.Config, last string) {
	defer raw.Close()
	plain := &scripting{conn: raw}
	plain.say("220 mx.plain\r\n")
	plain.answer("EHLO", ehlo)
	plain.answer("STARTTLS", "220 go\r\n")
	secured := &scripting{conn: tls.Server(raw, config)}
	defer secured.conn.Close()
	secured.answer("EHLO", "250 mx.plain\r\n")
	secured.answer("MAIL", "250 ok\r\n")
	secured.answer("RCPT", "250 ok\r\n")
	secured.answer("DATA", "354 go\r\n")
	secured.answer(".", "250 ok\r\n")
	secured.say(last)
}

// An idle connection is ended with QUIT.
func TestConnectionsIdle(t *testing.T) {
	ca := newAuthority(t)
	good, _ := ca.issue(t, template("mx.plain"))
	server, kept := startMX(t, withCert(good), nil), &outbound.Connections{Idle: time.Nanosecond}
	s := step{plain: sharedZone("plain", "mx.plain", ""), domain: "b.plain"}
	for range 2 {
		if _, d := s.deliver(t, ca, server, kept); !d.Delivered {
			t.Fatal(d.Reason)
		}
		<-server.ended
	}
	if server.connections() != 2 {
		t.Errorf("got %d connections, want 2", server.connections())
	}
}

// In the clear nothing is kept, and no more than a few for one server.
func TestConnectionsBounds(t *testing.T) {
	ca := newAuthority(t)
	good, _ := ca.issue(t, template("mx.plain"))
	s := step{plain: sharedZone("plain", "mx.plain", ""), domain: "b.plain"}
	clear, kept := startMX(t, nil, nil), new(outbound.Connections)
	defer kept.Close(t.Context())
	for range 2 {
		s.deliver(t, ca, clear, kept)
		<-clear.ended
	}
	const atOnce = 2 * outbound.MaxKeptPerServer
	gate := make(chan struct{}, atOnce)
	all := make(chan struct{})
	server := startMX(t, withCert(good), func(_ *smtp.Server, m *mxSession) {
		m.rcpt = func(smtp.Path) *smtp.Reply { gate <- struct{}{}; <-all; return nil }
	})
	done := make(chan struct{})
	for range atOnce {
		go func() { s.deliver(t, ca, server, kept); done <- struct{}{} }()
	}
	for range atOnce {
		<-gate
	}
	close(all)
	for range atOnce {
		<-done
	}
	for range atOnce - outbound.MaxKeptPerServer {
		<-server.ended
	}
	kept.Close(context.Background())
	for range outbound.MaxKeptPerServer {
		<-server.ended
	}
}
