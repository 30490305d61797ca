package lab

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"strings"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"golang.org/x/sync/errgroup"
)

// keys are the DKIM and ARC keys of the story.
type keys struct {
	bankRSA, list                    *rsa.PrivateKey
	bankEd, shopEd, forumEd, crookEd ed25519.PrivateKey
	weak                             *weakKey
}

func newKeys() (*keys, error) {
	k := new(keys)
	var g errgroup.Group
	for _, to := range []**rsa.PrivateKey{&k.bankRSA, &k.list} {
		g.Go(func() (err error) {
			*to, err = rsa.GenerateKey(rand.Reader, 2048)
			return err
		})
	}
	g.Go(func() (err error) {
		k.weak, err = newWeakKey()
		return err
	})
	for _, to := range []*ed25519.PrivateKey{&k.bankEd, &k.shopEd, &k.forumEd, &k.crookEd} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, errors.Join(err, g.Wait())
		}
		*to = key
	}
	return k, g.Wait()
}

// record is the key record of a key as text of a zone.
func (k *keys) record(s crypto.Signer) string {
	text := ""
	switch public := s.Public().(type) {
	case *rsa.PublicKey:
		// A key of 512 bits is no key that FormatRecord would publish.
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			panic(err) // an RSA key always has this form
		}
		text = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
	case ed25519.PublicKey:
		text = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	}
	var strs []string
	for len(text) > 0 {
		n := min(len(text), 255)
		strs = append(strs, `"`+text[:n]+`"`)
		text = text[n:]
	}
	return strings.Join(strs, " ")
}

// key gives a private key its name.
func key(of, selector string, private crypto.Signer) dkim.Key {
	return dkim.Key{Domain: domain.Name(of), Selector: selector, Private: private}
}

// BankKeys are the keys that the bank signs with.
func (w *World) BankKeys() []dkim.Key {
	return []dkim.Key{key(w.Bank, "rsa", w.keys.bankRSA), key(w.Bank, "ed", w.keys.bankEd)}
}

// ShopKey is the key that the ESP holds for the shop.
func (w *World) ShopKey() dkim.Key { return key(Shop, "esp", w.keys.shopEd) }

// CrookKey is the attacker's own key, under the name that he likes.
func (w *World) CrookKey(of, selector string) dkim.Key { return key(of, selector, w.keys.crookEd) }

// WeakKey is a key of 512 bits that the bank once published: the attacker has
// found its factors.
func (w *World) WeakKey() dkim.Key { return key(w.Bank, "weak", w.keys.weak) }

// StolenKey is a key that was stolen from the bank, which then revoked it.
func (w *World) StolenKey() dkim.Key { return key(w.Bank, "gone", w.keys.bankEd) }

// ListKey and ForumKey seal for the lists.
func (w *World) ListKey() dkim.Key { return key(List, "arc", w.keys.list) }

// ForumKey is the key of the list whose seals are not believed.
func (w *World) ForumKey() dkim.Key { return key(Forum, "arc", w.keys.forumEd) }

// weakBits is the size of key that students factored from 2012 on.
const weakBits = 512

// weakKey signs with a key that crypto/rsa rightly refuses to use.
type weakKey struct {
	n, d *big.Int
}

func newWeakKey() (*weakKey, error) {
	e := big.NewInt(65537)
	for {
		p, err := rand.Prime(rand.Reader, weakBits/2)
		if err != nil {
			return nil, err
		}
		q, err := rand.Prime(rand.Reader, weakBits/2)
		if err != nil {
			return nil, err
		}
		one := big.NewInt(1)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		n, d := new(big.Int).Mul(p, q), new(big.Int).ModInverse(e, phi)
		if d != nil && n.BitLen() == weakBits {
			return &weakKey{n, d}, nil
		}
	}
}

func (k *weakKey) Public() crypto.PublicKey { return &rsa.PublicKey{N: k.n, E: 65537} }

// sha256Info is the DigestInfo of SHA-256 (RFC 8017, Section 9.2, note 1).
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// Sign is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, Section 8.2.1).
func (k *weakKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	const size = weakBits / 8
	padded := append([]byte{0, 1}, strings.Repeat("\xff", size-3-len(sha256Info)-len(digest))...)
	padded = append(append(append(padded, 0), sha256Info...), digest...)
	return new(big.Int).Exp(new(big.Int).SetBytes(padded), k.d, k.n).FillBytes(make([]byte, size)), nil
}

// CrookRecord is the key record of the attacker's key, as text of a zone.
func (w *World) CrookRecord() string { return w.keys.record(w.keys.crookEd) }
