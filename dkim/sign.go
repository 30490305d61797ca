package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// Key is a private key and the name under which its record is published.
type Key struct {
	Domain   domain.Name   // d=
	Selector string        // s=
	Private  crypto.Signer // RSA or Ed25519; see ParsePrivateKey
}

// Signer signs messages. It is safe for use by many goroutines.
type Signer struct {
	// Keys are all used, in one pass. Every receiver can verify RSA and not all
	// can Ed25519, so an Ed25519 key should come beside an RSA key.
	Keys []Key

	// Header and Body are the canonicalizations of c=; the zero value is relaxed.
	Header, Body Canonicalization

	// Fields are the names for h=, as they are; nil means DefaultFields of the
	// message. From must be among them.
	Fields []string

	// Identity is i=; empty for none.
	Identity string

	// Lifetime is how long the signatures are valid (x=); 0 means for ever.
	Lifetime time.Duration

	// Time gives t=; nil means time.Now.
	Time func() time.Time
}

// Signing is a message being signed while its body arrives.
type Signing struct {
	signer *Signer
	names  []string
	header []byte // the canonical signed header
	body   *Body
	hash   BodyHash
}

// Begin registers with b the hash of the body and takes from h what will be
// signed. The body is then to be written to b and b to be closed; h is needed no
// more when Begin returns. The error is a *Error: a key that cannot sign, or a
// message without From.
func (s *Signer) Begin(h *message.Header, b *Body) (*Signing, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if h.Count("From") == 0 {
		return nil, &Error{Reason: NoFrom} // RFC 6376, Section 5.4
	}
	names := s.Fields
	if names == nil {
		names = DefaultFields(h)
	}
	p := &Signing{signer: s, names: names, body: b, hash: b.Want(s.Body, -1)}
	p.header = AppendSigned(nil, h, names, s.Header)
	return p, nil
}

// AppendSigned appends the canonical form of the fields that h= with these names
// covers (RFC 6376, Section 5.4.2).
func AppendSigned(dst []byte, h *message.Header, names []string, c Canonicalization) []byte {
	x := NewHeaderIndex(h)
	defer x.Release()
	x.begin()
	for _, name := range names {
		if f := x.take([]byte(name), nil); f != nil {
			dst = AppendField(dst, f, c)
		}
	}
	return dst
}

// check reports what makes the Signer unusable.
func (s *Signer) check() error {
	if len(s.Keys) == 0 {
		return &Error{Reason: BadSigner, Detail: "no key"}
	}
	for i := range s.Keys {
		if err := s.Keys[i].Check(); err != nil {
			return err
		}
		sig := Signature{Domain: s.Keys[i].Domain, Identity: []byte(s.Identity)}
		if d, ok := sig.identityDomain(); s.Identity != "" && (!ok || !d.IsSubdomainOf(sig.Domain)) {
			return &Error{Reason: IdentityOutside, Detail: fmt.Sprintf("%q with d=%s", s.Identity, sig.Domain)}
		}
		if !fits(s.Identity) {
			return &Error{Reason: BadSigner, Tag: "i", Detail: "white space, control character or semicolon"}
		}
	}
	from := false
	for _, name := range s.Fields {
		if from = from || ascii.EqualFold(name, "From"); !fits(name) || name == "" {
			return &Error{Reason: BadSigner, Tag: "h", Detail: fmt.Sprintf("%q is not a field name", name)}
		}
	}
	if s.Fields != nil && !from {
		return &Error{Reason: FromNotSigned}
	}
	return nil
}

// fits reports whether s can stand in a tag as it is.
func fits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == ';' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// Check reports whether the key can sign: it is Ed25519, or RSA of a size that
// can pass, and has its names. The error is a *Error.
func (k *Key) Check() error {
	if d, err := domain.Parse(string(k.Domain)); err != nil || d != k.Domain {
		return &Error{Reason: BadSigner, Tag: "d", Detail: fmt.Sprintf("%q is not a domain name in A-labels", k.Domain)}
	}
	if s, err := domain.Parse(k.Selector); err != nil || string(s) != ascii.ToLower(k.Selector) {
		return &Error{Reason: BadSigner, Tag: "s", Detail: fmt.Sprintf("%q is not a selector", k.Selector)}
	}
	if k.Private == nil {
		return &Error{Reason: BadSigner, Detail: "no private key"}
	}
	switch public := k.Private.Public().(type) {
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		// RFC 8301, Section 3.2.
		if n := public.N.BitLen(); n < MinRSABits || n > MaxRSABits {
			return &Error{Reason: WeakKey, Detail: fmt.Sprintf("%d bits: between %d and %d can be used", n, MinRSABits, MaxRSABits)}
		}
	default:
		return &Error{Reason: BadPrivateKey, Detail: fmt.Sprintf("%T is neither RSA nor Ed25519", public)}
	}
	return nil
}

