package arc

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// Sealer adds ARC sets (RFC 8617, Section 5.1). It is safe for use by many
// goroutines.
type Sealer struct {
	// Key signs both the message and the seal. RFC 8617 has RSA alone: with an
	// Ed25519 key most validators find the chain broken.
	Key dkim.Key

	// AuthServID is the service whose Authentication-Results become the new
	// ARC-Authentication-Results. The message's fields of that name are taken
	// for our own: forged ones must be gone (see authres.Forged).
	AuthServID string

	// Fields are the names for h=, as they are; nil means DefaultFields of the
	// message. ARC fields and Authentication-Results must not be among them.
	Fields []string

	// Time gives t=; nil means time.Now.
	Time func() time.Time
}

// Reason says why a set cannot be added.
type Reason string

// The reasons.
const (
	ChainEnded Reason = "the chain has ended" // RFC 8617, Section 5.1: cv=fail is the last
	ChainFull  Reason = "the chain has the most sets there can be"
	Undecided  Reason = "the chain cannot be validated now"
	BadSealer  Reason = "sealer is not complete"
	BadField   Reason = "field cannot be in h="
)

// Error is returned for a message that cannot be sealed.
type Error struct {
	Reason Reason
	Detail string // for a person; may be empty
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return "arc: " + string(e.Reason)
	}
	return "arc: " + string(e.Reason) + ": " + e.Detail
}

// Sealing is a message being sealed while its body arrives.
type Sealing struct {
	sealer  *Sealer
	names   []string
	results *authres.Field
	header  []byte // the canonical header that the message signature covers
	chain   []byte // the canonical sets that are there
	body    *dkim.Body
	hash    dkim.BodyHash
}

// Begin registers with b the hash of the body and takes from h what will be
// sealed. The body is then to be written to b and b to be closed; h is needed no
// more when Begin returns. The error is an *Error or *dkim.Error: a Sealer that
// is not complete.
func (s *Sealer) Begin(h *message.Header, b *dkim.Body) (*Sealing, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	p := &Sealing{sealer: s, names: s.Fields, body: b, hash: b.Want(dkim.Relaxed, -1)}
	if p.names == nil {
		p.names = DefaultFields(h)
	}
	p.results = merge(s.AuthServID, authres.Find(h, s.AuthServID))
	p.header = dkim.AppendSigned(nil, h, p.names, dkim.Relaxed)
	if c := collect(h); c.reason == "" {
		for _, set := range c.sets {
			for _, f := range [...]*message.Field{set.aar, set.ams.field, set.as.field} {
				p.chain = dkim.AppendField(p.chain, f, dkim.Relaxed)
			}
		}
	}
	return p, nil
}

// Report puts results in place of the Authentication-Results that Begin found in the
// message: for a server that seals in the moment it verifies, before its own field is
// in the message.
func (p *Sealing) Report(results *authres.Field) {
	p.results = merge(p.sealer.AuthServID, []*authres.Field{results})
}

// check reports what makes the Sealer unusable.
func (s *Sealer) check() error {
	if err := s.Key.Check(); err != nil {
		return err
	}
	if s.AuthServID == "" {
		return &Error{BadSealer, "no authserv-id"}
	}
	for _, name := range s.Fields {
		if !validName(name) || ascii.HasPrefixFold(name, "ARC-") || ascii.EqualFold(name, authres.FieldName) {
			return &Error{BadField, strconv.Quote(name)} // RFC 8617, Section 4.1.2
		}
	}
	return nil
}

// validName reports whether name is a field's name that h= can have.
func validName(name string) bool {
	for i := 0; i < len(name); i++ {
		if !ascii.IsPrint(name[i]) || name[i] == ':' || name[i] == ';' {
			return false
		}
	}
	return name != ""
}

// DefaultFields returns the h= names for a message: those of dkim.DefaultFields
// and the signatures of earlier hops (RFC 8617, Section 4.1.2).
func DefaultFields(h *message.Header) []string {
	const most = 20 // keeps h= short for a message with signatures without end
	n := min(h.Count("DKIM-Signature"), most)
	return append(dkim.DefaultFields(h), slices.Repeat([]string{"DKIM-Signature"}, n)...)
}

