package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/waxseal/waxseal/smtp"
)

// Loot is what an attacker on the path has read.
type Loot struct {
	mu   sync.Mutex
	read bytes.Buffer
}

// Write implements io.Writer.
func (l *Loot) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read.Write(p)
}

// Has reports whether the attacker could read a text.
func (l *Loot) Has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.read.Bytes(), []byte(text))
}

// Change changes a line in the clear on its way; a line has its end.
type Change func(line string) string

// Unchanged leaves lines as they are.
func Unchanged(line string) string { return line }

// Wiretap puts an attacker on the path to the server at an IP address who reads
// everything and changes what is said in the clear: toServer the words of the
// client, toClient those of the server.
func (s *Stage) Wiretap(ip string, toServer, toClient Change) (*Loot, error) {
	loot := new(Loot)
	address := net.JoinHostPort(ip, smtpPort)
	err := s.interpose(address, func(l net.Listener) {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.pass(client, address, loot, toServer, toClient) })
		}
	})
	return loot, err
}

// pass carries one connection.
func (s *Stage) pass(client net.Conn, address string, loot *Loot, toServer, toClient Change) {
	defer client.Close()
	s.fabric.mu.Lock()
	to := s.fabric.hosts[address]
	s.fabric.mu.Unlock()
	// The PROXY header of the client comes through like everything else.
	server, err := new(net.Dialer).DialContext(s.ctx, "tcp4", to)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(s.ctx, func() { client.Close(); server.Close() })
	defer stop()
	w := &wire{loot: loot}
	var both sync.WaitGroup
	both.Go(func() { w.carry(server, client, w.heardClient, toServer) })
	both.Go(func() { w.carry(client, server, w.heardServer, toClient) })
	both.Wait()
}

// wire is one connection that is listened to.
type wire struct {
	loot   *Loot
	asked  atomic.Bool // the client has said STARTTLS
	secret atomic.Bool // and the server has agreed: what follows has no lines
}

func (w *wire) heardClient(line string) {
	if strings.HasPrefix(line, "STARTTLS") {
		w.asked.Store(true)
	}
}

func (w *wire) heardServer(line string) {
	if w.asked.Load() && strings.HasPrefix(line, "220 ") {
		w.secret.Store(true)
	}
}

// carry copies one direction, by lines as long as it is in the clear.
func (w *wire) carry(dst, src net.Conn, hear func(string), change Change) {
	defer closeWrite(dst)
	r := bufio.NewReaderSize(src, 64<<10)
	for {
		// To look first is to decide only when there is something: the client sends
		// its first bytes of TLS after the server has agreed.
		if _, err := r.Peek(1); err != nil {
			return
		}
		some := make([]byte, r.Buffered())
		if w.secret.Load() {
			n, _ := r.Read(some)
			some = some[:n]
		} else {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return
			}
			hear(string(line))
			some = []byte(change(string(line)))
		}
		w.loot.Write(some)
		if _, err := dst.Write(some); err != nil {
			return
		}
	}
}

func closeWrite(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.CloseWrite()
		return
	}
	c.Close()
}

// StripSTARTTLS hides the offer of STARTTLS, as some firewalls do.
func StripSTARTTLS(line string) string { return strings.Replace(line, "STARTTLS", "XXXXXXXA", 1) }

// Impostor is an attacker's server that takes mail in another's place and hands
// it on, so that nobody misses it.
type Impostor struct {
	Name string
	Cert *tls.Certificate // nil offers no STARTTLS
	// MaxVersion is the newest TLS that it speaks; 0 means the newest there is.
	MaxVersion uint16
}

// Intercept puts an impostor on the path to the server at an IP address.
func (s *Stage) Intercept(ip string, i Impostor) (*Loot, error) {
	loot := new(Loot)
	srv := s.impostor(i, ip, loot)
	return loot, s.interpose(net.JoinHostPort(ip, smtpPort), func(l net.Listener) { srv.Serve(s.ctx, l) })
}

// Impersonate runs an impostor at the attacker's own address, which hands on to
// the server at another.
func (s *Stage) Impersonate(ip string, i Impostor) (*Loot, error) {
	loot := new(Loot)
	return loot, s.serveSMTP(CrookIP, s.impostor(i, ip, loot))
}

func (s *Stage) impostor(i Impostor, next string, loot *Loot) *smtp.Server {
	h := smtp.HandlerFunc(func(_ context.Context, c *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return &relaySession{to: func(ctx context.Context, from string, raw []byte) *smtp.Reply {
			loot.Write(raw)
			s.Say("the attacker reads the message and hands it on")
			reply, err := s.send(ctx, Host{CrookIP, BankOut.Helo}, next, from, raw)
			if err != nil {
				return smtp.NewReply(451, smtp.EnhancedCode{4, 4, 0}, "try again")
			}
			return reply
		}}, nil
	})
	srv := s.server(i.Name, i.Cert, h)
	if srv.TLSConfig != nil && i.MaxVersion != 0 {
		srv.TLSConfig.MinVersion, srv.TLSConfig.MaxVersion = tls.VersionTLS10, i.MaxVersion
	}
	return srv
}

// InterceptPolicy puts an attacker on the path to the clinic's policy host.
func (s *Stage) InterceptPolicy(cert *tls.Certificate, policy string) error {
	return s.interpose(PolicyIP+":443", s.policyServer(cert, policy))
}
