package zonefile

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

const (
	servedUDPSize = 4096 // bytes of a reply over UDP, if the client takes so many
	listenTries   = 10   // a free UDP port may be taken for TCP
)

// Server serves a Source as a name server over UDP and TCP, for tests and for
// the lab: what asks over the network then sees what Fetch says. A Source that
// times out is a server that keeps silent.
type Server struct {
	addr     string
	udp, tcp *dns.Server
	done     chan error // one value of each server
	cancel   context.CancelFunc
}

// Serve listens on addr, such as "127.0.0.1:0", and answers from src until
// Close.
func Serve(addr string, src resolver.Source) (*Server, error) {
	pc, l, err := listen(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := handler{ctx, src}
	s := &Server{addr: pc.LocalAddr().String(), done: make(chan error, 2), cancel: cancel}
	s.udp = &dns.Server{PacketConn: pc, Handler: h, UDPSize: servedUDPSize}
	s.tcp = &dns.Server{Listener: l, Handler: h}
	started := make(chan struct{}, 2)
	for _, srv := range []*dns.Server{s.udp, s.tcp} {
		srv.NotifyStartedFunc = func() { started <- struct{}{} }
		go func() { s.done <- srv.ActivateAndServe() }()
	}
	<-started
	<-started
	return s, nil
}

// listen opens one port for both transports.
func listen(addr string) (net.PacketConn, net.Listener, error) {
	var errs []error
	for range listenTries {
		pc, err := net.ListenPacket("udp", addr)
		if err != nil {
			return nil, nil, err
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, l, nil
		}
		errs = append(errs, err)
		_ = pc.Close()
	}
	return nil, nil, errors.Join(errs...)
}

// Addr returns the address, the same for UDP and TCP.
func (s *Server) Addr() string { return s.addr }

// Close stops the server and waits for it.
func (s *Server) Close() error {
	s.cancel()
	err := errors.Join(s.udp.Shutdown(), s.tcp.Shutdown())
	return errors.Join(err, <-s.done, <-s.done)
}

// handler answers queries from a Source.
type handler struct {
	ctx context.Context
	src resolver.Source
}

// ServeDNS implements dns.Handler.
func (h handler) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	m := h.reply(query)
	if m == nil {
		return
	}
	opt := query.IsEdns0()
	if opt == nil || !opt.Do() {
		withoutDNSSEC(m)
	}
	size := dns.MinMsgSize
	if opt != nil {
		size = min(max(size, int(opt.UDPSize())), servedUDPSize)
		m.SetEdns0(servedUDPSize, opt.Do())
	}
	if _, ok := w.RemoteAddr().(*net.TCPAddr); ok {
		size = dns.MaxMsgSize
	}
	m.Truncate(size)
	_ = w.WriteMsg(m) // who does not listen any more gets nothing
}

// reply returns the reply to a query; nil for silence.
func (h handler) reply(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	switch opt := query.IsEdns0(); {
	case query.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
		return m
	case len(query.Question) != 1:
		m.Rcode = dns.RcodeFormatError
		return m
	case opt != nil && opt.Version() != 0:
		m.Rcode = dns.RcodeBadVers
		return m
	case query.Question[0].Qclass != dns.ClassINET:
		m.Rcode = dns.RcodeRefused
		return m
	}
	q, err := resolver.NewQuestion(query.Question[0].Name, resolver.Type(query.Question[0].Qtype))
	if err != nil {
		m.Rcode = dns.RcodeRefused
		return m
	}
	r, err := h.src.Fetch(h.ctx, q)
	if err != nil {
		var e *resolver.Error
		if !errors.As(err, &e) || e.Reason == resolver.Timeout {
			return nil
		}
		m.Rcode = dns.RcodeServerFailure
		return m
	}
	m.Rcode, m.Authoritative = r.Msg.Rcode, r.Msg.Authoritative
	m.Answer, m.Ns, m.Extra = slices.Clone(r.Msg.Answer), slices.Clone(r.Msg.Ns), slices.Clone(r.Msg.Extra)
	m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	return m
}

// withoutDNSSEC removes what only those get who ask for it (RFC 4035, Section
// 3.1), unless it is the type asked for.
func withoutDNSSEC(m *dns.Msg) {
	if len(m.Question) == 0 {
		return
	}
	asked := m.Question[0].Qtype
	unwanted := func(rr dns.RR) bool {
		switch t := rr.Header().Rrtype; t {
		case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
			return t != asked && asked != dns.TypeANY
		}
		return false
	}
	m.Answer = slices.DeleteFunc(m.Answer, unwanted)
	m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool {
		return unwanted(rr) || rr.Header().Rrtype == dns.TypeDS
	})
}
