package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/smtp"
)

// town is a small internet on loopback: a DNS tree with signed. and plain. below a
// signed root, MX hosts at 127.0.1.N on one port, policy hosts at 127.0.0.1 on one
// HTTPS port, and a CA.
type town struct {
	t           *testing.T
	dir         string
	ca, anyone  *authority // the CA that counts, and one that does not
	text        map[string]*strings.Builder
	world       *zonesign.World
	signed      *zonesign.Signed
	dns         *zonefile.Server
	port, https string

	mu       sync.Mutex
	policies map[string]http.HandlerFunc // by host name
	certs    map[string]tls.Certificate  // of policy hosts
	hosts    int
}

func newTown(t *testing.T) *town {
	tn := &town{
		t: t, dir: t.TempDir(), ca: newAuthority(t), anyone: newAuthority(t),
		text:     map[string]*strings.Builder{"signed": {}, "plain": {}},
		policies: map[string]http.HandlerFunc{}, certs: map[string]tls.Certificate{},
	}
	tn.port = freePort(t)
	tn.servePolicies()
	if err := os.WriteFile(tn.file("ca.pem"), tn.ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tn.file("message.eml"), []byte("From: a@out.example\nTo: b@there.example\nSubject: hello\n\nHello.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return tn
}

func (tn *town) file(name string) string { return filepath.Join(tn.dir, name) }

// zone adds records to a zone, "signed" or "plain".
func (tn *town) zone(name, format string, args ...any) {
	fmt.Fprintf(tn.text[name], format, args...)
}

// open signs the zones, lets prepare break them, and answers from them.
func (tn *town) open(prepare func()) {
	t := tn.t
	tn.world = new(zonesign.World)
	begin, end := time.Now().AddDate(0, 0, -9), time.Now().AddDate(0, 0, 9)
	sign := func(origin, text string, keys ...*zonesign.Key) *zonesign.Signed {
		s, err := zonesign.Sign(zonesign.Zone{Origin: origin, Text: text, Keys: keys, Inception: begin, Expiration: end})
		if err != nil {
			t.Fatal(err)
		}
		tn.world.Zones = append(tn.world.Zones, s)
		return s
	}
	tn.signed = sign("signed.", tn.text["signed"].String(), keysOf(t, "signed.", ed25519, "")...)
	sign("plain.", tn.text["plain"].String())
	root := sign(".", "signed. NS ns.signed.\nplain. NS ns.plain.\n"+tn.signed.DS(), keysOf(t, ".", ed25519, "")...)
	if err := os.WriteFile(tn.file("root.key"), []byte(root.DS()), 0o600); err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare()
	}
	var err error
	if tn.dns, err = zonefile.Serve("127.0.0.1:0", tn.world); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.dns.Close() })
}

// flags are those that lead a command into the town.
func (tn *town) flags(ports bool) []string {
	out := []string{"--dns", tn.dns.Addr(), "--trust-anchor", tn.file("root.key"), "--json"}
	if ports {
		out = append(out, "--ca", tn.file("ca.pem"), "--https-port", tn.https)
	}
	return out
}

// waxseal runs a command line that is to evaluate and returns its JSON.
func (tn *town) waxseal(t *testing.T, args ...string) map[string]any {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, stdio{strings.NewReader(""), &out, &errs}); code != exitEvaluated {
		t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out.String())
	}
	return got
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// servePolicies serves the policy hosts, told apart by SNI and Host.
func (tn *town) servePolicies() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tn.t.Fatal(err)
	}
	tn.https = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, _, _ := net.SplitHostPort(r.Host)
			tn.mu.Lock()
			h := tn.policies[name]
			tn.mu.Unlock()
			if h == nil || r.URL.Path != "/.well-known/mta-sts.txt" {
				http.NotFound(w, r)
				return
			}
			h(w, r)
		}),
		ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			tn.mu.Lock()
			defer tn.mu.Unlock()
			c, ok := tn.certs[hello.ServerName]
			if !ok {
				return nil, fmt.Errorf("no such host")
			}
			return &c, nil
		}},
	}
	done := make(chan struct{})
	go func() { defer close(done); server.ServeTLS(l, "", "") }()
	tn.t.Cleanup(func() { server.Close(); <-done })
}

// publish serves a policy for the domain; a nil handler takes it away.
func (tn *town) publish(domain string, h http.HandlerFunc) {
	host := "mta-sts." + domain
	c := tn.ca.issue(tn.t, template(host)).tls()
	tn.mu.Lock()
	defer tn.mu.Unlock()
	tn.policies[host], tn.certs[host] = h, c
}