// merge makes one payload of the results of several fields, each result once.
func merge(id string, found []*authres.Field) *authres.Field {
	out := &authres.Field{AuthServID: id}
	seen := map[string]bool{}
	for _, f := range found {
		for _, r := range f.Results {
			one := authres.Field{AuthServID: id, Results: []authres.Result{r}}
			if text := one.Format(); !seen[text] {
				seen[text] = true
				out.Results = append(out.Results, r)
			}
		}
	}
	return out
}

// Finish returns the three fields of a new set, ARC-Seal first, to be put in
// front of the message. v is the verdict on the chain as it came, by this hop; b
// must have been closed. A chain that does not pass is sealed as failed, and
// that seal covers only its own set (RFC 8617, Section 5.1.2). The error is an
// *Error where nothing may be added, or that of the key.
func (p *Sealing) Finish(v *Validation) ([]byte, error) {
	s := p.sealer
	n := v.Highest() + 1
	switch {
	case v.Temporary:
		// cv=fail would end the chain for ever for want of one lookup.
		return nil, &Error{Undecided, v.Reason}
	case v.Ended():
		return nil, &Error{ChainEnded, fmt.Sprintf("the sealer of set %d found it broken", n-1)}
	case n > MaxSets:
		return nil, &Error{ChainFull, strconv.Itoa(MaxSets)}
	}
	now := time.Now
	if s.Time != nil {
		now = s.Time
	}
	i, t := strconv.Itoa(n), strconv.FormatInt(now().Unix(), 10)
	aar := append(p.results.AppendTo(nil, aarName+": i="+i+";"), "\r\n"...)
	ams, err := p.messageSignature(i, t)
	if err != nil {
		return nil, fmt.Errorf("arc: signing with the key of %s: %w", s.Key.KeyName(), err)
	}
	sealed := p.chain
	if v.Result == Fail {
		sealed = nil
	}
	set, err := message.ParseHeader(slices.Concat(aar, ams))
	if err != nil {
		return nil, err
	}
	sealed = slices.Clip(sealed)
	for k := range set.Fields {
		sealed = dkim.AppendField(sealed, &set.Fields[k], dkim.Relaxed)
	}
	out, err := s.seal(i, t, string(v.Result), sealed)
	if err != nil {
		return nil, fmt.Errorf("arc: sealing with the key of %s: %w", s.Key.KeyName(), err)
	}
	return slices.Concat(out, ams, aar), nil
}

// messageSignature returns the ARC-Message-Signature field.
func (p *Sealing) messageSignature(i, t string) ([]byte, error) {
	k := &p.sealer.Key
	sum, _ := p.body.Sum(p.hash)
	w := dkim.NewTagWriter(nil, amsName)
	w.Tag("i", i)
	w.Tag("a", string(k.Algorithm()))
	w.Tag("c", "relaxed/relaxed")
	w.Tag("d", string(k.Domain))
	w.Tag("s", k.Selector)
	w.Tag("t", t)
	w.List("h", p.names)
	w.Tag("bh", base64.StdEncoding.EncodeToString(sum[:]))
	return w.Sign(k, p.header, dkim.Relaxed)
}

// seal returns the ARC-Seal field over the canonical sets.
func (s *Sealer) seal(i, t, cv string, sets []byte) ([]byte, error) {
	w := dkim.NewTagWriter(nil, asName)
	w.Tag("i", i)
	w.Tag("a", string(s.Key.Algorithm()))
	w.Tag("t", t)
	w.Tag("cv", cv)
	w.Tag("d", string(s.Key.Domain))
	w.Tag("s", s.Key.Selector)
	return w.Sign(&s.Key, sets, dkim.Relaxed)
}

// Seal returns the fields to add to a message whose body is read from r, and the
// verdict of v on the chain as it came. The error is that of Begin, r or Finish;
// with one of Finish there is a verdict.
func (s *Sealer) Seal(ctx context.Context, v *Validator, h *message.Header, r io.Reader) ([]byte, *Validation, error) {
	var b dkim.Body
	sealing, err := s.Begin(h, &b)
	if err != nil {
		return nil, nil, err
	}
	p := v.Begin(ctx, h, &b)
	if err := b.ReadAll(r); err != nil {
		return nil, nil, err
	}
	verdict := p.Wait()
	fields, err := sealing.Finish(verdict)
	return fields, verdict, err
}
