package inbound

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/spf"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testTime = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	bankKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	listKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
)

// world is the DNS of the tests: a bank that rejects, a shop with p=none, a list.
func world(t testing.TB) *zonefile.Zones {
	bank, err := dkim.FormatRecord(bankKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	list, err := dkim.FormatRecord(listKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	return zonefile.FromText(fmt.Sprintf(`
		example.                     SOA ns.example. h.example. 1 7200 3600 1209600 300
		bank.example.                TXT "v=spf1 ip4:192.0.2.1 -all"
		_dmarc.bank.example.         TXT "v=DMARC1; p=reject"
		ed._domainkey.bank.example.  TXT %q
		shop.example.                TXT "v=spf1 ip4:192.0.2.1 ~all"
		_dmarc.shop.example.         TXT "v=DMARC1; p=none"
		list.example.                TXT "v=spf1 ip4:192.0.2.9 -all"
		ed._domainkey.list.example.  TXT %q
		mx.list.example.             A 192.0.2.9
		_dmarc.quiet.example.        TXT "v=DMARC1; p=quarantine"
	`, bank, list))
}

func checker(src resolver.Source) *Checker {
	return &Checker{
		Resolver:   &resolver.Unvalidated{Source: src, Status: resolver.Insecure},
		AuthServID: "mx.receiver.example",
		Time:       func() time.Time { return testTime },
	}
}

const plain = "From: Bank <service@bank.example>\r\nTo: a@receiver.example\r\nSubject: hello\r\n\r\nbody\r\n"

// signed is text with the signature of a domain in front.
func signed(t testing.TB, d domain.Name, key ed25519.PrivateKey, text string) string {
	m, err := message.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s := dkim.Signer{Keys: []dkim.Key{{Domain: d, Selector: "ed", Private: key}}, Time: func() time.Time { return testTime }}
	fields, err := s.Sign(m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

func envelope(ip, helo, from string) Envelope {
	return Envelope{RemoteAddr: netip.MustParseAddr(ip), Helo: helo, MailFrom: from}
}

// summary is what a row of a table says of a verdict.
func summary(v *Verdict) string {
	keys := []string{}
	for i := range v.DKIM {
		keys = append(keys, string(v.DKIM[i].Result))
	}
	ids := []string{}
	for _, f := range v.Findings {
		ids = append(ids, f.ID)
	}
	return fmt.Sprintf("spf=%s dkim=%s arc=%s dmarc=%s/%s %s", v.SPF.Result, strings.Join(keys, ","), v.ARC.Result,
		v.DMARC.Result, v.DMARC.Disposition, strings.Join(ids, ","))
}

func TestCheck(t *testing.T) {
	bank := signed(t, "bank.example", bankKey, plain)
	good := envelope("192.0.2.1", "out.bank.example", "b@bank.example")
	other := envelope("192.0.2.9", "mx.list.example", "bounce@list.example")
	for _, tt := range []struct {
		name string
		env  Envelope
		text string
		want string
	}{
		{"all-good", good, bank, "spf=pass dkim=pass arc=none dmarc=pass/none "},
		{"forwarded", other, bank, "spf=pass dkim=pass arc=none dmarc=pass/none "},
		{"body-changed", other, bank + "more\r\n", "spf=pass dkim=fail arc=none dmarc=fail/reject "},
		{"spoofed", other, plain, "spf=pass dkim= arc=none dmarc=fail/reject "},
		{"helo-does-not-align", envelope("192.0.2.9", "bank.example", "x@list.example"), plain, "spf=pass dkim= arc=none dmarc=fail/reject "},
		{"null-sender-helo-aligns", envelope("192.0.2.1", "bank.example", ""), plain, "spf=pass dkim= arc=none dmarc=pass/none "},
		{"no-connection", Envelope{}, bank, "spf=none dkim=pass arc=none dmarc=pass/none "},
		{"two-from", other, "From: x@list.example\r\n" + bank, "spf=pass dkim=fail arc=none dmarc=fail/reject from-problem"},
		{"second-subject", good, "Subject: other\r\n" + bank, "spf=pass dkim=fail arc=none dmarc=pass/none repeated-field"},
		{"p-none", other, strings.ReplaceAll(plain, "bank", "shop"), "spf=pass dkim= arc=none dmarc=fail/none "},
		{"no-dmarc", other, strings.ReplaceAll(plain, "bank", "list"), "spf=pass dkim= arc=none dmarc=none/none "},
		{"no-from", good, "Subject: x\r\n\r\n", "spf=pass dkim= arc=none dmarc=permerror/none from-problem"},
		{"nul-behind-domain", other, strings.Replace(plain, "bank.example", "bank.example\x00", 1), "spf=pass dkim= arc=none dmarc=fail/reject from-problem"},
		{"empty", good, "", "spf=pass dkim= arc=none dmarc=permerror/none from-problem,no-body"},
		{"lf-only", good, strings.ReplaceAll(bank, "\r\n", "\n"), "spf=pass dkim=pass arc=none dmarc=pass/none line-ends-converted"},
		{"mixed", good, strings.Replace(bank, "body\r\n", "body\n", 1), "spf=pass dkim=fail arc=none dmarc=pass/none mixed-line-ends"},
		{"forged-results", good, "Authentication-Results: MX.receiver.example; dmarc=pass\r\n" + bank, "spf=pass dkim=pass arc=none dmarc=pass/none forged-authentication-results"},
		{"too-many-fields", good, strings.Repeat("X: y\r\n", message.MaxFields+1) + "\r\nbody", "spf=pass dkim=permerror arc=fail dmarc=permerror/none header-over-limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := checker(world(t)).Check(t.Context(), tt.env, strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(v); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestChunks holds that the size of chunks changes nothing.
func TestChunks(t *testing.T) {
	text := signed(t, "bank.example", bankKey, plain+strings.Repeat("a  line of text \r\n", 100)+"\r\n\r\n")
	env := envelope("192.0.2.1", "out.bank.example", "b@bank.example")
	want, err := checker(world(t)).Check(t.Context(), env, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := checker(world(t)).Check(t.Context(), env, iotest.OneByteReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(encode(t, got), encode(t, want)); d != "" {
		t.Errorf("got, want:\n%s", d)
	}
}

func encode(t *testing.T, v *Verdict) string {
	t.Helper()
	v.SetHeader("mx.receiver.example")
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLookupsFail holds that a lookup that fails is temperror, never "none".
func TestLookupsFail(t *testing.T) {
	text := signed(t, "bank.example", bankKey, plain)
	env := envelope("192.0.2.1", "out.bank.example", "b@bank.example")
	for _, tt := range []struct{ name, fails, want string }{
		{"spf", "bank.example TXT", "spf=temperror dkim=pass arc=none dmarc=pass/none "},
		{"dkim", "ed._domainkey.bank.example", "spf=pass dkim=temperror arc=none dmarc=pass/none "},
		{"dmarc", "_dmarc.bank.example", "spf=pass dkim=pass arc=none dmarc=temperror/none "},
	} {
		for _, reason := range []resolver.Reason{resolver.Timeout, resolver.ServerFailed, resolver.BogusAnswer} {
			t.Run(tt.name+"/"+string(reason), func(t *testing.T) {
				z := world(t)
				z.Fail = map[string]resolver.Reason{tt.fails: reason}
				v, err := checker(z).Check(t.Context(), env, strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				if got := summary(v); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			})
		}
	}
}

// stuck never answers.
type stuck struct{}

func (stuck) Lookup(ctx context.Context, _ string, _ resolver.Type) (*resolver.Answer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestDNSTime holds that a message waits for DNS no longer than it may.
func TestDNSTime(t *testing.T) {
	c := &Checker{Resolver: stuck{}, AuthServID: "mx.receiver.example", DNSTime: time.Millisecond}
	text := signed(t, "bank.example", bankKey, plain)
	v, err := c.Check(t.Context(), envelope("192.0.2.1", "out.bank.example", "b@bank.example"), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summary(v), "spf=temperror dkim=temperror arc=none dmarc=temperror/none "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, why := range []string{v.SPF.Reason, v.DKIM[0].Reason, v.DMARC.Reason} {
		if !strings.Contains(why, "time for DNS is used up") {
			t.Errorf("the reason does not name the time: %q", why)
		}
	}
}

// after answers from a zone, each time after a while.
type after struct {
	resolver.Resolver
	wait time.Duration
}

func (a after) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	time.Sleep(a.wait)
	return a.Resolver.Lookup(ctx, name, t)
}

// TestDNSWait holds that time counts once however many lookups share it, and that
// the time between lookups does not.
func TestDNSWait(t *testing.T) {
	c := checker(zonefile.FromText("bank.example. TXT \"v=spf1 -all\"\n_dmarc.bank.example. TXT \"v=DMARC1; p=none\""))
	c.Resolver = after{c.Resolver, time.Second}
	h, err := message.ParseHeader([]byte("From: a@bank.example\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // its clock waits for nobody
		s := c.Begin(t.Context(), envelope("192.0.2.1", "", "b@bank.example"), h)
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		if got := s.DNSWait(); got != 500*time.Millisecond {
			t.Errorf("%v under way, want 500ms", got)
		}
		time.Sleep(time.Minute) // the body
		s.Verdict()
		if got := s.DNSWait(); got != time.Second {
			t.Errorf("got %v, want 1s", got)
		}
	})
}

// slowFor answers from a zone, but never for one domain and below.
type slowFor struct {
	resolver.Resolver
	domain string
}

func (s slowFor) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	if strings.HasSuffix(name, s.domain) {
		return stuck{}.Lookup(ctx, name, t)
	}
	return s.Resolver.Lookup(ctx, name, t)
}

// TestDNSTimeLeft holds that a stranger whose servers never answer does not use
// up the time in which DMARC finds out that his author domain does not exist.
func TestDNSTimeLeft(t *testing.T) {
	c := checker(zonefile.FromText(`
		example.             SOA ns.example. h.example. 1 7200 3600 1209600 300
		bank.example.        A 192.0.2.1
		_dmarc.bank.example. TXT "v=DMARC1; p=none; np=reject"
	`))
	c.Resolver = slowFor{c.Resolver, "slow.example"}
	text := strings.Replace(plain, "service@bank", "service@gone.bank", 1)
	synctest.Test(t, func(t *testing.T) { // its clock waits for nobody
		v, err := c.Check(t.Context(), envelope("192.0.2.1", "x.slow.example", "b@slow.example"), strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := summary(v), "spf=temperror dkim= arc=none dmarc=fail/reject "; got != want {
			t.Errorf("got  %s\nwant %s\n%s", got, want, v.DMARC.Reason)
		}
	})
}

// faulty panics.
type faulty struct{}

func (faulty) Lookup(context.Context, string, resolver.Type) (*resolver.Answer, error) { panic("bug") }

// TestPanic holds that a fault in a source of answers costs one message its
// results, not the process its life.
func TestPanic(t *testing.T) {
	c := &Checker{Resolver: faulty{}, AuthServID: "mx.receiver.example"}
	v, err := c.Check(t.Context(), envelope("192.0.2.1", "out.bank.example", "b@bank.example"), strings.NewReader(signed(t, "bank.example", bankKey, plain)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summary(v), "spf=temperror dkim=temperror arc=none dmarc=temperror/none "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFault holds that a fault in any stage costs one message its results, not
// the process its life.
func TestFault(t *testing.T) {
	env := envelope("192.0.2.1", "out.bank.example", "b@bank.example")
	h, err := message.ParseHeader([]byte("From: a@bank.example\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		s    *Session
	}{
		{"begin", checker(world(t)).Begin(t.Context(), env, nil)},
		{"later", checker(world(t)).Begin(t.Context(), env, h)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name != "begin" {
				tt.s.guard(func() { panic("bug") })
			}
			if n, err := io.WriteString(tt.s, "body"); n != 4 || err != nil {
				t.Errorf("Write gives %d, %v", n, err)
			}
			v := tt.s.Verdict()
			if got, want := summary(v), "spf=temperror dkim=temperror arc=fail dmarc=temperror/none "; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if v.Fault == nil {
				t.Error("the fault is not told")
			}
		})
	}
}

// TestReadFails holds that a broken input is an error and leaves nothing behind.
func TestReadFails(t *testing.T) {
	broken := io.MultiReader(strings.NewReader(plain), iotest.ErrReader(io.ErrUnexpectedEOF))
	v, err := checker(world(t)).Check(t.Context(), envelope("192.0.2.1", "a.example", "b@bank.example"), broken)
	if v != nil || err != io.ErrUnexpectedEOF {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestHeader(t *testing.T) {
	text := signed(t, "bank.example", bankKey, plain)
	v, err := checker(world(t)).Check(t.Context(), envelope("192.0.2.1", "out.bank.example", "b\r\n x@bank.example"), strings.NewReader(text+"changed"))
	if err != nil {
		t.Fatal(err)
	}
	got := v.Header("mx.receiver.example")
	for _, want := range []string{"header.d=bank.example", "header.s=ed", "header.a=ed25519-sha256", "header.b=", "dmarc=pass", "header.from=bank.example"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if h, err := message.ParseHeader([]byte(got)); err != nil || len(h.Fields) != 1 {
		t.Errorf("not one field: %q", got)
	}
}

func TestDecide(t *testing.T) {
	reject := dmarc.Evaluation{Result: dmarc.Fail, From: "bank.example", Disposition: dmarc.PolicyReject}
	quarantine := dmarc.Evaluation{Result: dmarc.Fail, From: "quiet.example", Disposition: dmarc.PolicyQuarantine}
	unknown := dmarc.Evaluation{Result: dmarc.TempError, From: "bank.example"}
	nobody := dmarc.Evaluation{Result: dmarc.PermError, Reason: "no author domain"}
	for _, tt := range []struct {
		name   string
		v      Verdict
		policy Policy
		want   string
	}{
		{"zero-policy", Verdict{DMARC: reject}, Policy{}, "accept would=reject 0  none"},
		{"enforce", Verdict{DMARC: reject}, Policy{DMARC: Enforce}, "reject would=reject 550 5.7.26 reject"},
		{"quarantine", Verdict{DMARC: quarantine}, Policy{DMARC: Enforce}, "quarantine would=quarantine 0  quarantine"},
		{"temperror", Verdict{DMARC: unknown}, Policy{DMARC: Enforce}, "tempfail would=tempfail 451 4.7.26 none"},
		{"temperror-accept", Verdict{DMARC: unknown}, Policy{DMARC: Enforce, TempError: Accept}, "accept would=accept 0  none"},
		{"temperror-accept-dmarc", Verdict{DMARC: unknown}, Policy{DMARC: Enforce, DMARCTempError: Accept}, "accept would=accept 0  none"},
		{"temperror-accept-spf", Verdict{DMARC: unknown}, Policy{DMARC: Enforce, SPFTempError: Accept}, "tempfail would=tempfail 451 4.7.26 none"},
		{"permerror", Verdict{DMARC: nobody}, Policy{DMARC: Enforce}, "quarantine would=quarantine 0  none"},
		{"permerror-monitor", Verdict{DMARC: nobody}, Policy{}, "accept would=quarantine 0  none"},
		{"permerror-accept", Verdict{DMARC: nobody}, Policy{DMARC: Enforce, PermError: Accept}, "accept would=accept 0  none"},
		{"permerror-reject", Verdict{DMARC: nobody}, Policy{DMARC: Enforce, PermError: Reject}, "reject would=reject 550 5.7.26 none"},
		{"exempt", Verdict{DMARC: reject}, Policy{DMARC: Enforce, Trust: Trust{Authors: []domain.Name{"bank.example"}}}, "accept would=accept 0  none local_policy: bank.example is exempt"},
		{"forwarder", Verdict{DMARC: reject, remote: netip.MustParseAddr("::ffff:192.0.2.9")}, Policy{DMARC: Enforce, Trust: Trust{Forwarders: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}, "accept would=accept 0  none trusted_forwarder: client is 192.0.2.9"},
		{"spf", Verdict{SPF: spf.Evaluation{Result: spf.Fail}, remote: netip.MustParseAddr("192.0.2.9")}, Policy{SPF: Enforce}, "reject would=reject 550 5.7.23 none"},
		{"spf-forwarder", Verdict{SPF: spf.Evaluation{Result: spf.Fail}, remote: netip.MustParseAddr("192.0.2.9")}, Policy{SPF: Enforce, Trust: Trust{Forwarders: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}, "accept would=accept 0  none"},
		{"list", Verdict{DMARC: reject, DKIM: []dkim.Verification{{Result: dkim.Pass, Domain: "list.example"}}}, Policy{DMARC: Enforce, Trust: Trust{Lists: []domain.Name{"list.example"}}}, "accept would=accept 0  none mailing_list: list list.example is authenticated"},
		{"list-fails", Verdict{DMARC: reject, DKIM: []dkim.Verification{{Result: dkim.Fail, Domain: "list.example"}}}, Policy{DMARC: Enforce, Trust: Trust{Lists: []domain.Name{"list.example"}}}, "reject would=reject 550 5.7.26 reject"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Decide(&tt.v, tt.policy)
			got := fmt.Sprintf("%s would=%s %d %s %s", d.Action, d.Would, d.Code, d.Enhanced, d.Disposition)
			if d.Override != nil {
				got += " " + string(d.Override.Type) + ": " + d.Override.Comment
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestHeaderQuotesNoResult holds that a reason which quotes the sender cannot
// put "dmarc=pass" into the field, quoted or not.
func TestHeaderQuotesNoResult(t *testing.T) {
	text := "DKIM-Signature: v=1; a=rsa-sha256; c=dmarc=pass header.from=bank.example; d=x.example; s=s; h=from; bh=x; b=x\r\n" + plain
	v, err := checker(world(t)).Check(t.Context(), envelope("192.0.2.9", "mx.list.example", "x@list.example"), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Header("mx.receiver.example"); strings.Contains(got, "dmarc=pass") || v.DKIM[0].Result != dkim.PermError {
		t.Errorf("got %s: %q", v.DKIM[0].Result, got)
	}
}

// TestHeaderChosenValues holds the same for addresses and names that he chose.
func TestHeaderChosenValues(t *testing.T) {
	v := Verdict{
		SPF:      spf.Evaluation{Result: spf.Fail, Identity: spf.MailFrom},
		Helo:     &spf.Evaluation{Result: spf.Fail, Identity: spf.Helo},
		DKIM:     []dkim.Verification{{Result: dkim.Fail, Domain: "evil.example", Identity: "DMARC=PASS@evil.example"}},
		remote:   netip.MustParseAddr("192.0.2.1"),
		mailFrom: "dmarc=pass@evil.example", heloName: "dmarc=pass",
	}
	got := strings.Join(strings.Fields(v.Header("mx.example")), " ")
	want := `Authentication-Results: mx.example; spf=fail smtp.mailfrom=evil.example; spf=fail smtp.helo=""; ` +
		"dkim=fail header.d=evil.example header.i=evil.example; arc=unknown; dmarc=unknown"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
