package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/waxseal/waxseal/dkim"
)

// RSABits is the size of new RSA keys: what a signer should have at least (RFC 8301,
// Section 3.2), and a record that still fits a UDP answer.
const RSABits = 2048

// Generate makes a key and returns the text of its file, PEM with PKCS #8.
func Generate(a dkim.Algorithm) ([]byte, error) {
	var private crypto.PrivateKey
	var err error
	switch a {
	case dkim.RSASHA256:
		private, err = rsa.GenerateKey(rand.Reader, RSABits)
	case dkim.Ed25519SHA256:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("no key is made for %q", a)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
