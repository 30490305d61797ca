package outbound_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"
)

// A server that knows only the key exchange by RSA is better than the clear where
// nothing is demanded.
func TestDeliverOldCipher(t *testing.T) {
	ca := newAuthority(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template("mx.to.plain"), ca.Cert, key.Public(), ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	old := func(t *testing.T, _ *authority) *mx {
		c := withCert(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		return startMX(t, c, nil)
	}
	s := situation{
		domain: "to.plain", server: old, want: "delivered  opportunistic",
		witness: fmt.Sprintf("tls:mail tls:rcpt tls:data=%d", len(messageText)),
	}
	b, planner := s.bed(t, ca)
	s.check(t, b, planner)
}
