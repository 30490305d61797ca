package mtasts_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// zone is a resolver made of records in zone format. A line "fail NAME TYPE" makes
// a lookup fail.
type zone struct {
	mu   sync.Mutex
	text string
}

func (z *zone) set(text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.text = text
}

func (z *zone) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := &resolver.Answer{Name: name, Type: t, Status: resolver.Insecure}
	for line := range strings.Lines(z.text) {
		line = strings.TrimSpace(line)
		if line == "fail "+name+" "+t.String() {
			return nil, &resolver.Error{Reason: resolver.ServerFailed, Name: name, Type: t}
		}
		if line == "" || strings.HasPrefix(line, "fail ") {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			panic(err)
		}
		if resolver.CanonicalName(rr.Header().Name) == name && resolver.Type(rr.Header().Rrtype) == t {
			a.Records = append(a.Records, rr)
		}
	}
	return a, nil
}

// authority is a CA of the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	key, cert := sign(t, tmpl, nil)
	return &authority{cert, key}
}

func sign(t testing.TB, tmpl *x509.Certificate, by *authority) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := tmpl, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue makes a server certificate that ends at notAfter.
func (a *authority) issue(t testing.TB, name string, notAfter time.Time) tls.Certificate {
	key, cert := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name},
		NotBefore: time.Unix(0, 0), NotAfter: notAfter,
	}, a)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// serve starts an HTTPS server with one certificate and returns its port.
func serve(t testing.TB, cert tls.Certificate, h http.HandlerFunc) int {
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}
