package outbound_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/internal/testca"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
)

// authority issues certificates that are valid at the tests' time.
type authority struct{ *testca.Authority }

func newAuthority(t testing.TB) *authority {
	return &authority{testca.New(t, template())}
}

func template(names ...string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names,
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
	}
}

func expired(names ...string) *x509.Certificate {
	c := template(names...)
	c.NotAfter = now.AddDate(0, 0, -1)
	return c
}

// issue returns a chain for a server and its TLSA record.
func (a *authority) issue(t testing.TB, tmpl *x509.Certificate) (tls.Certificate, string) {
	t.Helper()
	key, cert := a.Sign(t, tmpl)
	return tls.Certificate{Certificate: [][]byte{cert.Raw, a.Cert.Raw}, PrivateKey: key}, dane.MakeRecord(cert).String()
}

// taRecord is the 2 1 1 record of the authority.
func (a *authority) taRecord() string {
	r := dane.MakeRecord(a.Cert)
	r.Usage = dane.DANETA
	return r.String()
}

// mx is an SMTP server of the tests. Its log is what a server can witness.
type mx struct {
	addr  string        // of the listener
	ended chan struct{} // one for each session of startMX that is over
	mu    sync.Mutex
	log   []string
	conns int
}

func (m *mx) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

// witnessed is the log as one line.
func (m *mx) witnessed() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.log, " ")
}

// connections is how many connections the server has seen.
func (m *mx) connections() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conns
}

func (m *mx) connected() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns++
}

// mxSession notes the verbs of a session with "tls:" before those under TLS.
type mxSession struct {
	mx   *mx
	conn *smtp.Conn
	mail *smtp.Reply
	rcpt func(smtp.Path) *smtp.Reply
}

func (s *mxSession) prefix() string {
	if s.conn.TLS != nil {
		return "tls:"
	}
	return ""
}

func (s *mxSession) Mail(_ context.Context, _ smtp.Path, o *smtp.MailOptions) *smtp.Reply {
	word := "mail"
	if o.RequireTLS {
		word = "mail-requiretls"
	}
	s.mx.note("%s%s", s.prefix(), word)
	return s.mail
}

func (s *mxSession) Rcpt(_ context.Context, to smtp.Path, _ *smtp.RcptOptions) *smtp.Reply {
	s.mx.note("%srcpt", s.prefix())
	if s.rcpt != nil {
		return s.rcpt(to)
	}
	return nil
}

func (s *mxSession) Data(_ context.Context, message io.Reader) *smtp.Reply {
	n, err := io.Copy(io.Discard, message)
	if err == nil {
		s.mx.note("%sdata=%d", s.prefix(), n)
	}
	return nil
}

func (s *mxSession) Reset() {}

func (s *mxSession) Close() error {
	s.mx.ended <- struct{}{}
	return nil
}

// startMX serves SMTP with STARTTLS where config is not nil.
func startMX(t testing.TB, config *tls.Config, change func(*smtp.Server, *mxSession)) *mx {
	m := &mx{ended: make(chan struct{}, 1<<16)}
	l := listen(t)
	m.addr = l.Addr().String()
	server := &smtp.Server{Hostname: "mx.test", TLSConfig: config}
	if change != nil {
		change(server, new(mxSession))
	}
	server.Handler = smtp.HandlerFunc(func(_ context.Context, c *smtp.Conn) (smtp.Session, *smtp.Reply) {
		m.connected()
		s := &mxSession{mx: m, conn: c}
		if change != nil {
			change(new(smtp.Server), s)
		}
		return s, nil
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-done })
	return m
}

func withCert(c tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c}, Time: func() time.Time { return now }}
}

func listen(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// broken at the end of a reply is a handshake that fails.
const broken = "\x00"

// startScript serves SMTP by a script: the reply to each verb, and "" to close. The
// reply to STARTTLS may hold more than a reply. It takes a message like a real one.
func startScript(t testing.TB, replies map[string]string) *mx {
	m := new(mx)
	l := listen(t)
	m.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.connected()
			go m.script(c, replies)
		}
	}()
	return m
}

func (m *mx) script(c net.Conn, replies map[string]string) {
	defer c.Close()
	say := func(s string) { io.WriteString(c, s) }
	say("220 mx.test\r\n")
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		reply, known := replies[verb]
		switch {
		case verb == "MAIL" || verb == "RCPT" || verb == "STARTTLS":
			m.note("%s", strings.ToLower(verb))
		case verb == "QUIT":
			say("221 bye\r\n")
			return
		}
		switch {
		case known && reply == "":
			return
		case known && strings.HasSuffix(reply, broken):
			say(strings.TrimSuffix(reply, broken))
			in.ReadByte() // the handshake has begun
			say("this is no TLS\r\n")
			return
		case known:
			say(reply)
		case verb == "DATA":
			say("354 go on\r\n")
			for line != ".\r\n" && err == nil {
				line, err = in.ReadString('\n')
			}
			m.note("data")
			say("250 took it\r\n")
		default:
			say("250 mx.test\r\n")
		}
	}
}

// scripting is the server's side of one connection, a line at a time.
type scripting struct {
	conn net.Conn
	in   *bufio.Reader
}

func (s *scripting) say(words string) { io.WriteString(s.conn, words) }

// answer says words once the client has said a line that begins with verb.
func (s *scripting) answer(verb, words string) {
	if s.in == nil {
		s.in = bufio.NewReader(s.conn)
	}
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasPrefix(line, verb) {
			s.say(words)
			return
		}
	}
}

// bed is a world with servers at 192.0.2.N.
type bed struct {
	*world
	ca      *authority
	servers []*mx // 192.0.2.1 first
}

// deliverer reaches the servers by their documentation addresses.
func (b *bed) deliverer() *outbound.Deliverer {
	return &outbound.Deliverer{
		Client:  smtp.Client{Hostname: "out.test", Timeouts: smtp.Timeouts{TLS: 5 * time.Second, Command: 5 * time.Second}},
		RootCAs: b.ca.Pool(),
		Time:    func() time.Time { return now },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			var n int
			fmt.Sscanf(address, "192.0.2.%d:25", &n)
			if n < 1 || n > len(b.servers) {
				return nil, fmt.Errorf("no route to %s", address)
			}
			return new(net.Dialer).DialContext(ctx, network, b.servers[n-1].addr)
		},
	}
}
