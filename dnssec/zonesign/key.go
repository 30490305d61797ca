package zonesign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"math/big"

	"github.com/miekg/dns"
)

// Flags of a DNSKEY (RFC 4034, Section 2.1.1; RFC 5011, Section 2.1).
const (
	ZSK     uint16 = dns.ZONE
	KSK     uint16 = dns.ZONE | dns.SEP
	Revoked uint16 = dns.ZONE | dns.SEP | dns.REVOKE
)

// Key is a zone key with its private half.
type Key struct {
	DNSKEY *dns.DNSKEY
	Signer crypto.Signer
}

// NewKey makes a key for a zone. ECDSA and Ed25519 keys follow from the seed,
// so that tests can name them; RSA keys are random, of 2048 bits.
func NewKey(zone string, algorithm uint8, flags uint16, seed string) (*Key, error) {
	signer, err := newSigner(algorithm, seed)
	if err != nil {
		return nil, err
	}
	return KeyFrom(zone, algorithm, flags, signer)
}

// KeyFrom makes the zone key that goes with a private key.
func KeyFrom(zone string, algorithm uint8, flags uint16, signer crypto.Signer) (*Key, error) {
	public, err := publicKey(signer.Public())
	if err != nil {
		return nil, err
	}
	return &Key{Signer: signer, DNSKEY: &dns.DNSKEY{
		Hdr:       dns.RR_Header{Name: dns.CanonicalName(zone), Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags:     flags,
		Protocol:  3,
		Algorithm: algorithm,
		PublicKey: base64.StdEncoding.EncodeToString(public),
	}}, nil
}

func newSigner(algorithm uint8, seed string) (crypto.Signer, error) {
	h := sha256.Sum256([]byte(seed))
	switch algorithm {
	case dns.ED25519:
		return ed25519.NewKeyFromSeed(h[:]), nil
	case dns.ECDSAP256SHA256:
		h[0] &= 0x7f // below the order of the curve
		return ecdsa.ParseRawPrivateKey(elliptic.P256(), h[:])
	case dns.ECDSAP384SHA384:
		h := sha512.Sum384([]byte(seed))
		h[0] &= 0x7f
		return ecdsa.ParseRawPrivateKey(elliptic.P384(), h[:])
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("zonesign: no keys of algorithm %d", algorithm)
}

// publicKey returns the form that a DNSKEY record has (RFC 3110, Section 2;
// RFC 6605, Section 4; RFC 8080, Section 3).
func publicKey(public crypto.PublicKey) ([]byte, error) {
	switch p := public.(type) {
	case ed25519.PublicKey:
		return p, nil
	case *ecdsa.PublicKey:
		b, err := p.Bytes()
		if err != nil {
			return nil, err
		}
		return b[1:], nil
	case *rsa.PublicKey:
		e := big.NewInt(int64(p.E)).Bytes()
		return append(append([]byte{byte(len(e))}, e...), p.N.Bytes()...), nil
	}
	return nil, fmt.Errorf("zonesign: no zone keys of %T", public)
}

// DS returns the DS record of the key.
func (k *Key) DS(digest uint8) *dns.DS { return k.DNSKEY.ToDS(digest) }
