package keys

import (
	"crypto/rsa"
	"testing"

	"github.com/waxseal/waxseal/dkim"
)

func TestGenerate(t *testing.T) {
	for _, a := range []dkim.Algorithm{dkim.RSASHA256, dkim.Ed25519SHA256} {
		text, err := Generate(a)
		if err != nil {
			t.Fatal(err)
		}
		k, err := Parse("example.org", "s", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if k.Algorithm() != a {
			t.Errorf("got %s, want %s", k.Algorithm(), a)
		}
		if public, ok := k.Private.Public().(*rsa.PublicKey); ok && public.N.BitLen() != RSABits {
			t.Errorf("%d bits", public.N.BitLen())
		}
		if again, err := Generate(a); err != nil || string(again) == string(text) {
			t.Errorf("the same key again, %v", err)
		}
	}
	if _, err := Generate(dkim.RSASHA1); err == nil {
		t.Error("made a key for rsa-sha1")
	}
}
