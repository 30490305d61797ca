package conformance

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/smtp"
)

// gate is what strangers connect to at one address: the honest server, or whoever
// has come between.
type gate struct {
	mu     sync.Mutex
	server *smtp.Server
}

func (g *gate) set(s *smtp.Server) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.server = s
}

func (g *gate) current() *smtp.Server {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.server
}

// serveGate serves SMTP at an address.
func serveGate(t testing.TB, host string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", host+":25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g := new(gate)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.current().ServeConn(context.Background(), c)
		}
	}()
	return g
}

// mailServer is a server that a witness watches, without STARTTLS if cert is nil.
func mailServer(w *witness, cert *tls.Certificate) *smtp.Server {
	s := &smtp.Server{Hostname: "mx.signed"}
	if cert != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	s.Handler = smtp.HandlerFunc(func(_ context.Context, c *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return &mailSession{witness: w, conn: c}, nil
	})
	return s
}

// forgery changes replies of name servers on their way.
type forgery struct {
	mu     sync.Mutex
	change map[resolver.Question]func(m *dns.Msg)
}

// set forges the replies to a question.
func (f *forgery) set(name string, t resolver.Type, change func(m *dns.Msg)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.change == nil {
		f.change = map[resolver.Question]func(m *dns.Msg){}
	}
	f.change[resolver.Question{Name: name, Type: t}] = change
}

// clear makes all replies true again.
func (f *forgery) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.change)
}

func (f *forgery) tamper(q resolver.Question, m *dns.Msg) *dns.Msg {
	f.mu.Lock()
	defer f.mu.Unlock()
	if change := f.change[q]; change != nil {
		m = m.Copy()
		change(m)
	}
	return m
}

// view is a world as seen past a forger.
type view struct {
	*zonesign.World
	forgery *forgery
}

// Fetch implements resolver.Source.
func (v view) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	r, err := v.World.Fetch(ctx, q)
	if err == nil {
		r.Msg = v.forgery.tamper(q, r.Msg)
	}
	return r, err
}

// Forgeries.
func fails(m *dns.Msg)  { m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil }
func absent(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeNameError, nil }

// altered spoils the signatures and claims that all was checked.
func altered(m *dns.Msg) {
	m.AuthenticatedData = true
	for _, rr := range m.Answer {
		if sig, ok := rr.(*dns.RRSIG); ok {
			sig.Signature = "AAAA" + sig.Signature[4:]
		}
	}
}

func answered(records ...string) func(m *dns.Msg) {
	return func(m *dns.Msg) {
		m.Rcode, m.Answer = dns.RcodeSuccess, nil
		for _, text := range records {
			rr, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			m.Answer = append(m.Answer, rr)
		}
	}
}

// policyHost serves the MTA-STS policies of domains.
type policyHost struct {
	honest, other *tls.Certificate

	mu   sync.Mutex
	down map[string]bool   // by domain
	fake map[string]string // policies of an impostor
}

func (p *policyHost) of(domain string) (down bool, fake string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down[domain], p.fake[domain]
}

// set says how the host of a domain behaves.
func (p *policyHost) set(domain string, down bool, fake string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down == nil {
		p.down, p.fake = map[string]bool{}, map[string]string{}
	}
	p.down[domain], p.fake[domain] = down, fake
}

// servePolicies serves HTTPS at an address.
func (p *policyHost) serve(t testing.TB, host string) {
	t.Helper()
	l, err := net.Listen("tcp", host+":443")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		domain := strings.TrimPrefix(r.Host, "mta-sts.")
		w.Header().Set("Content-Type", "text/plain")
		if _, fake := p.of(domain); fake != "" {
			fmt.Fprint(w, fake)
			return
		}
		fmt.Fprintf(w, "version: STSv1\nmode: enforce\nmx: mx.%s\nmax_age: 86400\n", domain)
	})}
	server.TLSConfig = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		down, fake := p.of(strings.TrimPrefix(hello.ServerName, "mta-sts."))
		switch {
		case down:
			return nil, fmt.Errorf("%s is down", hello.ServerName)
		case fake != "":
			return p.other, nil
		}
		return p.honest, nil
	}}
	server.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the point
	go func() { _ = server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { server.Close() })
}
