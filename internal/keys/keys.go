// Package keys holds the signing keys of our domains and picks those for a message.
package keys

import (
	"fmt"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

// Ring has the keys of our domains. It is not changed once it is made; the nil Ring
// has none.
type Ring struct {
	signers map[domain.Name]*dkim.Signer
}

// Parse returns the key of a domain from the text of its file. The error tells which
// key it is about.
func Parse(name domain.Name, selector string, text []byte) (dkim.Key, error) {
	k := dkim.Key{Domain: name, Selector: selector}
	var err error
	if k.Private, err = dkim.ParsePrivateKey(text); err == nil {
		err = k.Check()
	}
	if err != nil {
		return dkim.Key{}, fmt.Errorf("keys: %s: %w", k.KeyName(), err)
	}
	return k, nil
}

// NewRing makes a Ring. Several keys of one domain sign side by side.
func NewRing(all []dkim.Key) *Ring {
	r := &Ring{signers: map[domain.Name]*dkim.Signer{}}
	for _, k := range all {
		s := r.signers[k.Domain]
		if s == nil {
			s = new(dkim.Signer)
			r.signers[k.Domain] = s
		}
		s.Keys = append(s.Keys, k)
	}
	return r
}

// For returns the signer of a domain: its own, or that of the nearest domain above
// it; nil if none of them is ours.
func (r *Ring) For(d domain.Name) *dkim.Signer {
	if r == nil {
		return nil
	}
	for ; d != ""; d = d.Parent() {
		if s := r.signers[d]; s != nil {
			return s
		}
	}
	return nil
}

// ForAuthor returns the signer for a message; nil if its author is not ours, or if
// readers may disagree on who the author is and not all that they may see are of
// the same signer.
func (r *Ring) ForAuthor(a message.Author) *dkim.Signer {
	if a.Problem == message.Unparseable || len(a.Addresses) == 0 || len(a.Addresses) >= message.MaxAuthors { // there may be more
		return nil
	}
	first := r.For(a.Addresses[0].Domain)
	for i := range a.Addresses {
		if r.For(a.Addresses[i].Domain) != first {
			return nil
		}
	}
	return first
}
