package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testNow    = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)
	testExpiry = testNow.Add(20 * 24 * time.Hour)
)

func atTestNow() time.Time { return testNow }

// newWorld is a signed root with a good zone, an unsigned one and a broken one.
func newWorld(t testing.TB) (*zonesign.World, resolver.Resolver) {
	t.Helper()
	signed := func(origin, text string) *zonesign.Signed {
		k, err := zonesign.NewKey(origin, dns.ED25519, zonesign.KSK, origin)
		if err != nil {
			t.Fatal(err)
		}
		return zonesign.MustSign(zonesign.Zone{
			Origin: origin, Text: text, Keys: []*zonesign.Key{k},
			Inception: testNow.Add(-time.Hour), Expiration: testExpiry,
		})
	}
	good := signed("good.", "a 300 A 192.0.2.1\nbig TXT "+strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 8)+"\nalias CNAME a\nout CNAME a.plain.\n")
	bad := signed("bad.", "a A 192.0.2.3\n")
	bad.Corrupt("a.bad.", dns.TypeA)
	plain := zonesign.MustSign(zonesign.Zone{Origin: "plain.", Text: "a A 192.0.2.2\n"})
	root := signed(".", "good. NS ns.invalid.\n"+good.DS()+"bad. NS ns.invalid.\n"+bad.DS()+"plain. NS ns.invalid.\n")
	w := &zonesign.World{Zones: []*zonesign.Signed{root, good, bad, plain}}
	anchors, err := dnssec.ParseAnchors(strings.NewReader(root.DS()))
	if err != nil {
		t.Fatal(err)
	}
	v := &dnssec.Validator{Source: w, Anchors: anchors, Time: atTestNow, KeepProof: true}
	return w, &resolver.Cache{Resolver: v, Time: atTestNow}
}

// start serves on a free port of loopback until the test ends.
func start(t testing.TB, s *Server) string {
	t.Helper()
	udp, tcp, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, udp, tcp) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return udp.LocalAddr().String()
}

// summary is a reply in one line.
func summary(m *dns.Msg) string {
	var b strings.Builder
	b.WriteString(dns.RcodeToString[m.Rcode])
	for _, f := range []struct {
		on   bool
		word string
	}{{m.AuthenticatedData, " ad"}, {m.CheckingDisabled, " cd"}, {m.Truncated, " tc"}} {
		if f.on {
			b.WriteString(f.word)
		}
	}
	for i, section := range [][]dns.RR{m.Answer, m.Ns} {
		var types []string
		for _, rr := range section {
			types = append(types, dns.Type(rr.Header().Rrtype).String())
		}
		b.WriteString([]string{" an=", " ns="}[i] + strings.Join(types, ","))
	}
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				fmt.Fprintf(&b, " ede=%d", e.InfoCode)
			}
		}
	}
	return b.String()
}

// ask builds a query from words: the bits, then name and type.
func ask(bits, name string, t uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, t)
	words := strings.Fields(bits)
	if slices.Contains(words, "do") || slices.Contains(words, "edns") {
		m.SetEdns0(4096, slices.Contains(words, "do"))
	}
	m.AuthenticatedData = slices.Contains(words, "ad")
	m.CheckingDisabled = slices.Contains(words, "cd")
	return m
}

