package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
)

// floor is the cryptography that nobody can leave out: one hash of the body and
// one operation per signature.
type floor struct {
	body []byte
	ops  []func() error
}

func (f *floor) run() error {
	sha256.Sum256(f.body)
	for _, op := range f.ops {
		if err := op(); err != nil {
			return err
		}
	}
	return nil
}

// verifying adds the verification of n signatures of k.
func (f *floor) verifying(k key, n int) error {
	digest := sha256.Sum256([]byte(k.selector))
	for range n {
		switch p := k.private.(type) {
		case *rsa.PrivateKey:
			sig, err := rsa.SignPKCS1v15(rand.Reader, p, crypto.SHA256, digest[:])
			if err != nil {
				return err
			}
			f.ops = append(f.ops, func() error {
				return rsa.VerifyPKCS1v15(&p.PublicKey, crypto.SHA256, digest[:], sig)
			})
		case ed25519.PrivateKey:
			sig, pub := ed25519.Sign(p, digest[:]), p.Public().(ed25519.PublicKey)
			f.ops = append(f.ops, func() error {
				if !ed25519.Verify(pub, digest[:], sig) {
					return fmt.Errorf("floor: signature does not verify")
				}
				return nil
			})
		}
	}
	return nil
}

// signing adds one signature with k.
func (f *floor) signing(k key) {
	digest := sha256.Sum256([]byte(k.selector))
	f.ops = append(f.ops, func() error {
		h := crypto.Hash(crypto.SHA256)
		if _, ok := k.private.(ed25519.PrivateKey); ok {
			h = 0
		}
		_, err := k.private.Sign(rand.Reader, digest[:], h)
		return err
	})
}
