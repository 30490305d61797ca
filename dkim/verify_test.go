package dkim

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/resolver"
)

func verify(tb testing.TB, v *Verifier, msg string) []Verification {
	tb.Helper()
	h, body := split(tb, msg)
	got, err := v.Verify(context.Background(), h, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func TestVerifyRFC6376(t *testing.T) {
	got := verify(t, &Verifier{Resolver: newZone(t, rfc6376Key)}, crlf(rfc6376Signature+rfc6376Received+rfcMessage))
	want := []Verification{{
		Result: Pass, Domain: "example.com", Selector: "brisbane", Algorithm: RSASHA256, KeyBits: 1024,
		DNSSEC: resolver.Insecure, Identity: "joe@football.example.com", HeaderB: "AuUoFEfD",
		Canon: "simple/simple", BodyHash: "match",
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestVerifyRFC8463(t *testing.T) {
	v := &Verifier{Resolver: newZone(t, rfc8463Keys), Keys: new(KeyCache)}
	want := []Verification{{
		Result: Pass, Domain: "football.example.com", Selector: "brisbane", Algorithm: Ed25519SHA256, KeyBits: 256,
		DNSSEC: resolver.Insecure, Identity: "@football.example.com", HeaderB: "/gCrinpc",
		Canon: "relaxed/relaxed", BodyHash: "match",
	}, {
		Result: Pass, Domain: "football.example.com", Selector: "test", Algorithm: RSASHA256, KeyBits: 1024,
		DNSSEC: resolver.Insecure, Identity: "@football.example.com", HeaderB: "F45dVWDf",
		Canon: "relaxed/relaxed", BodyHash: "match", Field: 1,
	}}
	for range 2 { // the second time from the key cache
		if d := cmp.Diff(want, verify(t, v, crlf(rfc8463Signatures+rfcMessage))); d != "" {
			t.Error(d)
		}
		if got := v.Keys.Len(); got != 2 {
			t.Errorf("%d keys kept, want 2", got)
		}
	}
}

func TestVerifyUnsigned(t *testing.T) {
	got := verify(t, &Verifier{}, crlf(rfcMessage))
	if got == nil || len(got) != 0 {
		t.Errorf("got %#v, want an empty list", got)
	}
}
