package arc_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// A mailing list seals what it found, and the receiver validates the chain.
func Example() {
	const body = "Hello, list.\r\n"
	received := "Authentication-Results: lists.example.org; spf=pass smtp.mailfrom=ann@example.com\r\n" +
		"From: Ann <ann@example.com>\r\nTo: list@lists.example.org\r\nSubject: hello\r\n"
	h, err := message.ParseHeader([]byte(received))
	if err != nil {
		fmt.Println(err)
		return
	}
	// A real key is RSA: not every validator knows Ed25519.
	key := dkim.Key{Domain: "lists.example.org", Selector: "arc", Private: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	record, err := dkim.FormatRecord(key.Private.Public())
	if err != nil {
		fmt.Println(err)
		return
	}
	at := func() time.Time { return time.Unix(1_800_000_000, 0) }
	dns := &resolver.Unvalidated{Source: zonefile.FromText(fmt.Sprintf("%s. 3600 TXT %q", key.KeyName(), record))}
	validator := &arc.Validator{Resolver: dns, Time: at}

	sealer := &arc.Sealer{Key: key, AuthServID: "lists.example.org", Time: at}
	fields, before, err := sealer.Seal(context.Background(), validator, h, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("before:", before.Result)

	sealed, err := message.ParseHeader(append(fields, received...))
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := validator.Validate(context.Background(), sealed, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("after:", after.Result)
	for _, set := range after.Sets {
		fmt.Println(set.Instance, set.CV, set.AS.Domain, set.AuthResults)
	}
	// Output:
	// before: none
	// after: pass
	// 1 none lists.example.org lists.example.org; spf=pass smtp.mailfrom=ann@example.com
}
