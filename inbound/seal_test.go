package inbound

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/spf"
)

// checkAndSeal checks a message and returns the set that its Session makes.
func checkAndSeal(t *testing.T, c *Checker, sealer *arc.Sealer, text string) (*Verdict, string, error) {
	t.Helper()
	m, err := message.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Begin(t.Context(), envelope("192.0.2.1", "out.bank.example", "b@bank.example"), m.Header)
	if err := s.Seal(sealer); err != nil {
		s.Abort()
		return nil, "", err
	}
	if _, err := io.Copy(s, m.Body); err != nil {
		t.Fatal(err)
	}
	v := s.Verdict()
	set, err := s.Set(v)
	return v, string(set), err
}

// TestSeal holds that a message is sealed with the results of the same pass, and
// that the chain then carries them past a change of the envelope.
func TestSeal(t *testing.T) {
	c := checker(world(t))
	sealer := &arc.Sealer{Key: dkim.Key{Domain: "list.example", Selector: "ed", Private: listKey}, AuthServID: c.AuthServID, Time: c.Time}
	text := signed(t, "bank.example", bankKey, plain)
	_, set, err := checkAndSeal(t, c, sealer, text)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(set), " "); !strings.Contains(got, "ARC-Authentication-Results: i=1; mx.receiver.example; spf=pass smtp.mailfrom=b@bank.example;") || !strings.Contains(got, "dmarc=pass header.from=bank.example") {
		t.Errorf("the set says %s", got)
	}
	v, err := c.Check(t.Context(), envelope("192.0.2.9", "mx.list.example", "l@list.example"), strings.NewReader(set+text))
	if err != nil {
		t.Fatal(err)
	}
	if v.ARC.Result != arc.Pass {
		t.Errorf("the chain is %s: %s", v.ARC.Result, v.ARC.Reason)
	}
	_, second, err := checkAndSeal(t, c, sealer, set+text)
	if err != nil || !strings.Contains(second, "cv=pass") {
		t.Errorf("the second set: %v %s", err, second)
	}
	if _, none, err := checkAndSeal(t, c, sealer, "ARC-Seal: i=1; cv=fail; a=rsa-sha256; d=x.example; s=s; b=AAAA\r\n"+text); err == nil || none != "" {
		t.Errorf("a chain that has ended was sealed: %s", none)
	}
	if _, _, err := checkAndSeal(t, c, &arc.Sealer{}, text); err == nil {
		t.Error("an empty sealer sealed")
	}
}

// TestUnknownClient holds that a client nobody could make out is no client without
// SPF: what rests on it is temperror, unless DKIM alone decides.
func TestUnknownClient(t *testing.T) {
	for _, row := range []struct {
		name, from, text string
		dmarc            dmarc.Result
	}{
		{"aligned", "b@bank.example", plain, dmarc.TempError},
		{"signed", "b@bank.example", signed(t, "bank.example", bankKey, plain), dmarc.Pass},
		{"not-aligned", "x@list.example", plain, dmarc.Fail},
		{"null-sender", "", plain, dmarc.TempError}, // HELO is not known either
	} {
		t.Run(row.name, func(t *testing.T) {
			env := Envelope{MailFrom: row.from, Unknown: "the relay's Received field cannot be read"}
			v, err := checker(world(t)).Check(context.Background(), env, strings.NewReader(row.text))
			if err != nil {
				t.Fatal(err)
			}
			if v.SPF.Result != spf.TempError || v.DMARC.Result != row.dmarc || !strings.Contains(v.Header("x"), "spf=temperror") {
				t.Errorf("got spf=%s dmarc=%s, want temperror, %s: %s", v.SPF.Result, v.DMARC.Result, row.dmarc, v.Header("x"))
			}
		})
	}
}
