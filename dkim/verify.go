package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// Verifier verifies the signatures of messages. It is safe for use by many
// goroutines.
type Verifier struct {
	Resolver resolver.Resolver // required
	Time     func() time.Time  // for t= and x=; nil means time.Now
	Keys     *KeyCache         // nil means that key records are parsed each time
}

// Verification is the verdict on one signature field and its evidence.
type Verification struct {
	Result    Result          `json:"result"`
	Domain    domain.Name     `json:"domain"` // d=
	Selector  string          `json:"selector"`
	Algorithm Algorithm       `json:"algorithm"`
	KeyBits   int             `json:"key_bits"` // 0 if there was no key
	DNSSEC    resolver.Status `json:"dnssec"`   // of the key lookup
	Reason    string          `json:"reason"`   // one sentence; empty for a pass

	Identity string `json:"identity,omitempty"`  // i=
	HeaderB  string `json:"header_b,omitempty"`  // the first 8 characters of b=, for header.b (RFC 6008)
	Canon    string `json:"canon,omitempty"`     // c=, both parts
	BodyHash string `json:"body_hash,omitempty"` // "match" or "mismatch", once compared
	Testing  bool   `json:"testing,omitempty"`   // the key says t=y; the result is what it is
	Field    int    `json:"-"`                   // index in Header.Fields
}

// Pending is a verification under way: the keys are being looked up while the
// body arrives.
type Pending struct {
	out     []Verification
	checks  []check
	lookups Lookups
	keys    *KeyCache
	body    *Body
}

// check is one signature that is evaluated.
type check struct {
	at     int // index in out
	sig    *Signature
	header [sha256.Size]byte
	body   BodyHash
	key    int
}

// Begin reads the signatures of h, starts to look their keys up and registers
// with b the hashes that they need. The body is then to be written to b and b to
// be closed; h is needed no more when Begin returns.
func (v *Verifier) Begin(ctx context.Context, h *message.Header, b *Body) *Pending {
	p := &Pending{keys: v.Keys, body: b, out: make([]Verification, 0, h.Count("DKIM-Signature"))} // in JSON never null
	now := v.now().Unix()
	var ready []check
	var authors []domain.Name
	for i := range h.Fields {
		if !h.Fields[i].Is("DKIM-Signature") {
			continue
		}
		sig, err := ParseSignature(DKIMSignature, h.Fields[i].Value())
		out := NewVerification(sig, err, i)
		if out.Result == "" {
			out.Result, out.Reason = sig.Untimely(now)
		}
		if out.Result == "" {
			ready = append(ready, check{at: len(p.out), sig: sig})
			out.Result, out.Reason = Neutral, overLimit
			if len(ready) == thinAt {
				if authors == nil {
					authors = append([]domain.Name{}, fromDomains(h)...) // not nil: it is looked for once
				}
				ready = thin(ready, authors, MaxSignatures)
			}
		}
		p.out = append(p.out, out)
	}
	p.checks = choose(ready, h, MaxSignatures)
	for i := range p.checks {
		c := &p.checks[i]
		c.key = p.lookups.Add(ctx, v.Resolver, c.sig.KeyName)
		c.body = b.Want(c.sig.Body, c.sig.Length)
		p.out[c.at].Reason = ""
	}
	if len(p.checks) == 0 {
		return p
	}
	x := NewHeaderIndex(h)
	defer x.Release()
	for i := range p.checks {
		c := &p.checks[i]
		c.header = x.Hash(c.sig, &h.Fields[p.out[c.at].Field])
	}
	return p
}

func (v *Verifier) now() time.Time {
	if v.Time == nil {
		return time.Now()
	}
	return v.Time()
}

const overLimit = "not evaluated: the message has too many signatures"

const sha1Reason = "rsa-sha1 is not acceptable (RFC 8301)"

// NewVerification begins the verdict on field number field with what
// ParseSignature returned. It has a Result if there was an error.
func NewVerification(s *Signature, err error, field int) Verification {
	v := Verification{
		Domain:    s.Domain,
		Selector:  s.Selector,
		Algorithm: s.Algorithm,
		Identity:  string(s.Identity),
		HeaderB:   s.Prefix,
		Canon:     canonNames[s.Header][s.Body],
		Field:     field,
	}
	switch {
	case s.Algorithm == RSASHA1:
		v.Result, v.Reason = Policy, sha1Reason // RFC 8301, Section 3.1
	case err != nil:
		v.Result, v.Reason = PermError, textOf(err)
	}
	return v
}

