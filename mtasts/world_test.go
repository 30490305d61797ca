package mtasts_test

import (
	"context"
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
	"github.com/waxseal/waxseal/internal/testca"
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
type authority struct{ *testca.Authority }

func newAuthority(t testing.TB) *authority {
	return &authority{testca.New(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
	})}
}

// issue makes a server certificate that ends at notAfter.
func (a *authority) issue(t testing.TB, name string, notAfter time.Time) tls.Certificate {
	key, cert := a.Sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name},
		NotBefore: time.Unix(0, 0), NotAfter: notAfter,
	})
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