// Algorithm returns the algorithm that goes with the key.
func (k *Key) Algorithm() Algorithm {
	if _, ok := k.Private.Public().(ed25519.PublicKey); ok {
		return Ed25519SHA256
	}
	return RSASHA256
}

// KeyName returns the name at which the key's record is looked up.
func (k *Key) KeyName() string { return ascii.ToLower(k.Selector) + separator + string(k.Domain) }

// Sum signs the hash of a canonical header.
func (k *Key) Sum(header [sha256.Size]byte) ([]byte, error) {
	opts := crypto.Hash(crypto.SHA256)
	if k.Algorithm() == Ed25519SHA256 {
		opts = 0 // RFC 8463, Section 3: the hash is the message
	}
	return k.Private.Sign(rand.Reader, header[:], opts)
}

// Finish returns the DKIM-Signature fields, one for each key, to be put in front
// of the message: those with RSA keys first. It is to be called once the body
// was closed. The error is that of a key which failed to sign.
func (p *Signing) Finish() ([]byte, error) {
	s := p.signer
	sum, _ := p.body.Sum(p.hash)
	now := time.Now
	if s.Time != nil {
		now = s.Time
	}
	t := now()
	var out []byte
	for _, a := range [...]Algorithm{RSASHA256, Ed25519SHA256} {
		for i := range s.Keys {
			if k := &s.Keys[i]; k.Algorithm() == a {
				var err error
				if out, err = p.append(out, k, sum, t); err != nil {
					return nil, fmt.Errorf("dkim: signing with the key of %s: %w", k.KeyName(), err)
				}
			}
		}
	}
	return out, nil
}

// append appends one signature field.
func (p *Signing) append(out []byte, k *Key, body [sha256.Size]byte, t time.Time) ([]byte, error) {
	s := p.signer
	w := NewTagWriter(out, "DKIM-Signature")
	w.Tag("v", "1")
	w.Tag("a", string(k.Algorithm()))
	w.Tag("c", canonNames[s.Header][s.Body])
	w.Tag("d", string(k.Domain))
	w.Tag("s", k.Selector)
	if s.Identity != "" {
		w.Tag("i", s.Identity)
	}
	w.Tag("t", strconv.FormatInt(t.Unix(), 10))
	if s.Lifetime > 0 {
		w.Tag("x", strconv.FormatInt(t.Add(s.Lifetime).Unix(), 10))
	}
	w.List("h", p.names)
	w.Tag("bh", base64.StdEncoding.EncodeToString(body[:]))
	return w.Sign(k, p.header, s.Header)
}

// Sign returns the signature fields for a message whose body is read from r.
func (s *Signer) Sign(h *message.Header, r io.Reader) ([]byte, error) {
	var b Body
	p, err := s.Begin(h, &b)
	if err != nil {
		return nil, err
	}
	if err := b.ReadAll(r); err != nil {
		return nil, err
	}
	return p.Finish()
}

// oversigned are the fields that are signed once more often than they occur, so
// that none can be added: readers show them, or they decide how the body is
// read.
var oversigned = []string{
	"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date",
	"In-Reply-To", "References",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition",
}

// signedIfPresent are signed as often as they occur. An absent Message-ID stays
// free: many a provider adds it behind the signer.
var signedIfPresent = []string{
	"Message-ID", "Content-ID", "Content-Description",
	"Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Date", "Resent-Message-ID",
	"List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe",
	"List-Post", "List-Owner", "List-Archive", "Feedback-ID", "Autocrypt", "TLS-Required",
}

// DefaultFields returns the h= names for a message (RFC 6376, Section 5.4.1).
// Trace fields, Return-Path and results of earlier checks are never among them:
// those change on the way.
func DefaultFields(h *message.Header) []string {
	names := make([]string, 0, 32)
	for _, name := range oversigned {
		names = append(names, slices.Repeat([]string{name}, min(h.Count(name), maxRepeats)+1)...)
	}
	for _, name := range signedIfPresent {
		names = append(names, slices.Repeat([]string{name}, min(h.Count(name), maxRepeats))...)
	}
	return names
}

// maxRepeats keeps h= short for a message that repeats a field without end.
const maxRepeats = 20
