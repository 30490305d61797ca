package conformance

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// loopback serves zones on a port of loopback and returns a resolver that asks
// there.
func loopback(t *testing.T, z *zonefile.Zones) resolver.Resolver {
	t.Helper()
	packets, listener := listen(t)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if err := w.WriteMsg(serve(z, q, w.LocalAddr())); err != nil {
			t.Errorf("%v: %v", q.Question, err)
		}
	})
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}} {
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
	server := resolver.Server{Addr: packets.LocalAddr().String()}
	return &resolver.Unvalidated{
		Source: &upstream.Client{Servers: []resolver.Server{server}},
		Status: resolver.Indeterminate,
	}
}

// listen takes one port for UDP and TCP.
func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	const tries = 20 // another process may have the TCP port
	for range tries {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, listener
		}
		packets.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// serve answers q as a recursive server would: a name that fails is SERVFAIL.
func serve(z *zonefile.Zones, q *dns.Msg, at net.Addr) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	r, err := z.Fetch(context.Background(), resolver.Question{
		Name: resolver.CanonicalName(q.Question[0].Name),
		Type: resolver.Type(q.Question[0].Qtype),
	})
	if err != nil {
		m.Rcode = dns.RcodeServerFailure
	} else {
		m.Rcode, m.Answer, m.Ns = r.Msg.Rcode, r.Msg.Answer, r.Msg.Ns
	}
	size := dns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(opt.UDPSize(), opt.Do())
		size = int(opt.UDPSize())
	}
	if at.Network() == "udp" {
		m.Truncate(size)
	}
	return m
}
