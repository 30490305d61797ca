package conformance

import (
	"bufio"
	"context"
	"crypto/rand"
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
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/internal/testca"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/smtp"
)

// newWorld signs a root with two zones below it, signed. and plain., which is not
// signed.
func newWorld(t testing.TB, signed, plain string) (w *zonesign.World, inner *zonesign.Signed, anchor string) {
	t.Helper()
	w, inner, anchor, err := zonesign.SignedAndPlain(time.Now(), signed, plain)
	if err != nil {
		t.Fatal(err)
	}
	return w, inner, anchor
}

// serveWorld answers from w where unbound asks, and starts unbound.
func serveWorld(t testing.TB, w *zonesign.World, anchor string) {
	t.Helper()
	server, err := zonefile.Serve(rootServer, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	startUnbound(t, anchor)
}

// validating is our own resolver for w.
func validating(t testing.TB, w *zonesign.World, anchor string) resolver.Resolver {
	t.Helper()
	anchors, err := dnssec.ParseAnchors(strings.NewReader(anchor))
	if err != nil {
		t.Fatal(err)
	}
	return &resolver.Cache{Resolver: &dnssec.Validator{Source: w, Anchors: anchors}}
}

// authority is a CA of the tests.
type authority struct{ *testca.Authority }

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	tmpl := certificateFor()
	tmpl.Subject.CommonName = name
	tmpl.KeyUsage = x509.KeyUsageCertSign
	return &authority{testca.New(t, tmpl)}
}

// certificateFor is a template of a certificate that is valid now.
func certificateFor(names ...string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{
		SerialNumber: serial, DNSNames: names,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
	}
}

func expiredFor(names ...string) *x509.Certificate {
	c := certificateFor(names...)
	c.NotAfter = time.Now().AddDate(0, 0, -1)
	return c
}

// issue returns a server's chain: its certificate and that of the authority.
func (a *authority) issue(t testing.TB, tmpl *x509.Certificate) *tls.Certificate {
	t.Helper()
	key, cert := a.Sign(t, tmpl)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, a.Cert.Raw}, PrivateKey: key, Leaf: cert}
}

// tlsaOf is the data of a TLSA record for a certificate.
func tlsaOf(cert *x509.Certificate, usage, selector, matching uint8) string {
	content := cert.Raw
	if selector == dane.SPKI {
		content = cert.RawSubjectPublicKeyInfo
	}
	r := dane.Record{Usage: usage, Selector: selector, MatchingType: matching, Data: digest(matching, content)}
	return r.String()
}

// witness is what the servers of the bed saw: how a message came, by the local-part
// of its sender and the domain of its recipient.
type witness struct {
	mu  sync.Mutex
	log map[string]string
}

// of returns "tls", "clear" or "nothing".
func (w *witness) of(sender, domain string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if how := w.log[sender+" "+domain]; how != "" {
		return how
	}
	return "nothing"
}

func (w *witness) saw(sender, domain, how string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log == nil {
		w.log = map[string]string{}
	}
	w.log[sender+" "+domain] = how
}

// mailSession notes a message that came whole, or a recipient that was named first.
type mailSession struct {
	witness  *witness
	conn     *smtp.Conn
	from, to string
}

func (s *mailSession) how() string {
	if s.conn.TLS != nil {
		return "tls"
	}
	return "clear"
}

func (s *mailSession) Mail(_ context.Context, from smtp.Path, _ *smtp.MailOptions) *smtp.Reply {
	s.from = from.Local
	return nil
}

func (s *mailSession) Rcpt(_ context.Context, to smtp.Path, _ *smtp.RcptOptions) *smtp.Reply {
	s.to = string(to.Domain)
	s.witness.saw(s.from, s.to, s.how()+", recipient only")
	return nil
}

func (s *mailSession) Data(_ context.Context, message io.Reader) *smtp.Reply {
	if _, err := io.Copy(io.Discard, message); err == nil {
		s.witness.saw(s.from, s.to, s.how())
	}
	return nil
}

func (s *mailSession) Reset() {}

// serveMail serves SMTP at port 25 of the address, with STARTTLS where config is
// not nil.
func serveMail(t testing.TB, host string, w *witness, config *tls.Config) {
	t.Helper()
	server := &smtp.Server{Hostname: "mx.signed", TLSConfig: config}
	server.Handler = smtp.HandlerFunc(func(_ context.Context, c *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return &mailSession{witness: w, conn: c}, nil
	})
	serveAt(t, host+":25", server)
}

func serveAt(t testing.TB, address string, server *smtp.Server) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-done })
}

// serveStartTLS serves SMTP without TLS, although it offers STARTTLS: it answers
// that with these words, and then either goes on or, after a 220, breaks the
// handshake.
func serveStartTLS(t testing.TB, host string, w *witness, words string) {
	t.Helper()
	l, err := net.Listen("tcp", host+":25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.converse(c, words)
		}
	}()
}

func (w *witness) converse(c net.Conn, startTLS string) {
	defer c.Close()
	say := func(s string) { _, _ = io.WriteString(c, s) }
	say("220 mx.signed ESMTP\r\n")
	in := bufio.NewReader(c)
	var from, to string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, arg, _ := strings.Cut(strings.TrimSpace(line), " "); strings.ToUpper(verb) {
		case "EHLO":
			say("250-mx.signed\r\n250 STARTTLS\r\n")
		case "STARTTLS":
			if say(startTLS); strings.HasPrefix(startTLS, "220") {
				_, _ = in.ReadByte()
				say("this is no TLS\r\n")
				return
			}
		case "MAIL":
			_, from, _ = strings.Cut(arg, "<")
			from, _, _ = strings.Cut(from, "@")
			say("250 ok\r\n")
		case "RCPT":
			_, to, _ = strings.Cut(arg, "@")
			to, _, _ = strings.Cut(to, ">")
			w.saw(from, to, "clear, recipient only")
			say("250 ok\r\n")
		case "DATA":
			say("354 go on\r\n")
			for line != ".\r\n" && err == nil {
				line, err = in.ReadString('\n')
			}
			w.saw(from, to, "clear")
			say("250 ok\r\n")
		case "QUIT":
			say("221 bye\r\n")
			return
		default:
			say("250 ok\r\n")
		}
	}
}

func address(n int) string { return fmt.Sprintf("127.0.%d.%d", 1+n/250, 1+n%250) }
