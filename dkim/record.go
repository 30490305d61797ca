package dkim

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/internal/taglist"
)

// Record is a parsed key record (RFC 6376, Section 3.6.1). It is immutable.
type Record struct {
	KeyType string           // k=: "rsa" or "ed25519"
	Public  crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
	Bits    int              // size of the key
	Testing bool             // t=y: the domain is testing DKIM
	Strict  bool             // t=s: i= must have the very domain of d=
}

// ParseRecord parses the text of a key record, its strings joined. The error is
// a *Error. Records for other hashes than SHA-256 and for other services than
// mail are errors too: no signature that we evaluate can use them. A key of the
// wrong size is returned beside its error.
func ParseRecord(txt string) (*Record, error) {
	if len(txt) > MaxRecordBytes {
		return nil, &Error{Reason: RecordTooLong, Detail: fmt.Sprintf("over %d bytes", MaxRecordBytes)}
	}
	list, err := taglist.Parse(nil, []byte(txt))
	if err != nil {
		return nil, &Error{Reason: NotAKey, Detail: err.Error()}
	}
	if v, ok := list.Lookup("v"); ok && (string(v) != "DKIM1" || string(list[0].Name) != "v") {
		return nil, &Error{Reason: NotAKey, Tag: "v", Detail: "not DKIM1 at the beginning"}
	}
	p, ok := list.Lookup("p")
	if !ok {
		return nil, &Error{Reason: NotAKey, Tag: "p", Detail: "missing"}
	}
	r := &Record{
		KeyType: string(cmp.Or(string(list.Value("k")), "rsa")),
		Testing: hasWord(list.Value("t"), "y"),
		Strict:  hasWord(list.Value("t"), "s"),
	}
	if h, ok := list.Lookup("h"); ok && !hasWord(h, "sha256") {
		return nil, &Error{Reason: KeyMismatch, Tag: "h", Detail: "no hash that may be used in " + quote(h)}
	}
	if s, ok := list.Lookup("s"); ok && !hasWord(s, "*") && !hasWord(s, "email") {
		return nil, &Error{Reason: KeyMismatch, Tag: "s", Detail: "not for mail: " + quote(s)}
	}
	if len(p) == 0 {
		return nil, &Error{Reason: Revoked, Tag: "p", Detail: "empty"}
	}
	der, err := base64.StdEncoding.DecodeString(string(ascii.AppendWithoutFWS(nil, p)))
	if err != nil {
		return nil, &Error{Reason: BadKey, Tag: "p", Detail: "not base64"}
	}
	return r, r.readKey(der)
}

// hasWord reports whether a colon-separated list has the word; unknown words are
// ignored (RFC 6376, Section 3.6.1).
func hasWord(list []byte, word string) bool {
	for w := range splitNames(list) {
		if string(w) == word {
			return true
		}
	}
	return false
}

// readKey reads the key that p= has.
func (r *Record) readKey(der []byte) error {
	switch r.KeyType {
	case "rsa":
		return r.readRSA(der)
	case "ed25519":
		// RFC 8463, Section 4.2: the bare key.
		if len(der) != ed25519.PublicKeySize {
			return &Error{Reason: BadKey, Tag: "p", Detail: fmt.Sprintf("an Ed25519 key has 32 bytes, not %d", len(der))}
		}
		r.Public, r.Bits = ed25519.PublicKey(der), 256
		return nil
	}
	return &Error{Reason: BadKey, Tag: "k", Detail: "unknown key type " + quote([]byte(r.KeyType))}
}

// readRSA reads a SubjectPublicKeyInfo, which everybody publishes, or the
// RSAPublicKey of RFC 6376, Section 3.6.1 (erratum 3017).
func (r *Record) readRSA(der []byte) error {
	var key *rsa.PublicKey
	if any, err := x509.ParsePKIXPublicKey(der); err == nil {
		var ok bool
		if key, ok = any.(*rsa.PublicKey); !ok {
			return &Error{Reason: BadKey, Tag: "p", Detail: "not an RSA key"}
		}
	} else if key, err = x509.ParsePKCS1PublicKey(der); err != nil {
		return &Error{Reason: BadKey, Tag: "p", Detail: "not an RSA public key"}
	}
	r.Bits = key.N.BitLen()
	switch {
	case r.Bits < MinRSABits:
		return &Error{Reason: WeakKey, Detail: fmt.Sprintf("%d bits, at least %d needed", r.Bits, MinRSABits)}
	case r.Bits > MaxRSABits:
		return &Error{Reason: HugeKey, Detail: fmt.Sprintf("%d bits, at most %d evaluated", r.Bits, MaxRSABits)}
	case key.E < 3 || key.E%2 == 0 || key.N.Bit(0) == 0:
		return &Error{Reason: BadKey, Tag: "p", Detail: "modulus or exponent is even or too small"}
	}
	r.Public = key
	return nil
}

// FormatRecord returns the text of the key record to publish for a public key,
// which must be RSA or Ed25519.
func FormatRecord(public crypto.PublicKey) (string, error) {
	var b bytes.Buffer
	switch key := public.(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return "", &Error{Reason: BadKey, Detail: err.Error()}
		}
		b.WriteString("v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der))
	case ed25519.PublicKey:
		b.WriteString("v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key))
	default:
		return "", &Error{Reason: BadKey, Detail: fmt.Sprintf("%T is neither RSA nor Ed25519", public)}
	}
	return b.String(), nil
}