func policyText(mode string, mx ...string) string {
	s := "version: STSv1\r\nmode: " + mode + "\r\n"
	for _, m := range mx {
		s += "mx: " + m + "\r\n"
	}
	return s + "max_age: 604800\r\n"
}

// page serves text as a policy host should.
func page(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, text)
	}
}

// authority is a CA of the tests.
type authority struct{ *identity }

// identity is a certificate with its key, and the chain above it.
type identity struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	above []*x509.Certificate
}

func newAuthority(t testing.TB) *authority {
	c := template()
	c.Subject = pkix.Name{CommonName: "a CA of the tests"}
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	return &authority{newIdentity(t, c, nil)}
}

func template(names ...string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: names,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
	}
}

func newIdentity(t testing.TB, c *x509.Certificate, by *authority) *identity {
	t.Helper()
	id := &identity{}
	var err error
	if id.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	parent, signer := c, id.key
	if by != nil {
		parent, signer, id.above = by.cert, by.key, []*x509.Certificate{by.cert}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, id.key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if id.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return id
}

func (a *authority) issue(t testing.TB, c *x509.Certificate) *identity { return newIdentity(t, c, a) }

func (id *identity) tls() tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{id.cert.Raw}, PrivateKey: id.key}
	for _, a := range id.above {
		c.Certificate = append(c.Certificate, a.Raw)
	}
	return c
}

func (id *identity) pem() []byte {
	var out []byte
	for _, c := range append([]*x509.Certificate{id.cert}, id.above...) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// record is the TLSA record of the certificate with another usage.
func (id *identity) record(usage uint8) string {
	r := dane.MakeRecord(id.cert)
	r.Usage = usage
	return r.String()
}

// mx is an MX host. Its log is what a server can witness.
type mx struct {
	addr string
	mu   sync.Mutex
	log  []string
	last []byte // the message taken last
}

func (m *mx) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

// witnessed is the log as one line; it begins anew.
func (m *mx) witnessed() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := strings.Join(m.log, " ")
	m.log = nil
	return s
}

// listen takes the next free address of the town.
func (tn *town) listen() (net.Listener, *mx) {
	tn.hosts++
	m := &mx{addr: fmt.Sprintf("127.0.1.%d", tn.hosts)}
	l, err := net.Listen("tcp", net.JoinHostPort(m.addr, tn.port))
	if err != nil {
		tn.t.Fatal(err)
	}
	tn.t.Cleanup(func() { l.Close() })
	return l, m
}

// serve starts an MX host with our own server; a nil config offers no STARTTLS.
func (tn *town) serve(config *tls.Config, e *smtp.Extensions) *mx {
	l, m := tn.listen()
	s := &smtp.Server{Hostname: "mx.town", TLSConfig: config, Extensions: e}
	s.Handler = smtp.HandlerFunc(func(_ context.Context, c *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return &mxSession{m, c}, nil
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ctx, l) }()
	tn.t.Cleanup(func() { stop(); <-done })
	return m
}

// mxSession notes the verbs of a session, with "tls:" before those under TLS.
type mxSession struct {
	mx   *mx
	conn *smtp.Conn
}

func (s *mxSession) verb(word string) string {
	if s.conn.TLS != nil {
		return "tls:" + word
	}
	return word
}

func (s *mxSession) Mail(_ context.Context, _ smtp.Path, o *smtp.MailOptions) *smtp.Reply {
	word := "mail"
	if o.RequireTLS {
		word += "+requiretls"
	}
	if o.Body == smtp.Body8Bit {
		word += "+8bitmime"
	}
	if o.UTF8 {
		word += "+smtputf8"
	}
	s.mx.note("%s", s.verb(word))
	return nil
}

func (s *mxSession) Rcpt(_ context.Context, to smtp.Path, _ *smtp.RcptOptions) *smtp.Reply {
	s.mx.note("%s", s.verb("rcpt"))
	switch to.Local {
	case "gone":
		return smtp.NewReply(550, smtp.EnhancedCode{5, 1, 1}, "nobody of that name")
	case "later":
		return smtp.NewReply(450, smtp.EnhancedCode{4, 2, 0}, "come back later")
	}
	return nil
}

func (s *mxSession) Data(_ context.Context, r io.Reader) *smtp.Reply {
	b, err := io.ReadAll(r)
	if err == nil {
		s.mx.mu.Lock()
		s.mx.last = b
		s.mx.mu.Unlock()
		s.mx.note("%s", s.verb("data"))
	}
	return nil
}

func (s *mxSession) Reset() {}
