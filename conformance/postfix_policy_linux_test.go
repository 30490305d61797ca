package conformance

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/socketmap"
	"github.com/waxseal/waxseal/outbound"
)

// policySettings are those of an administrator who demands encryption everywhere.
const policySettings = "smtp_tls_security_level = encrypt\nsmtp_tls_policy_maps = socketmap:inet:" + policyMap + ":policy\n"

// TestPostfixPolicy holds that a Postfix whose own level is encrypt keeps to it where
// our map knows of nothing, takes more from the map where DANE rules, and defers what
// the map cannot tell. Only where the map says may, it is may.
func TestPostfixPolicy(t *testing.T) {
	program(t, "postfix")
	program(t, "unbound")
	if !alone(t) {
		return
	}
	p := newParty(t)
	rows := []daneRow{
		{name: "policy-clear", zone: "plain", serve: withoutTLS, want: deferred},
		{name: "policy-tls", zone: "plain", serve: with(p.other), want: encrypted},
		{name: "policy-dane", zone: "signed", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "policy-dane-wrong", zone: "signed", tlsa: one(p.record), serve: with(p.other), want: deferred},
		{name: "policy-dane-stripped", zone: "signed", tlsa: one(p.record), serve: withoutTLS, want: deferred},
		{name: "policy-bogus", zone: "signed", tlsa: one(p.record), serve: with(p.ee), want: deferred, spoil: corrupt("_25._tcp.mx.to.", dns.TypeTLSA)},
		{name: "policy-null-mx", zone: "plain", text: "DOMAIN. MX 0 .", serve: withoutTLS, want: refused},
		{name: "policy-may", zone: "plain", serve: withoutTLS, want: inTheClear},
	}
	b := bedOf(t, p, rows)
	serveWorld(t, b.world, b.anchor)
	var level atomic.Value
	level.Store(socketmap.Own)
	servePolicies(t, &socketmap.Server{
		Planner: &outbound.Planner{Resolver: validating(t, b.world, b.anchor)},
		Default: func() socketmap.Level { return level.Load().(socketmap.Level) },
	})
	postfix := startPostfix(t, policySettings)
	last := len(rows) - 1
	submitRows(t, rows[:last])
	postfix.await(t, "the verdicts of Postfix", func(log string) bool { return len(b.theirs(log)) == last })
	level.Store(socketmap.May)
	submitRows(t, rows[last:])
	postfix.await(t, "the last verdict of Postfix", func(log string) bool { return len(b.theirs(log)) == len(rows) })
	theirs := b.theirs(postfix.lines(t))
	for i := range rows {
		if got := theirs[rows[i].domain()]; got[0] != rows[i].want {
			t.Errorf("%s: got %s, want %s: %s", rows[i].name, got[0], rows[i].want, got[1])
		}
	}
	if why := theirs[rows[0].domain()][1]; !strings.Contains(why, "TLS is required, but was not offered") {
		t.Errorf("%s: deferred for another reason: %s", rows[0].name, why)
	}
}

// servePolicies answers Postfix's questions to the end of the test.
func servePolicies(t *testing.T, s *socketmap.Server) {
	t.Helper()
	l, err := net.Listen("tcp", policyMap)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}
