package dnssec

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"math/big"

	"github.com/miekg/dns"
)

// key is a DNSKEY that can sign a zone, its public key parsed once.
type key struct {
	tag    uint16
	alg    uint8
	public any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey; nil: not usable
	work   int // what one check costs, in checks of P-256
	rr     *dns.DNSKEY
}

// supported reports whether signatures of the algorithm are checked. Those
// with SHA-1 are known but count as unsupported (RFC 9905, Section 3).
func (v *Validator) supported(alg uint8) bool {
	switch alg {
	case dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1:
		return v.AcceptSHA1
	}
	return false
}

// zoneKeys returns the keys of a DNSKEY RRset that may sign the zone: with the
// Zone Key flag and protocol 3 (RFC 4034, Section 2.1) and not revoked (RFC
// 5011, Section 2.1).
func zoneKeys(rrs []dns.RR) []key {
	var keys []key
	for _, rr := range rrs {
		k, ok := rr.(*dns.DNSKEY)
		if !ok || k.Flags&dns.ZONE == 0 || k.Flags&dns.REVOKE != 0 || k.Protocol != 3 {
			continue
		}
		public := parsePublic(k)
		keys = append(keys, key{tag: k.KeyTag(), alg: k.Algorithm, public: public, work: workOf(public), rr: k})
	}
	return keys
}

// workOf returns how many checks of P-256 one check with the key costs, as
// measured: an attacker picks the slowest.
func workOf(public any) int {
	const usualExponent = 1 << 17
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if p.Curve == elliptic.P384() {
			return 10
		}
	case ed25519.PublicKey:
		return 1
	case *rsa.PublicKey:
		work := 1
		if p.N.BitLen() > 2048 {
			work = 5
		}
		if p.E > usualExponent {
			work *= 3
		}
		return work
	}
	return 1
}

// parsePublic returns nil for a key that this code cannot use.
func parsePublic(k *dns.DNSKEY) any {
	b, err := base64.StdEncoding.DecodeString(k.PublicKey)
	if err != nil {
		return nil
	}
	switch k.Algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		if p := parseRSA(b); p != nil {
			return p
		}
	case dns.ECDSAP256SHA256:
		return parseECDSA(elliptic.P256(), b)
	case dns.ECDSAP384SHA384:
		return parseECDSA(elliptic.P384(), b)
	case dns.ED25519:
		if len(b) == ed25519.PublicKeySize { // RFC 8080, Section 3
			return ed25519.PublicKey(b)
		}
	}
	return nil
}

// parseRSA reads the form of RFC 3110, Section 2.
func parseRSA(b []byte) *rsa.PublicKey {
	if len(b) < 3 {
		return nil
	}
	n, b := int(b[0]), b[1:]
	if n == 0 {
		n, b = int(b[0])<<8|int(b[1]), b[2:]
	}
	if n == 0 || n >= len(b) {
		return nil
	}
	exponent, modulus := bytes.TrimLeft(b[:n], "\x00"), bytes.TrimLeft(b[n:], "\x00")
	e := new(big.Int).SetBytes(exponent)
	// crypto/rsa knows exponents up to 2^31-1 only, odd ones.
	if len(exponent) > 4 || e.Int64() > 1<<31-1 || e.Int64() < 3 || e.Bit(0) == 0 {
		return nil
	}
	if len(modulus) > maxRSABits/8 || len(modulus) < minRSABits/8 {
		return nil
	}
	m := new(big.Int).SetBytes(modulus)
	if m.BitLen() < minRSABits || m.Bit(0) == 0 {
		return nil
	}
	return &rsa.PublicKey{N: m, E: int(e.Int64())}
}

// parseECDSA reads the form of RFC 6605, Section 4: the point without prefix.
func parseECDSA(curve elliptic.Curve, b []byte) any {
	p, err := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, b...))
	if err != nil {
		return nil
	}
	return p
}

// verify checks one signature over data. It is the expensive step that the
// budgets count.
func (k *key) verify(alg uint8, data, sig []byte) bool {
	var digest []byte
	var hash crypto.Hash
	switch alg {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1:
		d := sha1.Sum(data)
		digest, hash = d[:], crypto.SHA1
	case dns.RSASHA256, dns.ECDSAP256SHA256:
		d := sha256.Sum256(data)
		digest, hash = d[:], crypto.SHA256
	case dns.ECDSAP384SHA384:
		d := sha512.Sum384(data)
		digest, hash = d[:], crypto.SHA384
	case dns.RSASHA512:
		d := sha512.Sum512(data)
		digest, hash = d[:], crypto.SHA512
	}
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, hash, digest, sig) == nil
	case *ecdsa.PublicKey:
		// RFC 6605, Section 4: r and s, each as long as the field.
		size := (p.Curve.Params().BitSize + 7) / 8
		if len(sig) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		return ecdsa.Verify(p, digest, r, s)
	case ed25519.PublicKey:
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(p, data, sig)
	}
	return false
}

// dnskeyData returns what a DS record digests: the owner and the RDATA of the
// key (RFC 4034, Section 5.1.4).
func dnskeyData(zone name, k *dns.DNSKEY) ([]byte, bool) {
	public, err := base64.StdEncoding.DecodeString(k.PublicKey)
	if err != nil {
		return nil, false
	}
	b := append([]byte(zone), byte(k.Flags>>8), byte(k.Flags), k.Protocol, k.Algorithm)
	return append(b, public...), true
}

// digestSupported reports whether DS digests of the type are checked.
func digestSupported(t uint8) bool { return t == dns.SHA1 || t == dns.SHA256 || t == dns.SHA384 }

// dsMatches reports whether ds is the digest of k.
func dsMatches(zone name, ds *dns.DS, k *dns.DNSKEY) bool {
	data, ok := dnskeyData(zone, k)
	if !ok {
		return false
	}
	var sum []byte
	switch ds.DigestType {
	case dns.SHA1:
		d := sha1.Sum(data)
		sum = d[:]
	case dns.SHA256:
		d := sha256.Sum256(data)
		sum = d[:]
	case dns.SHA384:
		d := sha512.Sum384(data)
		sum = d[:]
	}
	want, err := hex.DecodeString(ds.Digest)
	return err == nil && sum != nil && bytes.Equal(sum, want)
}
