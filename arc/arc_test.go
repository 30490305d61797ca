package arc

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// testKey is an RSA key that all hops share, each under its own domain.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func zones(tb testing.TB) *zonefile.Zones {
	tb.Helper()
	txt, err := dkim.FormatRecord(&testKey().PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return zonefile.FromText(fmt.Sprintf(`*._domainkey.example.com. 60 TXT %q %q`, txt[:200], txt[200:]))
}

func validator(tb testing.TB) *Validator {
	return &Validator{Resolver: &resolver.Unvalidated{Source: zones(tb), Status: resolver.Insecure}, Time: at, Keys: new(dkim.KeyCache)}
}

func at() time.Time { return time.Unix(1e9, 0) }

func sealer(hop int) *Sealer {
	key := dkim.Key{Domain: "example.com", Selector: fmt.Sprintf("hop%d", hop), Private: testKey()}
	return &Sealer{Key: key, AuthServID: fmt.Sprintf("mx%d.example.com", hop), Time: at}
}

func split(tb testing.TB, msg string) (*message.Header, string) {
	tb.Helper()
	header, body, _ := strings.Cut(msg, "\r\n\r\n")
	h, err := message.ParseHeader([]byte(header + "\r\n"))
	if err != nil {
		tb.Fatal(err)
	}
	return h, body
}

