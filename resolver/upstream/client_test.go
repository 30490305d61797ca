package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const zone = `
	$ORIGIN example.org.
	@    SOA ns host 1 2 3 4 60
	a    A   192.0.2.1
	long TXT "` // a text longer than any UDP reply follows

var long = strings.Repeat("x", 5000)

func zones() *zonefile.Zones { return zonefile.FromText(zone + long + "\"") }

// serve runs a real server and returns its address.
func serve(t *testing.T, src resolver.Source) resolver.Server {
	t.Helper()
	s, err := zonefile.Serve("127.0.0.1:0", src)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return resolver.Server{Addr: s.Addr()}
}

// right is the reply of a good server to query.
func right(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	rr, _ := dns.NewRR(query.Question[0].Name + " A 192.0.2.1")
	m.Answer = []dns.RR{rr}
	return m
}

// packet is a datagram for the client; from another socket if spoofed.
type packet struct {
	wire    []byte
	spoofed bool
}

func wire(m *dns.Msg) packet {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return packet{wire: b}
}

// listenBoth listens at one port over UDP and TCP; another test may have either.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for try := 0; ; try++ {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, l
		}
		_ = pc.Close()
		if try == 20 {
			t.Fatal(err)
		}
	}
}

// scripted is a server on one UDP port, and on TCP if stream is not nil.
func scripted(t *testing.T, datagram func(*dns.Msg) []packet, stream func(net.Conn, *dns.Msg)) resolver.Server {
	t.Helper()
	pc, l := listenBoth(t)
	other, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = pc.Close(), other.Close() })
	if stream == nil {
		_ = l.Close() // connections are refused
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			query := new(dns.Msg)
			if query.Unpack(buf[:n]) != nil {
				continue
			}
			for _, p := range datagram(query) {
				out := pc
				if p.spoofed {
					out = other
				}
				_, _ = out.WriteTo(p.wire, from)
			}
		}
	}()
	if stream != nil {
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				co := &dns.Conn{Conn: conn}
				if query, err := co.ReadMsg(); err == nil {
					stream(conn, query)
				}
				_ = conn.Close()
			}
		}()
	}
	return resolver.Server{Addr: pc.LocalAddr().String()}
}

func frame(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

// client has short limits, so that a silent server costs little.
func client(servers ...resolver.Server) *Client {
	return &Client{
		Servers:   servers,
		Tries:     1,
		Exchanger: resolver.Exchanger{UDPTimeout: 200 * time.Millisecond, TCPTimeout: 200 * time.Millisecond},
	}
}

// outcome returns what a lookup gave in a word or two.
func outcome(r *resolver.Reply, err error) string {
	var e *resolver.Error
	switch {
	case errors.As(err, &e):
		return string(e.Reason)
	case err != nil:
		return err.Error()
	case len(r.Msg.Answer) == 0:
		return dns.RcodeToString[r.Msg.Rcode]
	}
	f := strings.Fields(r.Msg.Answer[0].String())
	return dns.RcodeToString[r.Msg.Rcode] + " " + f[len(f)-1]
}

var question = resolver.Question{Name: "a.example.org", Type: resolver.TypeA}

func TestFetch(t *testing.T) {
	c := client(serve(t, zones()))
	for _, tt := range []struct {
		q    resolver.Question
		want string
	}{
		{question, "NOERROR 192.0.2.1"},
		{resolver.Question{Name: "no.example.org", Type: resolver.TypeA}, "NXDOMAIN"},
		{resolver.Question{Name: "a.example.org", Type: resolver.TypeMX}, "NOERROR"},
	} {
		if got := outcome(c.Fetch(t.Context(), tt.q)); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.q, got, tt.want)
		}
	}
}

// TestFetchElsewhere: the server whose replies were bogus is asked last.
func TestFetchElsewhere(t *testing.T) {
	liar := serve(t, zonefile.FromText("$ORIGIN example.org.\n@ SOA ns host 1 2 3 4 60\na A 192.0.2.66\n"))
	honest := serve(t, zones())
	c := client(liar, honest)
	if got, want := outcome(c.Fetch(t.Context(), question)), "NOERROR 192.0.2.66"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	if got, want := outcome(c.FetchElsewhere(t.Context(), question, []string{liar.String()})), "NOERROR 192.0.2.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	all := []string{honest.String(), liar.String()}
	if got, want := outcome(c.FetchElsewhere(t.Context(), question, all)), "NOERROR 192.0.2.66"; got != want {
		t.Errorf("with all of them to avoid: got %q, want %q", got, want)
	}
}

