package dkim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/resolver"
)

// testKeys are an RSA and an Ed25519 key of example.com with their records.
var testKeys = sync.OnceValues(func() ([]Key, string) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	keys := []Key{
		{Domain: "example.com", Selector: "ed", Private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))},
		{Domain: "example.com", Selector: "rsa", Private: private},
	}
	return keys, records(keys...)
})

// records returns zone text for the keys.
func records(keys ...Key) string {
	var b strings.Builder
	for i := range keys {
		txt, err := FormatRecord(keys[i].Private.Public())
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s. TXT", keys[i].KeyName())
		for ; len(txt) > 200; txt = txt[200:] {
			fmt.Fprintf(&b, " %q", txt[:200])
		}
		fmt.Fprintf(&b, " %q\n", txt)
	}
	return b.String()
}

func at(unix int64) func() time.Time {
	return func() time.Time { return time.Unix(unix, 0) }
}

func sign(tb testing.TB, s *Signer, msg string) string {
	tb.Helper()
	h, body := split(tb, msg)
	fields, err := s.Sign(h, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	return string(fields) + msg
}

func TestSignVerify(t *testing.T) {
	keys, zoneText := testKeys()
	v := &Verifier{Resolver: newZone(t, zoneText), Time: at(1e9)}
	head := crlf(rfcMessage[:strings.Index(rfcMessage, "\n\n")+1])
	for name, body := range map[string]string{
		"empty": "", "blank": "\r\n\r\n", "no_final_crlf": "a", "trailing": "a \t\r\n \r\n\r\n",
		"8bit": "gr\u00fc\u00df \u00a0 dich\r\n", "large": strings.Repeat("x  y\tz \r\n", 20000), "bare": "a\nb\rc\x00\f \r\n",
	} {
		for _, c := range [][2]Canonicalization{{Relaxed, Relaxed}, {Relaxed, Simple}, {Simple, Relaxed}, {Simple, Simple}} {
			t.Run(fmt.Sprintf("%s/%s-%s", name, c[0], c[1]), func(t *testing.T) {
				s := &Signer{Keys: keys, Header: c[0], Body: c[1], Time: at(1e9), Lifetime: time.Hour, Identity: "@sub.example.com"}
				got := verify(t, v, sign(t, s, head+"\r\n"+body))
				for i := range got {
					got[i].HeaderB = ""
				}
				one := Verification{
					Result: Pass, Domain: "example.com", Selector: "rsa", Algorithm: RSASHA256, KeyBits: 2048,
					DNSSEC: resolver.Insecure, Identity: "@sub.example.com", Canon: canonNames[c[0]][c[1]], BodyHash: "match",
				}
				two := one
				two.Selector, two.Algorithm, two.KeyBits, two.Field = "ed", Ed25519SHA256, 256, 1
				if d := cmp.Diff([]Verification{one, two}, got); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestSignField(t *testing.T) {
	keys, _ := testKeys()
	msg := crlf("Received: x\nReturn-Path: <a@b>\n" + rfcMessage)
	got := sign(t, &Signer{Keys: keys[:1], Time: at(1e9)}, msg)
	got, _, _ = strings.Cut(got, "\r\n b=")
	want := "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com; s=ed;\r\n" +
		" t=1000000000; h=From:From:Sender:Reply-To:To:To:Cc:Subject:Subject:Date:Date:\r\n" +
		" In-Reply-To:References:MIME-Version:Content-Type:Content-Transfer-Encoding:\r\n" +
		" Content-Disposition:Message-ID;\r\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSignFolds(t *testing.T) {
	keys, _ := testKeys()
	long := []string{strings.Repeat("X-Long", 12), "From", strings.Repeat("y", 60), strings.Repeat("z", 90)}
	got := sign(t, &Signer{Keys: keys, Fields: long}, crlf(rfcMessage))
	for _, line := range strings.Split(got, "\r\n") {
		if len(line) > maxColumns && !strings.Contains(line, "zzzz") {
			t.Errorf("line of %d columns: %s", len(line), line)
		}
	}
}

// A field that the signature says is absent cannot be added, one that it leaves
// free can.
func TestOversign(t *testing.T) {
	keys, zoneText := testKeys()
	v := &Verifier{Resolver: newZone(t, zoneText)}
	signed := sign(t, &Signer{Keys: keys[1:]}, crlf("From: a@example.com\nSubject: s\n\nbody\n"))
	for field, want := range map[string]Result{
		"From: b@example.org": Fail, "Subject: t": Fail, "Cc: c@example.net": Fail, "Content-Type: text/html": Fail,
		"References: <x@y>": Fail, "Message-ID: <m@x>": Pass, "Received: by x": Pass, "List-Id: <l.x>": Pass,
		"From : b@example.org": Fail, "fRoM: b@example.org": Fail,
	} {
		if got := verify(t, v, field+"\r\n"+signed); len(got) != 1 || got[0].Result != want {
			t.Errorf("%s in front: got %+v, want %s", field, got, want)
		}
	}
}

func TestSignErrors(t *testing.T) {
	keys, _ := testKeys()
	ok := keys[0]
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	weak := parsePEM(t, weakRSA)
	with := func(f func(k *Key)) []Key {
		k := ok
		f(&k)
		return []Key{k}
	}
	for _, tt := range []struct {
		name string
		s    Signer
		msg  string
		want string
	}{
		{"no_key", Signer{}, "", "dkim: signer is not complete: no key"},
		{"nil_key", Signer{Keys: with(func(k *Key) { k.Private = nil })}, "", "dkim: signer is not complete: no private key"},
		{"weak", Signer{Keys: with(func(k *Key) { k.Private = weak })}, "", "dkim: RSA key is too short: 512 bits: between 1024 and 8192 can be used"},
		{"ec", Signer{Keys: with(func(k *Key) { k.Private = ec })}, "", "dkim: not a private key that DKIM can use: *ecdsa.PublicKey is neither RSA nor Ed25519"},
		{"domain", Signer{Keys: with(func(k *Key) { k.Domain = "a b" })}, "", `dkim: signer is not complete: d=: "a b" is not a domain name in A-labels`},
		{"selector", Signer{Keys: with(func(k *Key) { k.Selector = "a;b" })}, "", `dkim: signer is not complete: s=: "a;b" is not a selector`},
		{"identity", Signer{Keys: keys, Identity: "@example.org"}, "", `dkim: i= is not in the domain of d=: "@example.org" with d=example.com`},
		{"injection", Signer{Keys: keys, Identity: "a\r\nb@example.com"}, "", "dkim: signer is not complete: i=: white space, control character or semicolon"},
		{"no_from_in_h", Signer{Keys: keys, Fields: []string{"To"}}, "", "dkim: From is not signed"},
		{"bad_name", Signer{Keys: keys, Fields: []string{"From", "a:b c"}}, "", `dkim: signer is not complete: h=: "a:b c" is not a field name`},
		{"no_from", Signer{Keys: keys}, "To: x\r\n\r\n", "dkim: message has no From field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.msg == "" {
				tt.msg = crlf(rfcMessage)
			}
			h, body := split(t, tt.msg)
			_, err := tt.s.Sign(h, strings.NewReader(body))
			var e *Error
			if !errors.As(err, &e) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// weakRSA is a 512-bit key.
const weakRSA = `-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBANWSAvrAZK0FetSpREudRhCBsbriITkG9e1EreovcoEYuHwHnewJ
z/SrM3acZC0+Xh8sFgzNI9XYvrLnbRH8RA0CAwEAAQJAQ6sg0Ix3Ga87zPfY0NCD
K6W8R4dwmV4QO95f8GyaLjavx2imtadoNMGiGCdcYe6OdO+jaodCom3j4Kf9SdHh
gQIhAOvjDHJwTYFCA818KvNw0PgP1niBI7vbEPXYHFLJSTWhAiEA58fWEncWGN6x
bFenH8WGxzOwmE3NN+C8fOrFzVg03u0CIQC3Rb46/+RIBGl98vZQFJxXz75b/EIu
R8OCr3k6HSgjYQIgLJNmPE7i1Q2fGbMR1S5r6Uurnt73pNN37J5KRF++a1ECIHkx
32nj5u2mLpyzUjusikhmLWXDB/h5m3QRdFkHQArT
-----END RSA PRIVATE KEY-----
`

func parsePEM(tb testing.TB, text string) crypto.Signer {
	tb.Helper()
	key, err := ParsePrivateKey([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestParsePrivateKey(t *testing.T) {
	keys, _ := testKeys()
	seed := bytes.Repeat([]byte{7}, 32)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return block("PRIVATE KEY", der)
	}
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey := keys[1].Private.(*rsa.PrivateKey)
	for _, tt := range []struct {
		name, in string
		want     crypto.Signer
		err      string
	}{
		{"pkcs1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rsaKey, ""},
		{"pkcs8_rsa", "a comment\n" + pkcs8(rsaKey), rsaKey, ""},
		{"pkcs8_ed25519", pkcs8(keys[0].Private), keys[0].Private, ""},
		{"seed", string(seed), keys[0].Private, ""},
		{"seed_base64", base64.StdEncoding.EncodeToString(seed) + "\n", keys[0].Private, ""},
		{"empty", " \n", nil, "there is nothing in it"},
		{"short", "AAAA", nil, "an Ed25519 seed has 32 bytes, this base64 has 3; DER needs the PEM form"},
		{"text", "hello world", nil, "neither PEM nor the base64 of an Ed25519 seed"},
		{"broken_pem", "-----BEGIN PRIVATE KEY-----\nabc", nil, "the PEM block is broken"},
		{"broken_der", block("PRIVATE KEY", []byte("abc")), nil, "the key cannot be read: "},
		{"ec", pkcs8(ec), nil, "*ecdsa.PrivateKey; DKIM has RSA and Ed25519"},
		{"ec_sec1", block("EC PARAMETERS", []byte("x")) + block("EC PRIVATE KEY", []byte("x")), nil, "an elliptic curve key; DKIM has RSA and Ed25519"},
		{"public", block("PUBLIC KEY", []byte("x")), nil, "a public key; the private one is needed"},
		{"certificate", block("CERTIFICATE", []byte("x")), nil, "a certificate; the private key is needed"},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", []byte("x")), nil, "the key is encrypted; decrypt it first, for example with openssl pkey"},
		{"openssh", block("OPENSSH PRIVATE KEY", []byte("x")), nil, "an OpenSSH key; make one with openssl genpkey"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParsePrivateKey([]byte(tt.in))
			if tt.err != "" {
				want := "dkim: not a private key that DKIM can use: " + tt.err
				if err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
				return
			}
			if k, ok := got.(interface{ Equal(crypto.PrivateKey) bool }); err != nil || !ok || !k.Equal(tt.want) {
				t.Errorf("got %v and %v, not the key", got, err)
			}
		})
	}
}
