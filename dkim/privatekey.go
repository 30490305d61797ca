package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
)

// ParsePrivateKey reads a private key: PEM with PKCS #1 (RSA) or PKCS #8 (RSA,
// Ed25519), or the 32-byte seed of an Ed25519 key as it is or in base64, the
// form of RFC 8463, Appendix A.2. The error is a *Error that says what was found
// instead. The size of an RSA key is not checked here; see Key.Check.
func ParsePrivateKey(b []byte) (crypto.Signer, error) {
	if len(b) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(b), nil
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, badPrivateKey("there is nothing in it")
	}
	if !bytes.Contains(b, []byte("-----BEGIN ")) {
		return parseSeed(b)
	}
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			return nil, badPrivateKey("the PEM block is broken")
		}
		// openssl writes EC parameters in front of a key.
		if block.Type != "EC PARAMETERS" || len(bytes.TrimSpace(rest)) == 0 {
			return parseBlock(block)
		}
		b = rest
	}
}

func parseSeed(b []byte) (crypto.Signer, error) {
	seed, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(b)))
	if err != nil {
		return nil, badPrivateKey("neither PEM nor the base64 of an Ed25519 seed")
	}
	if len(seed) != ed25519.SeedSize {
		return nil, badPrivateKey(fmt.Sprintf("an Ed25519 seed has 32 bytes, this base64 has %d; DER needs the PEM form", len(seed)))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func parseBlock(block *pem.Block) (crypto.Signer, error) {
	if block.Headers["DEK-Info"] != "" {
		return nil, badPrivateKey("the key is encrypted; decrypt it first, for example with openssl pkey")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, badPrivateKey("the RSA key cannot be read: " + err.Error())
		}
		return key, nil
	case "PRIVATE KEY":
		return parsePKCS8(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, badPrivateKey("the key is encrypted; decrypt it first, for example with openssl pkey")
	case "EC PRIVATE KEY", "EC PARAMETERS":
		return nil, badPrivateKey("an elliptic curve key; DKIM has RSA and Ed25519")
	case "OPENSSH PRIVATE KEY":
		return nil, badPrivateKey("an OpenSSH key; make one with openssl genpkey")
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return nil, badPrivateKey("a public key; the private one is needed")
	case "CERTIFICATE":
		return nil, badPrivateKey("a certificate; the private key is needed")
	}
	return nil, badPrivateKey(fmt.Sprintf("a PEM block of type %q", block.Type))
}

func parsePKCS8(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, badPrivateKey("the key cannot be read: " + err.Error())
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, badPrivateKey(fmt.Sprintf("%T; DKIM has RSA and Ed25519", key))
}

func badPrivateKey(detail string) error { return &Error{Reason: BadPrivateKey, Detail: detail} }