func TestServe(t *testing.T) {
	world, r := newWorld(t)
	addr := start(t, &Server{Resolver: r, Source: world, Time: atTestNow})
	tests := []struct {
		name, bits, qname string
		qtype             uint16
		want              string
	}{
		{"plain", "", "a.good.", dns.TypeA, "NOERROR an=A ns="},
		{"wants-ad", "ad", "a.good.", dns.TypeA, "NOERROR ad an=A ns="},
		{"dnssec-ok", "do", "A.gOOd.", dns.TypeA, "NOERROR ad an=A,RRSIG ns="},
		{"alias", "do", "alias.good.", dns.TypeA, "NOERROR ad an=CNAME,A,RRSIG,RRSIG ns="},
		{"no-such-name", "ad", "nope.good.", dns.TypeA, "NXDOMAIN ad an= ns=SOA"},
		{"denial", "do", "nope.good.", dns.TypeA, "NXDOMAIN ad an= ns=SOA,RRSIG,NSEC,RRSIG,NSEC,RRSIG"},
		{"no-data", "do", "a.good.", dns.TypeMX, "NOERROR ad an= ns=SOA,RRSIG,NSEC,RRSIG"},
		{"unsigned", "do ad", "a.plain.", dns.TypeA, "NOERROR an=A ns="},
		{"alias-to-unsigned", "ad", "out.good.", dns.TypeA, "NOERROR an=CNAME,A ns="},
		{"bogus", "", "a.bad.", dns.TypeA, "SERVFAIL an= ns="},
		{"bogus-explained", "edns ad", "a.bad.", dns.TypeA, "SERVFAIL an= ns= ede=6"},
		{"bogus-unchecked", "cd", "a.bad.", dns.TypeA, "NOERROR cd an=A ns="},
		{"bogus-unchecked-signed", "cd do", "a.bad.", dns.TypeA, "NOERROR cd an=A,RRSIG ns="},
		{"unchecked-alias", "cd ad", "out.good.", dns.TypeA, "NOERROR cd an=CNAME,A ns="},
		{"unchecked-denial", "cd", "nope.good.", dns.TypeA, "NXDOMAIN cd an= ns=SOA"},
		{"signatures-alone", "do", "a.good.", dns.TypeRRSIG, "NOTIMP an= ns="},
		{"transfer", "", "good.", dns.TypeAXFR, "NOTIMP an= ns="},
	}
	for _, network := range []string{"udp", "tcp"} {
		for _, tt := range tests {
			t.Run(network+"/"+tt.name, func(t *testing.T) {
				c := dns.Client{Net: network, Timeout: 5 * time.Second}
				q := ask(tt.bits, tt.qname, tt.qtype)
				m, _, err := c.Exchange(q, addr)
				if err != nil {
					t.Fatal(err)
				}
				if got := summary(m); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
				if !m.Response || !m.RecursionAvailable || m.Authoritative || m.Question[0] != q.Question[0] {
					t.Errorf("header: %v", m)
				}
			})
		}
	}
}