var canonNames = [2][2]string{
	Relaxed: {Relaxed: "relaxed/relaxed", Simple: "relaxed/simple"},
	Simple:  {Relaxed: "simple/relaxed", Simple: "simple/simple"},
}

// Untimely returns the result for a signature that is not evaluated because of
// its times, and "" for the others. now is in seconds of Unix time.
func (s *Signature) Untimely(now int64) (Result, string) {
	switch {
	case s.Expires >= 0 && s.Expires < now:
		return Fail, "signature expired at " + stamp(s.Expires) // RFC 6376, Section 6.1.1
	case s.Time > now+int64(ClockSkew/time.Second):
		return Neutral, "signature is from the future: " + stamp(s.Time)
	}
	return "", ""
}

// stamp formats seconds of Unix time, which a stranger chose.
func stamp(unix int64) string {
	const year9999 = 253402300799
	if unix > year9999 {
		return fmt.Sprintf("t=%d", unix)
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}

// Wait returns one verdict for each DKIM-Signature field, in the order of the
// message. It is to be called once the body was closed; it waits for the keys.
func (p *Pending) Wait() []Verification {
	p.lookups.Wait()
	for i := range p.checks {
		c := &p.checks[i]
		out := &p.out[c.at]
		key := p.lookups.Key(c.key, p.keys, c.sig.Algorithm)
		out.DNSSEC = key.Status
		if key.Record != nil {
			out.KeyBits, out.Testing = key.Record.Bits, key.Record.Testing
		}
		bodyResult, bodyReason := c.sig.CheckBody(p.body, c.body)
		out.BodyHash = "match"
		if bodyResult == Fail {
			out.BodyHash = "mismatch"
		}
		switch {
		case key.Result != Pass:
			out.Result, out.Reason = key.Result, key.Reason
		case key.Record.Strict && !c.sig.exactIdentity():
			out.Result, out.Reason = PermError, "key says t=s and i= is in a subdomain" // RFC 6376, Section 3.6.1
		case bodyResult == Fail:
			out.Result, out.Reason = Fail, bodyReason
		case !key.Record.Verify(c.header, c.sig.Value):
			out.Result, out.Reason = Fail, "signature does not verify: the signed header was changed, or the key is another"
		default:
			out.Result, out.Reason = bodyResult, bodyReason
		}
	}
	p.checks = nil
	return p.out
}

// exactIdentity reports whether i= is absent or in the very domain of d=.
func (s *Signature) exactIdentity() bool {
	if s.Identity == nil {
		return true
	}
	d, ok := s.identityDomain()
	return ok && d == s.Domain
}

// CheckBody compares the body hash of the signature with that of the body: Pass,
// Fail, or Policy where it matches and l= leaves something unsigned.
func (s *Signature) CheckBody(b *Body, h BodyHash) (Result, string) {
	sum, total := b.Sum(h)
	switch {
	case s.Length > total:
		return Fail, fmt.Sprintf("the body was cut: l=%d, and it has %d bytes", s.Length, total)
	case sum != s.BodyHash:
		return Fail, "body hash does not match: the body was changed"
	case s.Length >= 0 && s.Length < total:
		return Policy, fmt.Sprintf("l= leaves %d of %d body bytes unsigned", total-s.Length, total)
	}
	return Pass, ""
}

// Verify reports whether the signature over a header hash is that of the key.
func (r *Record) Verify(header [sha256.Size]byte, signature []byte) bool {
	switch key := r.Public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, header[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, header[:], signature) // RFC 8463, Section 3
	}
	return false
}

// Verify verifies the signatures of a message whose body is read from r. The
// error is that of r; there are then no verdicts.
func (v *Verifier) Verify(ctx context.Context, h *message.Header, r io.Reader) ([]Verification, error) {
	var b Body
	p := v.Begin(ctx, h, &b)
	if err := b.ReadAll(r); err != nil {
		return nil, err
	}
	return p.Wait(), nil
}
