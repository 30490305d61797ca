package iterative

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

var (
	testNow   = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)
	testBegin = testNow.Add(-24 * time.Hour)
	testEnd   = testNow.Add(24 * time.Hour)
)

// host is a name server on a loopback address of its own.
type host struct {
	addr   string
	world  zonesign.World
	mu     sync.Mutex
	asked  []string
	tamper func(network string, q, m *dns.Msg) *dns.Msg // nil reply: silence
}

// internet is the hosts and the port that all of them listen on.
type internet struct {
	port  int
	hosts map[string]*host
}

// zones maps addresses to the zones that live there.
func newInternet(t testing.TB, zones map[string][]*zonesign.Signed) *internet {
	t.Helper()
	in := &internet{hosts: make(map[string]*host)}
	for addr, served := range zones {
		h := &host{addr: addr, world: zonesign.World{Zones: served}}
		in.hosts[addr] = h
	}
	for range 20 {
		if in.listen(t) {
			return in
		}
	}
	t.Fatal("no port is free on all addresses")
	return nil
}

func (in *internet) listen(t testing.TB) bool {
	in.port = 0
	var started []*dns.Server
	for _, h := range in.hosts {
		pc, err := net.ListenPacket("udp", net.JoinHostPort(h.addr, strconv.Itoa(in.port)))
		if err == nil {
			in.port = pc.LocalAddr().(*net.UDPAddr).Port
			var l net.Listener
			if l, err = net.Listen("tcp", net.JoinHostPort(h.addr, strconv.Itoa(in.port))); err == nil {
				for _, s := range []*dns.Server{{PacketConn: pc, Handler: h}, {Listener: l, Handler: h}} {
					ready := make(chan struct{})
					s.NotifyStartedFunc = func() { close(ready) }
					go s.ActivateAndServe()
					<-ready
					started = append(started, s)
				}
				continue
			}
			pc.Close()
		}
		for _, s := range started {
			s.Shutdown()
		}
		return false
	}
	t.Cleanup(func() {
		for _, s := range started {
			s.Shutdown()
		}
	})
	return true
}

func (h *host) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	network := w.LocalAddr().Network()
	question := q.Question[0]
	h.mu.Lock()
	h.asked = append(h.asked, strings.ToLower(question.Name)+" "+dns.Type(question.Qtype).String())
	h.mu.Unlock()
	m := h.world.Answer(question.Name, question.Qtype)
	m.Id, m.Question = q.Id, q.Question
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(1232, true)
	}
	m.Compress = true
	if network == "udp" {
		size := dns.MinMsgSize
		if q.IsEdns0() != nil {
			size = 1232
		}
		m.Truncate(size)
	}
	h.mu.Lock()
	if h.tamper != nil {
		m = h.tamper(network, q, m)
	}
	h.mu.Unlock()
	if m != nil {
		w.WriteMsg(m)
	}
}

// lies sets what the host does to its replies; the calls are one at a time.
func (h *host) lies(tamper func(network string, q, m *dns.Msg) *dns.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tamper = tamper
}

func (h *host) questions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

// source starts from the root at 127.0.0.1 and knows this internet only.
func (in *internet) source() *Source {
	hints := &Hints{addrs: make(map[string][]netip.Addr)}
	hints.add("ns.root.", netip.MustParseAddr("127.0.0.1"))
	return &Source{Hints: hints, Port: uint16(in.port), Loopback: true, NoIPv6: true, Time: func() time.Time { return testNow }}
}

func signZone(t testing.TB, origin, text string) *zonesign.Signed {
	t.Helper()
	key, err := zonesign.NewKey(origin, dns.ECDSAP256SHA256, zonesign.KSK, "iterative"+origin)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zonesign.Sign(zonesign.Zone{
		Origin: origin, Text: text, Keys: []*zonesign.Key{key}, Inception: testBegin, Expiration: testEnd,
	})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func plainZone(t testing.TB, origin, text string) *zonesign.Signed {
	t.Helper()
	z, err := zonesign.Sign(zonesign.Zone{Origin: origin, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func fetch(t testing.TB, s *Source, question string) (*resolver.Reply, error) {
	t.Helper()
	name, mnemonic, _ := strings.Cut(question, " ")
	typ, err := resolver.ParseType(mnemonic)
	if err != nil {
		t.Fatal(err)
	}
	return s.Fetch(context.Background(), resolver.Question{Name: resolver.CanonicalName(name), Type: typ})
}

// show is a reply in one line: the rcode and the data of the answer without
// signatures, or the reason of the error.
func show(r *resolver.Reply, err error) string {
	if err != nil {
		return resolver.ReasonOf(err)
	}
	out := []string{dns.RcodeToString[r.Msg.Rcode]}
	for _, rr := range r.Msg.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	return strings.Join(out, " ")
}