func TestTruncated(t *testing.T) {
	_, r := newWorld(t)
	addr := start(t, &Server{Resolver: r, Time: atTestNow})
	for _, tt := range []struct{ network, bits, want string }{
		{"udp", "", "NOERROR tc an= ns="},
		{"udp", "do", "NOERROR ad tc an= ns="},
		{"tcp", "do", "NOERROR ad an=TXT,RRSIG ns="},
	} {
		t.Run(tt.network+"/"+tt.bits, func(t *testing.T) {
			c := dns.Client{Net: tt.network, Timeout: 5 * time.Second}
			m, _, err := c.Exchange(ask(tt.bits, "big.good.", dns.TypeTXT), addr)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(m); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestTTL: what was remembered for a while has less time left.
func TestTTL(t *testing.T) {
	_, r := newWorld(t)
	now := testNow
	s := &Server{Resolver: r, Time: func() time.Time { return now }}
	ttl := func() uint32 {
		q, _ := parse(packed(t, ask("do", "a.good.", dns.TypeA)))
		q.limit = UDPSize
		var m dns.Msg
		if err := m.Unpack(s.slow(context.Background(), q)); err != nil {
			t.Fatal(err)
		}
		if m.Answer[0].Header().Ttl != m.Answer[1].Header().Ttl || !m.IsEdns0().Do() {
			t.Errorf("%v", &m)
		}
		return m.Answer[0].Header().Ttl
	}
	if got := ttl(); got != 300 {
		t.Errorf("first: %d", got)
	}
	now = now.Add(100 * time.Second)
	if got := ttl(); got != 200 {
		t.Errorf("later: %d", got)
	}
	now = now.Add(time.Hour)
	if got := ttl(); got != 0 {
		t.Errorf("over: %d", got)
	}
}

func packed(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// TestRefused is what no resolver can be asked.
func TestRefused(t *testing.T) {
	s := &Server{}
	badVersion := ask("do", "a.", dns.TypeA)
	badVersion.IsEdns0().SetVersion(1)
	chaos := ask("", "version.bind.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	notify := ask("", "a.", dns.TypeSOA)
	notify.Opcode = dns.OpcodeNotify
	two := ask("", "a.", dns.TypeA)
	two.Question = append(two.Question, two.Question[0])
	twoOPT := ask("do", "a.", dns.TypeA)
	twoOPT.Extra = append(twoOPT.Extra, twoOPT.Extra[0])
	reply := ask("", "a.", dns.TypeA)
	reply.Response = true
	good := packed(t, ask("", "a.", dns.TypeA))
	tests := []struct {
		name string
		wire []byte
		want string // empty: silence
	}{
		{"edns-version", packed(t, badVersion), "BADVERS an= ns="},
		{"class", packed(t, chaos), "REFUSED an= ns="},
		{"opcode", packed(t, notify), "NOTIMP an= ns="},
		{"two-questions", packed(t, two), "FORMERR an= ns="},
		{"two-opt", packed(t, twoOPT), "FORMERR an= ns="},
		{"cut-off", good[:len(good)-2], "FORMERR an= ns="},
		{"reply", packed(t, reply), ""},
		{"short", good[:11], ""},
		{"empty", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, wire := s.quick(tt.wire, nil)
			if q != nil {
				t.Fatal("taken for a query")
			}
			got := ""
			if wire != nil {
				var m dns.Msg
				if err := m.Unpack(wire); err != nil {
					t.Fatal(err)
				}
				if m.Id != uint16(tt.wire[0])<<8|uint16(tt.wire[1]) {
					t.Errorf("ID %d", m.Id)
				}
				got = strings.Replace(summary(&m), "BADSIG", "BADVERS", 1) // one number, two names
			}
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// resolverFunc is a resolver of one function.
type resolverFunc func(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error)

func (f resolverFunc) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	return f(ctx, name, t)
}

// TestPanic: a fault in one answer costs that answer alone.
func TestPanic(t *testing.T) {
	var mu sync.Mutex
	var reports []string
	s := &Server{
		Resolver: resolverFunc(func(_ context.Context, name string, _ resolver.Type) (*resolver.Answer, error) {
			if name == "panic" {
				panic("out of order")
			}
			return &resolver.Answer{Name: name}, nil
		}),
		Report: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, strings.Split(err.Error(), "\n")[0])
		},
	}
	addr := start(t, s)
	c := dns.Client{Timeout: 5 * time.Second}
	for name, want := range map[string]int{"panic.": dns.RcodeServerFailure, "fine.": dns.RcodeSuccess} {
		m, _, err := c.Exchange(ask("", name, dns.TypeA), addr)
		if err != nil || m.Rcode != want {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got, want := fmt.Sprint(reports), "[serve: panic: out of order]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestPipelined: a slow answer does not hold up the next on one connection
// (RFC 7766, Section 6.2.1.1).
func TestPipelined(t *testing.T) {
	release := make(chan struct{})
	s := &Server{Resolver: resolverFunc(func(_ context.Context, name string, _ resolver.Type) (*resolver.Answer, error) {
		if name == "slow" {
			<-release
		}
		return &resolver.Answer{Name: name}, nil
	})}
	conn, err := dns.Dial("tcp", start(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range []string{"slow.", "fast."} {
		if err := conn.WriteMsg(ask("", name, dns.TypeA)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for range 2 {
		m, err := conn.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Question[0].Name)
		if len(got) == 1 {
			close(release)
		}
	}
	if fmt.Sprint(got) != "[fast. slow.]" {
		t.Errorf("%v", got)
	}
}

// TestStop: the end of the context ends lookups, connections and sockets, and
// is no error.
func TestStop(t *testing.T) {
	udp, tcp, err := Listen(netip.MustParseAddrPort("[::1]:0"))
	if err != nil {
		udp, tcp, err = Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 2)
	s := &Server{Resolver: resolverFunc(func(ctx context.Context, _ string, _ resolver.Type) (*resolver.Answer, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, udp, tcp) }()
	for _, network := range []string{"udp", "tcp"} {
		conn, err := net.Dial(network, udp.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		dc := dns.Conn{Conn: conn}
		if err := dc.WriteMsg(ask("", "a.", dns.TypeA)); err != nil {
			t.Fatal(err)
		}
		<-asked
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", tcp.Addr().String()); err == nil {
		t.Error("still listening")
	}
	if err := udp.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("still open: %v", err)
	}
}

// TestDropped: over UDP what is too much is dropped, and the server goes on.
func TestDropped(t *testing.T) {
	release := make(chan struct{})
	s := &Server{Resolver: resolverFunc(func(ctx context.Context, name string, _ resolver.Type) (*resolver.Answer, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return &resolver.Answer{Name: name}, nil
	})}
	s.once.Do(s.prepare)
	for range MaxQueries {
		s.slots <- struct{}{}
	}
	conn, err := dns.Dial("udp", start(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMsg(ask("", "a.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	for s.Stats().Dropped == 0 {
		runtime.Gosched() // the datagram is on its way
	}
	for range MaxQueries {
		<-s.slots
	}
	close(release)
	if err := conn.WriteMsg(ask("", "b.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	if m, err := conn.ReadMsg(); err != nil || m.Question[0].Name != "b." {
		t.Errorf("%v %v", m, err)
	}
}