func validate(tb testing.TB, v *Validator, msg string) *Validation {
	tb.Helper()
	h, body := split(tb, msg)
	got, err := v.Validate(tb.Context(), h, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// addHop seals a message as hop n would and returns it.
func addHop(tb testing.TB, n int, msg string) string {
	tb.Helper()
	h, body := split(tb, msg)
	fields, _, err := sealer(n).Seal(tb.Context(), validator(tb), h, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	return string(fields) + msg
}

const original = "Authentication-Results: mx1.example.com; spf=pass smtp.mailfrom=a@example.net\r\n" +
	"From: a@example.net\r\nTo: list@example.com\r\nSubject: hello\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\n\r\nbody\r\n"

// chainOf returns the original message behind n hops.
func chainOf(tb testing.TB, n int) string {
	msg := original
	for i := range n {
		msg = addHop(tb, i+1, msg)
	}
	return msg
}

func TestSealValidate(t *testing.T) {
	v := validator(t)
	want := &Validation{Result: None, Sets: []Set{}, Reason: "the message has no ARC set"}
	if d := cmp.Diff(want, validate(t, v, original)); d != "" {
		t.Error(d)
	}
	msg := chainOf(t, 2)
	got := validate(t, v, msg)
	one := func(hop, field int, c, hash string) dkim.Verification {
		return dkim.Verification{
			Result: dkim.Pass, Domain: "example.com", Selector: fmt.Sprintf("hop%d", hop), Algorithm: dkim.RSASHA256,
			KeyBits: 2048, DNSSEC: resolver.Insecure, Canon: c, BodyHash: hash, Field: field,
		}
	}
	for i := range got.Sets {
		got.Sets[i].AMS.HeaderB, got.Sets[i].AS.HeaderB = "", ""
	}
	want = &Validation{Result: Pass, Sets: []Set{
		{1, "none", "mx1.example.com; spf=pass smtp.mailfrom=a@example.net", one(1, 4, "relaxed/relaxed", "match"), one(1, 3, "relaxed/relaxed", ""), true, resolver.Insecure, ""},
		{2, "pass", "mx2.example.com; none", one(2, 1, "relaxed/relaxed", "match"), one(2, 0, "relaxed/relaxed", ""), true, resolver.Insecure, ""},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSealFields(t *testing.T) {
	msg := "Authentication-Results: mx1.example.com; spf=pass smtp.mailfrom=a@example.net; dkim=none\r\n" +
		"Authentication-Results: MX1.example.com 1; spf=pass smtp.mailfrom=a@example.net; dmarc=pass header.from=example.net\r\n" +
		"Authentication-Results: mx2.example.com; spf=fail\r\nDKIM-Signature: x\r\nFrom: a@example.net\r\n\r\nbody\r\n"
	got := addHop(t, 1, msg)
	h, _ := split(t, got)
	if s, want := string(h.Fields[2].Raw), "ARC-Authentication-Results: i=1; mx1.example.com;\r\n"+
		"\tspf=pass smtp.mailfrom=a@example.net;\r\n\tdkim=none;\r\n\tdmarc=pass header.from=example.net\r\n"; s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	ams, _, _ := strings.Cut(string(h.Fields[1].Raw), " b=")
	if want := "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com;\r\n" +
		" s=hop1; t=1000000000; h=From:From:Sender:Reply-To:To:Cc:Subject:Date:\r\n" +
		" In-Reply-To:References:MIME-Version:Content-Type:Content-Transfer-Encoding:\r\n" +
		" Content-Disposition:DKIM-Signature;\r\n bh=Ck5SoRNWUpSR4X0COv7R5ub2pUTtl6xz4dTFz++ji4M=;\r\n"; ams != want {
		t.Errorf("got\n%s\nwant\n%s", ams, want)
	}
	as, _, _ := strings.Cut(string(h.Fields[0].Raw), " b=")
	if want := "ARC-Seal: i=1; a=rsa-sha256; t=1000000000; cv=none; d=example.com; s=hop1;\r\n"; as != want {
		t.Errorf("got\n%s\nwant\n%s", as, want)
	}
}

// What a hop changes shows in oldest_pass, what breaks the chain in the result.
func TestChanges(t *testing.T) {
	one, three := chainOf(t, 1), chainOf(t, 3)
	edit := func(msg, old, new string) string {
		if !strings.Contains(msg, old) {
			t.Fatalf("no %q in the message", old)
		}
		return strings.Replace(msg, old, new, 1)
	}
	footer := addHop(t, 2, edit(one, "body\r\n", "body\r\n-- \r\nlist\r\n"))
	broken := edit(three, "Subject: hello", "Subject: evil")
	failed := addHop(t, 4, broken)
	for _, tt := range []struct {
		name, msg string
		want      string
	}{
		{"same", three, "pass 0 "},
		{"footer", footer, "fail 0 the sealer of set 2 found the chain broken (cv=fail)"}, // it seals what it got
		{"new_field", "X: y\r\nReceived: by z\r\n" + three, "pass 0 "},
		{"body", edit(three, "body", "tidy"), "fail 0 the ARC-Message-Signature of set 3 fails: body hash does not match: the body was changed"},
		{"subject", broken, "fail 0 the ARC-Message-Signature of set 3 fails: signature does not verify"},
		{"aar", edit(three, "spf=pass", "spf=fail"), "fail 0 the ARC-Seal of set 3 fails: signature does not verify"},
		{"cv", edit(three, "cv=pass", "cv=none"), `fail 0 set 3 has cv="none", not pass`},
		{"cv_1", edit(three, "cv=none", "cv=pass"), `fail 0 set 1 has cv="pass", not none`},
		{"missing", edit(three, "ARC-Seal: i=2", "X-Seal: i=2"), "fail 0 set 2 has no ARC-Seal"},
		{"twice", edit(three, "ARC-Seal: i=2", "ARC-Seal: i=3"), "fail 0 set 3 has two ARC-Seal fields"},
		{"gap", edit(edit(edit(three, "Seal: i=3", "Seal: i=4"), "Signature: i=3", "Signature: i=4"), "Results: i=3", "Results: i=4"), "fail 0 set 3 has no ARC-Authentication-Results"},
		{"too_high", edit(three, "ARC-Seal: i=3", "ARC-Seal: i=51"), "fail 0 ARC-Seal without an instance between 1 and 50"},
		{"covers_seal", edit(three, "h=From:", "h=Arc-SEAL:From:"), "fail 0 the ARC-Message-Signature of set 3 is unusable: h= covers ARC-Seal"},
		{"ended", failed, "fail 0 the sealer of set 4 found the chain broken (cv=fail)"},
		{"sha1", edit(three, "a=rsa-sha256; t=", "a=rsa-sha1; t="), "fail 0 the ARC-Seal of set 3 is unusable: rsa-sha1 is not acceptable (RFC 8301)"},
		{"expired", edit(three, "t=1000000000; h=", "x=999999999; h="), "fail 0 the ARC-Message-Signature of set 3 is unusable: signature expired at 2001-09-09T01:46:39Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := validate(t, validator(t), tt.msg)
			if s := fmt.Sprintf("%s %d %s", got.Result, got.OldestPass, got.Reason); s != tt.want {
				t.Errorf("\n got %s\nwant %s", s, tt.want)
			}
		})
	}
}

// A hop that validates, changes the body and then seals keeps the chain: only
// the older message signatures break.
func TestOldestPass(t *testing.T) {
	msg := chainOf(t, 2)
	changed := strings.Replace(msg, "body\r\n", "body\r\n-- \r\nlist\r\n", 1)
	h, body := split(t, changed)
	var b dkim.Body
	sealing, err := sealer(3).Begin(h, &b)
	if err != nil {
		t.Fatal(err)
	}
	b.Write([]byte(body))
	b.Close()
	fields, err := sealing.Finish(validate(t, validator(t), msg))
	if err != nil {
		t.Fatal(err)
	}
	four := addHop(t, 4, string(fields)+changed)
	got := validate(t, validator(t), four)
	if got.Result != Pass || got.OldestPass != 3 || got.Sets[1].AMS.BodyHash != "mismatch" || got.Sets[0].AMS.Result != dkim.Neutral {
		t.Errorf("got %+v", got)
	}
}

// The seal over a chain that failed covers its own set alone (RFC 8617, Section
// 5.1.2): its signature is over AAR, AMS and AS of that instance.
func TestFailedSealAlone(t *testing.T) {
	failed := addHop(t, 2, strings.Replace(chainOf(t, 1), "body", "tidy", 1))
	h, _ := split(t, failed)
	var set []byte
	for _, i := range []int{2, 1} {
		set = dkim.AppendField(set, &h.Fields[i], dkim.Relaxed)
	}
	sig, err := dkim.ParseSignature(dkim.ARCSeal, h.Fields[0].Value())
	if err != nil {
		t.Fatal(err)
	}
	record := &dkim.Record{Public: &testKey().PublicKey}
	if !record.Verify(sha256.Sum256(dkim.AppendUnsigned(set, &h.Fields[0], dkim.Relaxed)), sig.Value) {
		t.Error("the seal covers something else")
	}
}

// With NewestOnly the older message signatures are not even looked at.
func TestNewestOnly(t *testing.T) {
	v := validator(t)
	v.NewestOnly = true
	got := validate(t, v, chainOf(t, 2))
	if got.Result != Pass || got.OldestPass != 0 || got.Sets[0].AMS.Result != dkim.Neutral || got.Sets[1].AMS.Result != dkim.Pass {
		t.Errorf("got %+v", got)
	}
}

func TestEnds(t *testing.T) {
	failed := addHop(t, 2, strings.Replace(chainOf(t, 1), "body", "tidy", 1))
	got := validate(t, validator(t), failed)
	if !got.Ended() || got.Result != Fail || got.Sets[1].CV != "fail" {
		t.Fatalf("got %+v", got)
	}
	h, body := split(t, failed)
	fields, _, err := sealer(3).Seal(t.Context(), validator(t), h, strings.NewReader(body))
	var e *Error
	if !errors.As(err, &e) || e.Reason != ChainEnded || fields != nil {
		t.Errorf("got %q and %v", fields, err)
	}
	if !strings.Contains(failed, "ARC-Seal: i=2; a=rsa-sha256; t=1000000000; cv=fail;") {
		t.Errorf("no seal with cv=fail in %s", failed)
	}
}

func TestMostSets(t *testing.T) {
	full := chainOf(t, MaxSets)
	got := validate(t, validator(t), full)
	if got.Result != Pass || got.OldestPass != 0 || len(got.Sets) != MaxSets {
		t.Fatalf("got %s %s", got.Result, got.Reason)
	}
	h, body := split(t, full)
	_, _, err := sealer(51).Seal(t.Context(), validator(t), h, strings.NewReader(body))
	var e *Error
	if !errors.As(err, &e) || e.Reason != ChainFull {
		t.Errorf("got %v", err)
	}
}

func TestTemporary(t *testing.T) {
	msg := chainOf(t, 2)
	z := zones(t)
	z.Fail = map[string]resolver.Reason{"hop1._domainkey.example.com TXT": resolver.Timeout}
	got := validate(t, &Validator{Resolver: &resolver.Unvalidated{Source: z}}, msg)
	if got.Result != Fail || !got.Temporary || got.Reason != "the ARC-Seal of set 1 fails: key lookup failed: timeout: asked for by the test" || got.Sets[0].AS.Result != dkim.TempError {
		t.Errorf("got %+v", got)
	}
	h, body := split(t, msg)
	fields, _, err := sealer(3).Seal(t.Context(), &Validator{Resolver: &resolver.Unvalidated{Source: z}}, h, strings.NewReader(body))
	var e *Error
	if fields != nil || !errors.As(err, &e) || e.Reason != Undecided {
		t.Errorf("sealed a chain that nobody could validate: %q, %v", fields, err)
	}
}

func TestSealErrors(t *testing.T) {
	ed := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	for _, tt := range []struct {
		name string
		edit func(*Sealer)
		want string
	}{
		{"no_key", func(s *Sealer) { s.Key.Private = nil }, "dkim: signer is not complete: no private key"},
		{"no_id", func(s *Sealer) { s.AuthServID = "" }, "arc: sealer is not complete: no authserv-id"},
		{"arc_field", func(s *Sealer) { s.Fields = []string{"From", "arc-seal"} }, `arc: field cannot be in h=: "arc-seal"`},
		{"injection", func(s *Sealer) { s.Fields = []string{"a\r\nb"} }, `arc: field cannot be in h=: "a\r\nb"`},
		{"ed25519", func(s *Sealer) { s.Key.Private = ed }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sealer(1)
			tt.edit(s)
			h, body := split(t, original)
			_, _, err := s.Seal(t.Context(), validator(t), h, strings.NewReader(body))
			if got := fmt.Sprint(err); got != tt.want && (err != nil || tt.want != "") {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseAAR(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		n        int
		rest     string
	}{
		{"plain", " i=1; mx; none", 1, "mx; none"},
		{"cfws", " (a (b\\)) c)\r\n i = (x) 12 (y) ; mx", 12, "mx"},
		{"open_comment", " (i=1; mx", 0, ""},
		{"zero", " i=0; mx", 0, "mx"},
		{"fifty", "i=50;", 50, ""},
		{"fifty_one", "i=51; mx", 0, "mx"},
		{"no_semicolon", " i=1 mx", 0, ""},
		{"upper", "I=1; mx", 0, ""},
		{"no_digits", "i=; mx", 0, "mx"},
		{"three_digits", "i=001; mx", 0, "mx"},
		{"empty", "", 0, ""},
		{"later", "mx; i=1;", 0, ""},
		{"backslash", "\\", 0, ""}, // was a slice out of range
		{"backslash_behind", "i=1\\", 0, ""},
		{"backslash_before", "\\ai=1; mx", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, rest := parseAAR([]byte(tt.in))
			if n != tt.n || string(rest) != tt.rest {
				t.Errorf("got %d %q, want %d %q", n, rest, tt.n, tt.rest)
			}
		})
	}
}

func FuzzArcSets(f *testing.F) {
	// Ed25519 is fast, and from a seed it is the same in each process.
	s := sealer(1)
	s.Key.Private = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	txt, err := dkim.FormatRecord(s.Key.Private.Public())
	if err != nil {
		f.Fatal(err)
	}
	z := zonefile.FromText(fmt.Sprintf(`*._domainkey.example.com. 60 TXT %q`, txt))
	v := &Validator{Resolver: &resolver.Unvalidated{Source: z}, Time: at, Keys: new(dkim.KeyCache)}
	three := original
	for range 3 {
		h, body := split(f, three)
		fields, _, err := s.Seal(f.Context(), v, h, strings.NewReader(body))
		if err != nil {
			f.Fatal(err)
		}
		three = string(fields) + three
	}
	f.Add([]byte(three))
	f.Add([]byte("ARC-Seal: i=1\r\nARC-Seal: i=1; cv=fail\r\nARC-Authentication-Results: (i=1;\r\n\r\n"))
	f.Add([]byte(strings.Replace(three, "cv=pass", "cv=fail", 1)))
	f.Add([]byte("ARC-Authentication-Results: i=1\\\r\n\r\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		in := bytes.Clone(msg)
		head, body, _ := bytes.Cut(msg, []byte("\r\n\r\n"))
		h, err := message.ParseHeader(head)
		if err != nil {
			return
		}
		fields, got, err := s.Seal(t.Context(), v, h, bytes.NewReader(body))
		if !bytes.Equal(in, msg) {
			t.Fatal("the message was changed")
		}
		if got == nil || len(got.Sets) > MaxSets || got.Result == None && len(got.Sets) > 0 || (got.Result == Pass) != (got.Reason == "") {
			t.Fatalf("unfit verdict %+v: %v", got, err)
		}
		if err != nil {
			return
		}
		// What was sealed is what the next hop finds.
		h2, err := message.ParseHeader(append(fields, append(bytes.TrimSuffix(head, []byte("\r\n")), "\r\n"...)...))
		if err != nil {
			return
		}
		next, err := v.Validate(t.Context(), h2, bytes.NewReader(body))
		if err != nil || got.Result == Fail && next.Result != Fail {
			t.Fatalf("a failed chain became %+v", next)
		}
	})
}

// TestRewritten holds when a chain counts as one that we ourselves have broken.
func TestRewritten(t *testing.T) {
	msg := chainOf(t, 2)
	for _, row := range []struct {
		name, old, new string
		want           bool
	}{
		{"unchanged", "", "", false},
		{"body", "\r\n\r\n", "\r\n\r\nfooter\r\n", true},
		{"subject", "Subject: ", "Subject: [list] ", true},
		{"results", "ARC-Authentication-Results: i=1;", "ARC-Authentication-Results: i=1; x.example; dmarc=pass;", false},
		{"set-gone", "ARC-Seal: i=1;", "X-Seal: i=1;", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			changed := strings.Replace(msg, row.old, row.new, 1)
			if row.old != "" && changed == msg {
				t.Fatalf("%q is not in %s", row.old, msg)
			}
			if v := validate(t, validator(t), changed); v.Rewritten() != row.want {
				t.Errorf("got %t, want %t: %s %s", v.Rewritten(), row.want, v.Result, v.Reason)
			}
		})
	}
}
