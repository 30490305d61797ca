package conformance

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
)

// oddServer passes questions on to a real server and does something to the
// replies.
type oddServer struct {
	behind string // the real server
	asked  atomic.Int32
	// tamper writes what it wants to w, or nothing.
	tamper func(w dns.ResponseWriter, q, m *dns.Msg)
}

func (o *oddServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	o.asked.Add(1)
	network := w.LocalAddr().Network()
	m, _, err := (&dns.Client{Net: network, Timeout: 2 * time.Second}).Exchange(q, o.behind)
	if err != nil {
		return
	}
	o.tamper(w, q, m)
}

func isUDP(w dns.ResponseWriter) bool { return w.LocalAddr().Network() == "udp" }

func answerWith(change func(q, m *dns.Msg)) func(dns.ResponseWriter, *dns.Msg, *dns.Msg) {
	return func(w dns.ResponseWriter, q, m *dns.Msg) {
		change(q, m)
		w.WriteMsg(m)
	}
}

// runServer serves until the test ends.
func runServer(t *testing.T, addr string, h dns.Handler) {
	t.Helper()
	packets, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: h}, {Listener: listener, Handler: h}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := errors.Join(s.Shutdown(), <-ended); err != nil {
				t.Error(err)
			}
		})
	}
}

// strip removes all that DNSSEC added, as old middleboxes do.
func strip(m *dns.Msg) {
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		*section = drop(func(r dns.RR) bool {
			switch r.Header().Rrtype {
			case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeDS, dns.TypeOPT:
				return true
			}
			return false
		})(*section)
	}
}

// oddity is what an odd server does, and what a lookup in a signed zone comes to
// if the zone has no other. With a good server beside it each gives the true
// and proven answer.
type oddity struct {
	tamper func(w dns.ResponseWriter, q, m *dns.Msg)
	alone  string
}

func oddities() map[string]oddity {
	const right = "secure NOERROR 192.0.2.1"
	return map[string]oddity{
		"silent": {func(dns.ResponseWriter, *dns.Msg, *dns.Msg) {}, "error: timeout"},
		"slow": {func(w dns.ResponseWriter, _, m *dns.Msg) {
			<-time.After(100 * time.Millisecond)
			w.WriteMsg(m)
		}, right},
		"lying_data": {answerWith(func(_, m *dns.Msg) {
			for _, r := range m.Answer {
				if a, ok := r.(*dns.A); ok {
					a.A = net.IPv4(192, 0, 2, 66)
				}
			}
		}), "bogus"},
		"lying_denial": {answerWith(func(q, m *dns.Msg) {
			if strings.HasPrefix(strings.ToLower(q.Question[0].Name), "mx.") {
				m.Rcode, m.Answer, m.Ns = dns.RcodeNameError, nil, nil
			}
		}), "bogus"},
		"lying_key": {answerWith(func(_, m *dns.Msg) {
			for _, r := range m.Answer {
				if k, ok := r.(*dns.DNSKEY); ok {
					k.Flags |= 2
				}
			}
		}), "bogus"},
		"stripping": {answerWith(func(_, m *dns.Msg) { strip(m) }), "bogus"},
		"truncating": {func(w dns.ResponseWriter, _, m *dns.Msg) {
			if isUDP(w) {
				m.Truncated, m.Answer, m.Ns = true, nil, nil
			}
			w.WriteMsg(m)
		}, right},
		"truncating_no_tcp": {func(w dns.ResponseWriter, _, m *dns.Msg) {
			if !isUDP(w) {
				w.Close()
				return
			}
			m.Truncated, m.Answer, m.Ns = true, nil, nil
			w.WriteMsg(m)
		}, "error: malformed reply"},
		"garbage": {func(w dns.ResponseWriter, q, _ *dns.Msg) {
			w.Write([]byte{byte(q.Id >> 8), byte(q.Id), 0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0xff, 0xff})
		}, "error: malformed reply"},
		"no_edns": {func(w dns.ResponseWriter, q, m *dns.Msg) {
			if q.IsEdns0() != nil {
				m = new(dns.Msg).SetRcodeFormatError(q)
			}
			w.WriteMsg(m)
		}, "bogus"},
		"other_question": {answerWith(func(_, m *dns.Msg) { m.Question[0].Name = "other.org." }), "error: timeout"},
		"servfail":       {answerWith(func(_, m *dns.Msg) { m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil }), "error: server failure"},
		"refused":        {answerWith(func(_, m *dns.Msg) { m.Rcode, m.Answer, m.Ns = dns.RcodeRefused, nil, nil }), "error: server failure"},
		"other_case":     {answerWith(func(_, m *dns.Msg) { m.Question[0].Name = strings.ToUpper(m.Question[0].Name) }), right},
	}
}