// TestSpelling: the letter case that guards a query does not show in its answer.
func TestSpelling(t *testing.T) {
	for name, compress := range map[string]bool{"compressed": true, "copied": false} {
		t.Run(name, func(t *testing.T) {
			answer := func(query *dns.Msg) *dns.Msg {
				m := right(query)
				mail, _ := dns.NewRR("other.example.org. MX 10 mail." + query.Question[0].Name)
				m.Compress = compress
				if compress {
					m.Answer = append(m.Answer, mail)
				}
				return m
			}
			s := scripted(t, func(query *dns.Msg) []packet { return []packet{wire(answer(query))} }, nil)
			q := resolver.Question{Name: "some-longer-name.example.org", Type: resolver.TypeA}
			r, err := client(s).Fetch(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]string, len(r.Msg.Answer))
			for i, rr := range r.Msg.Answer {
				got[i] = strings.ReplaceAll(rr.String(), "\t", " ")
			}
			want := []string{
				"some-longer-name.example.org. 3600 IN A 192.0.2.1",
				"other.example.org. 3600 IN MX 10 mail.some-longer-name.example.org.",
			}
			if !compress {
				want = want[:1]
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	u := &resolver.Unvalidated{Source: client(serve(t, zones()))}
	got, _, err := resolver.LookupTXT(t.Context(), u, "long.example.org")
	if err != nil || len(got) != 1 || got[0] != long {
		t.Errorf("got %d texts, error %v", len(got), err)
	}
}

// TestServers has one row for each thing that a server or who stands beside it
// can do. What is said over UDP, and over TCP if anything is.
func TestServers(t *testing.T) {
	forged := func(query *dns.Msg) *dns.Msg {
		m := right(query)
		m.Answer[0].(*dns.A).A = net.IPv4(192, 0, 2, 66)
		return m
	}
	good := func(conn net.Conn, query *dns.Msg) { _, _ = conn.Write(frame(wire(right(query)).wire)) }
	lower := func(query *dns.Msg) *dns.Msg {
		m := right(query)
		m.Question = []dns.Question{m.Question[0]}
		m.Question[0].Name = strings.ToLower(m.Question[0].Name)
		return m
	}
	truncated := func(query *dns.Msg) []packet {
		m := new(dns.Msg).SetReply(query)
		m.Truncated = true
		return []packet{wire(m)}
	}
	rcode := func(query *dns.Msg, code int) []packet { return []packet{wire(new(dns.Msg).SetRcode(query, code))} }
	for _, tt := range []struct {
		name     string
		datagram func(*dns.Msg) []packet
		stream   func(net.Conn, *dns.Msg)
		want     string
	}{
		{"silent", func(*dns.Msg) []packet { return nil }, nil, "timeout"},
		{"wrong-id", func(q *dns.Msg) []packet {
			bad := forged(q)
			bad.Id++
			return []packet{wire(bad), wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"only-wrong-id", func(q *dns.Msg) []packet {
			bad := forged(q)
			bad.Id++
			return []packet{wire(bad)}
		}, nil, "timeout"},
		{"wrong-question", func(q *dns.Msg) []packet {
			bad := forged(q)
			bad.Question = []dns.Question{{Name: "b.example.org.", Qtype: dns.TypeA, Qclass: dns.ClassINET}}
			return []packet{wire(bad), wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"wrong-type", func(q *dns.Msg) []packet {
			bad := forged(q)
			bad.Question = []dns.Question{{Name: q.Question[0].Name, Qtype: dns.TypeMX, Qclass: dns.ClassINET}}
			return []packet{wire(bad), wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"no-question", func(q *dns.Msg) []packet {
			bad := forged(q)
			bad.Question = nil
			return []packet{wire(bad), wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"not-a-reply", func(q *dns.Msg) []packet {
			bad := forged(q)
			bad.Response = false
			return []packet{wire(bad), wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"spoofed-source", func(q *dns.Msg) []packet {
			return []packet{{wire(forged(q)).wire, true}, wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"flood", func(q *dns.Msg) []packet {
			bad := forged(q)
			bad.Id++
			var l []packet
			for range 150 {
				l = append(l, wire(bad))
			}
			return l
		}, good, "NOERROR 192.0.2.1"},
		{"garbage", func(q *dns.Msg) []packet { return []packet{{wire: wire(right(q)).wire[:20]}} }, nil, "malformed reply"},
		{"short", func(*dns.Msg) []packet { return []packet{{wire: []byte{1, 2, 3}}} }, nil, "timeout"},
		{"case-changed", func(q *dns.Msg) []packet { return []packet{wire(lower(forged(q)))} }, good, "NOERROR 192.0.2.1"},
		{
			"case-changed-always", func(q *dns.Msg) []packet { return []packet{wire(lower(q))} },
			func(conn net.Conn, q *dns.Msg) { _, _ = conn.Write(frame(wire(lower(q)).wire)) }, "NOERROR 192.0.2.1",
		},
		{"formerr-on-edns", func(q *dns.Msg) []packet {
			if q.IsEdns0() != nil {
				return rcode(q, dns.RcodeFormatError)
			}
			return []packet{wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"bare-notimp-on-edns", func(q *dns.Msg) []packet {
			if q.IsEdns0() != nil {
				m := new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented)
				m.Question = nil
				return []packet{wire(m)}
			}
			return []packet{wire(right(q))}
		}, nil, "NOERROR 192.0.2.1"},
		{"formerr-always", func(q *dns.Msg) []packet { return rcode(q, dns.RcodeFormatError) }, nil, "FORMERR"},
		{"servfail", func(q *dns.Msg) []packet { return rcode(q, dns.RcodeServerFailure) }, nil, "SERVFAIL"},
		{"cut-and-truncated", func(q *dns.Msg) []packet {
			m := forged(q)
			m.Truncated = true
			b := wire(m).wire
			return []packet{{wire: b[:len(b)-14]}}
		}, good, "NOERROR 192.0.2.1"},
		{"tcp-refused", truncated, nil, "no server could be reached"},
		{"tcp-cut", truncated, func(conn net.Conn, q *dns.Msg) { _, _ = conn.Write(frame(wire(right(q)).wire)[:10]) }, "malformed reply"},
		{"tcp-closed", truncated, func(net.Conn, *dns.Msg) {}, "malformed reply"},
		{"tcp-stalls", truncated, func(conn net.Conn, _ *dns.Msg) {
			_, _ = conn.Write([]byte{0, 50})
			_, _ = io.Copy(io.Discard, conn)
		}, "timeout"},
		{"tcp-empty", truncated, func(conn net.Conn, _ *dns.Msg) { _, _ = conn.Write([]byte{0, 0}) }, "malformed reply"},
		{"tcp-wrong-id", truncated, func(conn net.Conn, q *dns.Msg) {
			q.Id++
			good(conn, q)
		}, "malformed reply"},
		{"tcp-truncated", truncated, func(conn net.Conn, q *dns.Msg) { _, _ = conn.Write(frame(truncated(q)[0].wire)) }, "malformed reply"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := scripted(t, tt.datagram, tt.stream)
			if got := outcome(client(s).Fetch(t.Context(), question)); got != tt.want {
				t.Errorf("alone: got %s, want %s", got, tt.want)
			}
			if strings.HasPrefix(tt.want, "NOERROR") {
				return
			}
			// Whatever one server does wrong, the next one answers.
			if got, want := outcome(client(s, serve(t, zones())).Fetch(t.Context(), question)), "NOERROR 192.0.2.1"; got != want {
				t.Errorf("before a good one: got %s, want %s", got, want)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := pc.LocalAddr().String()
	_ = pc.Close()
	if got, want := outcome(client(resolver.Server{Addr: addr}).Fetch(t.Context(), question)), "no server could be reached"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := outcome(client().Fetch(t.Context(), question)), "no server could be reached"; got != want {
		t.Errorf("without servers: got %s, want %s", got, want)
	}
}

// TestMemory shows that a failed server is asked last until its pause ends, and
// that what a server cannot do is asked of it once.
func TestMemory(t *testing.T) {
	var silent, plain atomic.Int32
	dead := scripted(t, func(*dns.Msg) []packet { silent.Add(1); return nil }, nil)
	old := scripted(t, func(q *dns.Msg) []packet {
		plain.Add(1)
		if q.IsEdns0() != nil {
			return []packet{wire(new(dns.Msg).SetRcode(q, dns.RcodeFormatError))}
		}
		return []packet{wire(right(q))}
	}, nil)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := client(dead, old)
	c.Time = func() time.Time { return now }
	for i, want := range [][2]int32{{1, 2}, {1, 3}, {2, 4}, {2, 5}, {2, 6}, {3, 7}} {
		if i == 2 || i == 5 {
			now = now.Add(firstPause << (i / 3))
		}
		if got := outcome(c.Fetch(t.Context(), question)); got != "NOERROR 192.0.2.1" {
			t.Fatal(got)
		}
		if got := [2]int32{silent.Load(), plain.Load()}; got != want {
			t.Fatalf("lookup %d: got %v queries to the dead and the old server, want %v", i, got, want)
		}
	}
}

func TestBits(t *testing.T) {
	var last atomic.Pointer[dns.Msg]
	s := scripted(t, func(q *dns.Msg) []packet { last.Store(q); return []packet{wire(right(q))} }, nil)
	names := map[string]bool{}
	for _, dnssec := range []bool{false, true} {
		c := client(s)
		c.DNSSEC = dnssec
		for range 10 {
			if _, err := c.Fetch(t.Context(), question); err != nil {
				t.Fatal(err)
			}
			q := last.Load()
			names[q.Question[0].Name] = true
			opt := q.IsEdns0()
			if opt == nil || opt.UDPSize() != resolver.UDPSize || opt.Do() != dnssec || q.CheckingDisabled != dnssec || !q.RecursionDesired || q.AuthenticatedData {
				t.Fatalf("DNSSEC %v: got %v", dnssec, q)
			}
		}
	}
	if len(names) < 10 {
		t.Errorf("20 queries had %d spellings", len(names))
	}
}

// TestTLS asks over DNS over TLS: with the right name, the wrong name, and a
// certificate of nobody.
func TestTLS(t *testing.T) {
	web := httptest.NewUnstartedServer(nil) // for its certificate of example.com
	web.StartTLS()
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	l, err := tls.Listen("tcp", "127.0.0.1:0", web.TLS)
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	srv := &dns.Server{
		Listener: l, NotifyStartedFunc: func() { close(started) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(right(q)) }),
	}
	go func() { _ = srv.ActivateAndServe() }()
	<-started
	defer func() { _ = srv.Shutdown() }()
	for _, tt := range []struct {
		name, server string
		roots        *x509.CertPool
		want         string
	}{
		{"name", "#example.com", roots, "NOERROR 192.0.2.1"},
		{"address", "", roots, "NOERROR 192.0.2.1"},
		{"wrong-name", "#example.net", roots, "no server could be reached"},
		{"wrong-root", "#example.com", x509.NewCertPool(), "no server could be reached"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseServer("tls://" + l.Addr().String() + tt.server)
			if err != nil {
				t.Fatal(err)
			}
			c := client(s)
			c.Exchanger.TCPTimeout = 0
			c.Exchanger.TLS = &tls.Config{RootCAs: tt.roots}
			if got := outcome(c.Fetch(t.Context(), question)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestIdle shows that a connection over TLS serves several queries, and that one
// which the server closed meanwhile costs a new one and no answer.
func TestIdle(t *testing.T) {
	web := httptest.NewUnstartedServer(nil) // for its certificate
	web.StartTLS()
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	l, err := tls.Listen("tcp", "127.0.0.1:0", web.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	const perConn = 3 // queries, then the server closes
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			co := &dns.Conn{Conn: conn}
			for range perConn {
				if q, err := co.ReadMsg(); err == nil {
					_ = co.WriteMsg(right(q))
				}
			}
			_ = conn.Close()
		}
	}()
	c := client(resolver.Server{Addr: l.Addr().String(), TLS: true})
	c.Exchanger.TCPTimeout = 0
	c.Exchanger.TLS = &tls.Config{RootCAs: roots}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	dials := 0
	c.Exchanger.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	for range 3 * perConn {
		if got, want := outcome(c.Fetch(t.Context(), question)), "NOERROR 192.0.2.1"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	if dials != 3 {
		t.Errorf("%d queries took %d connections, want 3", 3*perConn, dials)
	}
}

func BenchmarkFetch(b *testing.B) {
	s, err := zonefile.Serve("127.0.0.1:0", zones())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c := &Client{Servers: []resolver.Server{{Addr: s.Addr()}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Fetch(context.Background(), question); err != nil {
			b.Fatal(err)
		}
	}
}

func TestCancel(t *testing.T) {
	c := client(scripted(t, func(*dns.Msg) []packet { return nil }, nil))
	c.Exchanger.UDPTimeout = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := c.Fetch(ctx, question); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	c.Budget = 20 * time.Millisecond
	_, err := c.Fetch(t.Context(), question)
	var e *resolver.Error
	if !errors.As(err, &e) || e.Reason != resolver.Timeout || !strings.Contains(e.Detail, c.Servers[0].Addr) {
		t.Errorf("got %v, want a timeout that names the server", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}
