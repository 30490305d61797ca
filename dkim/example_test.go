package dkim_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// zone is a Resolver that answers from zone text alone.
func zone(text string) resolver.Resolver {
	return &resolver.Unvalidated{Source: zonefile.FromText(text)}
}

const (
	header = "From: Ann <ann@example.com>\r\nTo: bob@example.org\r\nSubject: hello\r\n"
	body   = "Hello, Bob.\r\n"
)

func Example() {
	seed := make([]byte, ed25519.SeedSize) // a real one is random
	key := dkim.Key{Domain: "example.com", Selector: "2026", Private: ed25519.NewKeyFromSeed(seed)}
	record, err := dkim.FormatRecord(key.Private.Public())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.KeyName(), "TXT", record)

	h, err := message.ParseHeader([]byte(header))
	if err != nil {
		fmt.Println(err)
		return
	}
	at := func() time.Time { return time.Unix(1_800_000_000, 0) }
	signer := &dkim.Signer{Keys: []dkim.Key{key}, Time: at}
	fields, err := signer.Sign(h, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}

	signed, err := message.ParseHeader(append(fields, header...))
	if err != nil {
		fmt.Println(err)
		return
	}
	dns := zone(fmt.Sprintf("%s. 3600 TXT %q", key.KeyName(), record))
	verifier := &dkim.Verifier{Resolver: dns, Keys: new(dkim.KeyCache), Time: at}
	verdicts, err := verifier.Verify(context.Background(), signed, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range verdicts {
		fmt.Println(v.Result, v.Domain, v.Selector, v.Algorithm, v.KeyBits)
	}
	// Output:
	// 2026._domainkey.example.com TXT v=DKIM1; k=ed25519; p=O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=
	// pass example.com 2026 ed25519-sha256 256
}

// A message that arrives in pieces is verified while it arrives.
func ExampleVerifier_Begin() {
	h, err := message.ParseHeader([]byte("DKIM-Signature: v=1; a=rsa-sha1; d=example.com; s=old; h=from; bh=x; b=x\r\n" + header))
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier := &dkim.Verifier{Resolver: zone("")}
	var b dkim.Body
	pending := verifier.Begin(context.Background(), h, &b)
	for _, chunk := range []string{"Hello,", " Bob.\r", "\n"} {
		b.Write([]byte(chunk))
	}
	b.Close()
	for _, v := range pending.Wait() {
		fmt.Println(v.Result, v.Domain, v.Reason)
	}
	// Output: policy example.com rsa-sha1 is not acceptable (RFC 8301)
}