// oddTree has two zones for each odd server: one that it has alone and one where
// Knot is the other server. Knot has them all, for the odd server to ask.
func oddTree(t *testing.T) *tree {
	t.Helper()
	zones := []treeZone{
		{origin: ".", hosts: []string{namedAddr}},
		{origin: "org.", hosts: []string{namedAddr}},
		// BIND has nothing of these but the delegation.
		{origin: "lame-both.org.", hosts: []string{namedAddr, otherAddr}},
		{origin: "lame-alone.org.", hosts: []string{namedAddr}},
		{origin: "dead-both.org.", hosts: []string{nobody, otherAddr}},
		{origin: "dead-alone.org.", hosts: []string{nobody}},
	}
	for name := range oddities() {
		zones = append(zones, treeZone{origin: name + "-both.org.", hosts: []string{oddAddr, otherAddr}},
			treeZone{origin: name + "-alone.org.", hosts: []string{oddAddr}})
	}
	return newTree(t, zones, "mx 300 A 192.0.2.1\n", signHere)
}

// startOdd runs the servers of the tree and returns the odd ones.
func (tr *tree) startOdd(t *testing.T, port uint16) map[string]*oddServer {
	t.Helper()
	bind, knot := *tr, *tr
	bind.zones, knot.zones = tr.zones[:2], nil
	for _, z := range tr.zones[2:] {
		z.hosts = []string{knotAddr}
		knot.zones = append(knot.zones, z)
	}
	bind.startNamed(t, port)
	knot.startKnot(t, port)
	servers := dns.NewServeMux()
	odd := map[string]*oddServer{}
	for name, row := range oddities() {
		odd[name] = &oddServer{behind: at(knotAddr, port), tamper: row.tamper}
		servers.Handle(name+"-both.org.", odd[name])
		servers.Handle(name+"-alone.org.", odd[name])
	}
	runServer(t, at(oddAddr, port), servers)
	return odd
}

// TestOddServers has zones of which one server, or the only one, is dead, lame,
// slow, lying, truncating, or odd in another way; the others are BIND and Knot.
func TestOddServers(t *testing.T) {
	for _, name := range []string{"named", "knotd"} {
		program(t, name)
	}
	const right = "secure NOERROR 192.0.2.1"
	tr := oddTree(t)
	port := freePort(t, namedAddr, knotAddr, oddAddr, otherAddr)
	odd := tr.startOdd(t, port)
	ask := func(t *testing.T, name string) string {
		t.Helper()
		s := tr.source(t, port)
		s.Exchanger.UDPTimeout = 500 * time.Millisecond
		got := lookup(t, &dnssec.Validator{Source: s, Anchors: tr.anchors(t)}, "mx."+name+".org", "A")
		return strings.TrimSuffix(got.text()+" "+got.data, " ")
	}
	for name, row := range oddities() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const tries = 20 // until chance has it that the odd server is asked
			for range tries {
				if got := ask(t, name+"-both"); got != right {
					t.Errorf("beside a good one: got %s, want %s", got, right)
				}
				if odd[name].asked.Load() > 0 {
					break
				}
			}
			if odd[name].asked.Load() == 0 {
				t.Error("was never asked")
			}
			if got := ask(t, name+"-alone"); got != row.alone {
				t.Errorf("alone: got %s, want %s", got, row.alone)
			}
		})
	}
	for name, want := range map[string]string{
		"lame-both": right, "lame-alone": "error: " + string(resolver.BadReply),
		"dead-both": right, "dead-alone": "error: " + string(resolver.Unreachable),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ask(t, name); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
