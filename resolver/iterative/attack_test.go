package iterative

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// world is a root that delegates victim. and attacker. to 127.0.0.2 and .3.
func attackWorld(t testing.TB, attacker string) *internet {
	t.Helper()
	root := plainZone(t, ".", `@ NS ns.root.
ns.root. A 127.0.0.1
victim. NS ns.victim.
ns.victim. A 127.0.0.2
attacker. NS ns.attacker.
ns.attacker. A 127.0.0.3
`)
	victim := plainZone(t, "victim.", "@ NS ns\nns A 127.0.0.2\nwww A 192.0.2.1\n")
	evil := plainZone(t, "attacker.", "@ NS ns\nns A 127.0.0.3\n"+attacker)
	return newInternet(t, map[string][]*zonesign.Signed{"127.0.0.1": {root}, "127.0.0.2": {victim}, "127.0.0.3": {evil}})
}

// reasonOf is the reason of a failed Fetch; empty for a reply.
func reasonOf(err error) resolver.Reason {
	var e *resolver.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// TestFanOut is NXNSAttack: a referral to a hundred name servers that are not
// there. The victim must not be asked for each.
func TestFanOut(t *testing.T) {
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "sub NS ns%d.nowhere.victim.\n", i)
	}
	in := attackWorld(t, text.String())
	s := in.source()
	queries := 0
	s.Trace = func(Exchange) { queries++ }
	if got := reasonOf(second(fetch(t, s, "x.sub.attacker A"))); got != resolver.Unreachable {
		t.Errorf("got %q, want %q", got, resolver.Unreachable)
	}
	if most := 4 + 2*maxAbsentHosts; queries > most {
		t.Errorf("%d queries, want at most %d", queries, most)
	}
	if n := len(in.hosts["127.0.0.2"].questions()); n > 2*maxAbsentHosts {
		t.Errorf("the victim got %d queries", n)
	}
}

func second[A any](_ A, err error) error { return err }

// TestCircularWait has two zones whose name servers lie in each other, without
// glue: neither can ever be found.
func TestCircularWait(t *testing.T) {
	in := attackWorld(t, "one NS ns.two.attacker.\ntwo NS ns.one.attacker.\nself NS ns.self.attacker.\n")
	for _, question := range []string{"x.one.attacker A", "x.self.attacker A"} {
		if got := reasonOf(second(fetch(t, in.source(), question))); got != resolver.Unreachable {
			t.Errorf("%s: got %q, want %q", question, got, resolver.Unreachable)
		}
	}
	if n := len(in.hosts["127.0.0.3"].questions()); n > 40 {
		t.Errorf("%d queries", n)
	}
}

// TestQueryBudget has a server that always delegates one label further.
func TestQueryBudget(t *testing.T) {
	in := attackWorld(t, "")
	in.hosts["127.0.0.3"].lies(func(_ string, q, m *dns.Msg) *dns.Msg {
		name := q.Question[0].Name
		m.Rcode, m.Authoritative, m.Answer = dns.RcodeSuccess, false, nil
		ns, _ := dns.NewRR(name + " NS ns." + name)
		a, _ := dns.NewRR("ns." + name + " A 127.0.0.3")
		m.Ns, m.Extra = []dns.RR{ns}, append(m.Extra, a)
		return m
	})
	if got, want := reasonOf(second(fetch(t, in.source(), strings.Repeat("a.", 60)+"attacker A"))), resolver.Limit; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(in.hosts["127.0.0.3"].questions()); n > maxReferrals {
		t.Errorf("%d queries", n)
	}
}

// TestPoison has a server that says things about a zone that is not its own:
// beside an answer, as glue, and as a referral upwards.
func TestPoison(t *testing.T) {
	lie := func(section func(m *dns.Msg) *[]dns.RR, lines ...string) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, _, m *dns.Msg) *dns.Msg {
			for _, line := range lines {
				rr, err := dns.NewRR(line)
				if err != nil {
					panic(err)
				}
				*section(m) = append(*section(m), rr)
			}
			return m
		}
	}
	answer := func(m *dns.Msg) *[]dns.RR { return &m.Answer }
	authority := func(m *dns.Msg) *[]dns.RR { return &m.Ns }
	extra := func(m *dns.Msg) *[]dns.RR { return &m.Extra }
	for name, tamper := range map[string]func(string, *dns.Msg, *dns.Msg) *dns.Msg{
		"answer":    lie(answer, "www.victim. A 192.0.2.66"),
		"authority": lie(authority, "victim. NS ns.attacker.", "attacker. NS ns.victim."),
		"glue":      lie(extra, "ns.victim. A 127.0.0.3", "www.victim. A 192.0.2.66"),
	} {
		t.Run(name, func(t *testing.T) {
			in := attackWorld(t, "www A 192.0.2.3\nalias CNAME www.victim.\nsub NS ns.victim.\n")
			in.hosts["127.0.0.3"].lies(tamper)
			s := in.source()
			for question, want := range map[string]string{
				"alias.attacker A": "NOERROR www.victim.",
				"www.attacker A":   "NOERROR 192.0.2.3",
			} {
				if got := show(fetch(t, s, question)); got != want {
					t.Errorf("%s: got %s, want %s", question, got, want)
				}
			}
			fetch(t, s, "x.sub.attacker A")
			if got, want := show(fetch(t, s, "www.victim A")), "NOERROR 192.0.2.1"; got != want {
				t.Errorf("after the lie: got %s, want %s", got, want)
			}
		})
	}
}

// TestLoopback holds that a stranger's delegation does not make us query this
// host.
func TestLoopback(t *testing.T) {
	in := attackWorld(t, "")
	s := in.source()
	s.Loopback = false
	if got := reasonOf(second(fetch(t, s, "www.victim A"))); got != resolver.Unreachable {
		t.Errorf("got %q, want %q", got, resolver.Unreachable)
	}
	if n := len(in.hosts["127.0.0.1"].questions()); n != 0 {
		t.Errorf("%d queries", n)
	}
}

