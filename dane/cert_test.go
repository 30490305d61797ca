package dane_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dane"
)

// now is when all tests take place.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// issued is a certificate with its key, able to issue others.
type issued struct {
	*x509.Certificate
	key crypto.Signer
}

// issue makes a certificate. A nil issuer makes it self-signed. The template's
// dates default to a year around now.
func issue(t testing.TB, issuer *issued, tmpl x509.Certificate) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issueFor(t, issuer, tmpl, key)
}

func issueFor(t testing.TB, issuer *issued, tmpl x509.Certificate, key crypto.Signer) *issued {
	t.Helper()
	if tmpl.SerialNumber == nil {
		tmpl.SerialNumber = big.NewInt(1)
	}
	if tmpl.NotAfter.IsZero() {
		tmpl.NotBefore, tmpl.NotAfter = now.AddDate(0, -6, 0), now.AddDate(0, 6, 0)
	}
	if tmpl.IsCA {
		tmpl.BasicConstraintsValid = true
	}
	parent, signer := &tmpl, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{c, key}
}

func ca(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true}
}

func server(names ...string) x509.Certificate {
	return x509.Certificate{DNSNames: names, Subject: pkix.Name{CommonName: "server"}}
}

// tlsa makes the record that means cert.
func tlsa(usage, selector, matching uint8, cert *issued) dane.Record {
	content := cert.Raw
	if selector == dane.SPKI {
		content = cert.RawSubjectPublicKeyInfo
	}
	r := dane.Record{Usage: usage, Selector: selector, MatchingType: matching, Data: content}
	switch matching {
	case dane.SHA256:
		s := sha256.Sum256(content)
		r.Data = s[:]
	case dane.SHA512:
		s := sha512.Sum512(content)
		r.Data = s[:]
	}
	return r
}

// wrong returns r with data that matches nothing.
func wrong(r dane.Record) dane.Record {
	r.Data = append([]byte(nil), r.Data...)
	r.Data[len(r.Data)-1] ^= 1
	return r
}

func chain(certs ...*issued) []*x509.Certificate {
	out := make([]*x509.Certificate, len(certs))
	for i, c := range certs {
		out[i] = c.Certificate
	}
	return out
}