// TestBadServers has zones with two name servers of which the first is of no
// use, and others where both are.
func TestBadServers(t *testing.T) {
	silent := func(string, *dns.Msg, *dns.Msg) *dns.Msg { return nil }
	servfail := func(_ string, q, _ *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) }
	refused := func(_ string, q, _ *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) }
	upward := func(_ string, q, _ *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		ns, _ := dns.NewRR(". NS ns.root.")
		m.Ns = []dns.RR{ns}
		return m
	}
	forged := func(_ string, q, m *dns.Msg) *dns.Msg {
		m.Id++ // as from who cannot see the query
		return m
	}
	for name, row := range map[string]struct {
		tamper func(string, *dns.Msg, *dns.Msg) *dns.Msg
		both   string // what it comes to if both servers are like that
	}{
		"dead":     {silent, "timeout"},
		"servfail": {servfail, "SERVFAIL"},
		"refused":  {refused, "REFUSED"},
		"upward":   {upward, "malformed reply"},
		"forged":   {forged, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := plainZone(t, ".", "@ NS ns.root.\nns.root. A 127.0.0.1\nzone. NS a.zone.\nzone. NS b.zone.\n"+
				"a.zone. A 127.0.0.2\nb.zone. A 127.0.0.3\n")
			zone := plainZone(t, "zone.", "@ NS a\n@ NS b\na A 127.0.0.2\nb A 127.0.0.3\nwww A 192.0.2.1\n")
			in := newInternet(t, map[string][]*zonesign.Signed{"127.0.0.1": {root}, "127.0.0.2": {zone}, "127.0.0.3": {zone}})
			in.hosts["127.0.0.2"].lies(row.tamper)
			s := in.source()
			s.Exchanger.UDPTimeout = 100 * time.Millisecond
			if got, want := show(fetch(t, s, "www.zone A")), "NOERROR 192.0.2.1"; got != want {
				t.Errorf("one bad: got %s, want %s", got, want)
			}
			in.hosts["127.0.0.3"].lies(row.tamper)
			if got := show(fetch(t, s, "www.zone A")); !strings.HasPrefix(got, row.both) {
				t.Errorf("both bad: got %s, want %s", got, row.both)
			}
		})
	}
}

// TestLostDatagram has a zone with one server, to which every first try is lost.
func TestLostDatagram(t *testing.T) {
	in := attackWorld(t, "")
	seen := make(map[string]bool)
	in.hosts["127.0.0.2"].lies(func(_ string, q, m *dns.Msg) *dns.Msg {
		key := strings.ToLower(q.Question[0].Name) + dns.Type(q.Question[0].Qtype).String()
		if !seen[key] {
			seen[key] = true
			return nil
		}
		return m
	})
	s := in.source()
	s.Exchanger.UDPTimeout = 100 * time.Millisecond
	if got, want := show(fetch(t, s, "www.victim A")), "NOERROR 192.0.2.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCookies holds that what a server gives is sent back to it, and that a
// reply with a cookie of somebody else is not taken.
func TestCookies(t *testing.T) {
	in := attackWorld(t, "")
	const given = "0123456789abcdef"
	var sent []string
	forge := false
	h := in.hosts["127.0.0.2"]
	h.lies(func(_ string, q, m *dns.Msg) *dns.Msg {
		for _, o := range q.IsEdns0().Option {
			c := o.(*dns.EDNS0_COOKIE).Cookie
			sent = append(sent, c[16:])
			client := c[:16]
			if forge {
				client = "ffffffffffffffff"
			}
			opt := m.IsEdns0()
			opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: client + given})
		}
		return m
	})
	s := in.source()
	s.NoMinimisation = true
	s.Exchanger.UDPTimeout = 200 * time.Millisecond
	for range 2 {
		if got, want := show(fetch(t, s, "www.victim A")), "NOERROR 192.0.2.1"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	h.mu.Lock()
	forge = true
	h.mu.Unlock()
	if got := reasonOf(second(fetch(t, s, "www.victim A"))); got != resolver.Timeout {
		t.Errorf("forged cookie: got %q, want %q", got, resolver.Timeout)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if got, want := strings.Join(sent[:2], " "), " "+given; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestCancel(t *testing.T) {
	in := attackWorld(t, "")
	in.hosts["127.0.0.1"].lies(func(string, *dns.Msg, *dns.Msg) *dns.Msg { return nil })
	ctx, cancel := context.WithCancel(context.Background())
	s := in.source()
	s.Trace = func(Exchange) { cancel() }
	s.Exchanger.UDPTimeout = 20 * time.Millisecond
	_, err := s.Fetch(ctx, resolver.Question{Name: "www.victim", Type: resolver.TypeA})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestParseHints(t *testing.T) {
	h, err := ParseHints(strings.NewReader(". 3600000 NS a.root.\na.root. A 192.0.2.1\na.root. AAAA 2001:db8::1\nb.root. A 192.0.2.2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(h.hosts, h.addrs), "[a.root.] map[a.root.:[192.0.2.1 2001:db8::1]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, text := range []string{"", "x. NS y.\n", ". NS a.root.\n", ". NS\n"} {
		if _, err := ParseHints(strings.NewReader(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	local, err := ParseHints(strings.NewReader(". NS a.root.\na.root. A 127.0.0.1\n"))
	if err != nil || !local.Loopback() || h.Loopback() || RootHints().Loopback() {
		t.Errorf("loopback: %v", err)
	}
	if got := len(RootHints().hosts); got != 13 {
		t.Errorf("%d root servers", got)
	}
}
