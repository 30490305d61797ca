package outbound_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
	"github.com/waxseal/waxseal/tlsrpt"
)

const messageText = "From: a@out.test\r\nTo: b@to.signed\r\n\r\nhello\r\n"

func message(t testing.TB, domain string, locals ...string) *outbound.Message {
	t.Helper()
	m := &outbound.Message{Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(messageText)), nil }}
	path := func(s string) smtp.Path {
		p, err := smtp.ParsePath(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	m.From = path("<a@out.test>")
	for _, l := range append(locals, "b") {
		m.To = append(m.To, smtp.Recipient{Path: path("<" + l + "@" + domain + ">")})
	}
	return m
}

// situation is one row: the zone and the server at 192.0.2.1 decide, the message is
// for to.signed or to.plain.
type situation struct {
	name   string
	domain string // to.signed or to.plain
	tlsa   string // at _25._tcp.mx.<domain>
	sts    string // mode and mx patterns
	server func(t *testing.T, ca *authority) *mx
	change func(*outbound.Message)

	want    string // result, "authenticated" or "", policy, TLSRPT type
	witness string // what the server saw
}

// cert serves with a certificate made from names.
func cert(names ...string) func(*testing.T, *authority) *mx {
	return func(t *testing.T, ca *authority) *mx {
		c, _ := ca.issue(t, template(names...))
		return startMX(t, withCert(c), nil)
	}
}

func scripted(replies map[string]string) func(*testing.T, *authority) *mx {
	return func(t *testing.T, _ *authority) *mx { return startScript(t, replies) }
}

const ehlo = "250-mx.test\r\n250 STARTTLS\r\n"

func TestDeliver(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	good, record := ca.issue(t, template("mx.to.signed"))
	old, oldRecord := ca.issue(t, expired())
	serve := func(c tls.Certificate) func(*testing.T, *authority) *mx {
		return func(t *testing.T, _ *authority) *mx { return startMX(t, withCert(c), nil) }
	}
	taken := fmt.Sprintf("tls:mail tls:rcpt tls:data=%d", len(messageText))
	inClear := fmt.Sprintf("mail rcpt data=%d", len(messageText))
	plaintext := func(t *testing.T, _ *authority) *mx { return startMX(t, nil, nil) }
	breaking := scripted(map[string]string{"EHLO": ehlo, "STARTTLS": "220 go\r\n" + broken})
	injected := scripted(map[string]string{"EHLO": ehlo, "STARTTLS": "220 go\r\n250-fake\r\n250 SIZE\r\n"})
	refused := scripted(map[string]string{"EHLO": ehlo, "STARTTLS": "454 not now\r\n"})
	closing := scripted(map[string]string{"EHLO": ehlo, "STARTTLS": ""})
	oldTLS := func(t *testing.T, _ *authority) *mx {
		c := withCert(good)
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		return startMX(t, c, nil)
	}
	requireTLS := func(t *testing.T, _ *authority) *mx {
		return startMX(t, withCert(good), func(s *smtp.Server, _ *mxSession) {
			e := smtp.DefaultExtensions()
			e.RequireTLS = true
			s.Extensions = &e
		})
	}
	asksTLS := func(m *outbound.Message) { m.Options.RequireTLS = true }
	ignores := func(m *outbound.Message) { m.IgnorePolicy = true }
	tests := []situation{
		{"dane-ee", "to.signed", record, "", serve(good), nil, "delivered authenticated dane", taken},
		{"dane-ee-expired-nameless", "to.signed", oldRecord, "", serve(old), nil, "delivered authenticated dane", taken},
		{"dane-ee-wrong", "to.signed", oldRecord, "", serve(good), nil, "deferred  dane validation-failure", ""},
		{"dane-ta", "to.signed", ca.taRecord(), "", serve(good), nil, "delivered authenticated dane", taken},
		{"dane-ta-next-hop-name", "to.signed", ca.taRecord(), "", cert("to.signed"), nil, "delivered authenticated dane", taken},
		{"dane-ta-wrong-name", "to.signed", ca.taRecord(), "", cert("other.signed"), nil, "deferred  dane certificate-host-mismatch", ""},
		{"dane-ta-expired", "to.signed", ca.taRecord(), "", serve(old), nil, "deferred  dane certificate-expired", ""},
		{"dane-ta-stranger", "to.signed", stranger.taRecord(), "", serve(good), nil, "deferred  dane validation-failure", ""},
		{"dane-stripped", "to.signed", record, "", plaintext, nil, "deferred  dane starttls-not-supported", ""},
		{"dane-454", "to.signed", record, "", refused, nil, "deferred  dane starttls-not-supported", "starttls"},
		{"dane-broken-handshake", "to.signed", record, "", breaking, nil, "deferred  dane validation-failure", "starttls"},
		{"dane-injected", "to.signed", record, "", injected, nil, "deferred  dane validation-failure", "starttls"},
		{"dane-closed", "to.signed", record, "", closing, nil, "deferred  dane validation-failure", "starttls"},
		{"dane-old-tls", "to.signed", record, "", oldTLS, nil, "deferred  dane validation-failure", ""},
		{"dane-unusable", "to.signed", "1 1 1 00", "", cert("nobody.signed"), nil, "delivered  dane-unauthenticated tlsa-invalid", taken},
		{"dane-unusable-stripped", "to.signed", "1 1 1 00", "", plaintext, nil, "deferred  dane-unauthenticated starttls-not-supported", ""},
		{"dane-fails-sts-passes", "to.signed", oldRecord, "enforce mx.to.signed", serve(good), nil, "deferred  dane validation-failure", ""},
		{"dane-passes-sts-fails", "to.signed", record, "enforce other.signed", serve(good), nil, "delivered authenticated dane", taken},
		{"sts", "to.plain", "", "enforce mx.to.plain", cert("mx.to.plain"), nil, "delivered authenticated mta-sts", taken},
		{"sts-wildcard", "to.plain", "", "enforce *.to.plain", cert("*.to.plain"), nil, "delivered authenticated mta-sts", taken},
		{"sts-wildcard-depth", "to.plain", "", "enforce *.plain", cert("mx.to.plain"), nil, "deferred  mta-sts validation-failure", ""},
		{"sts-wrong-name", "to.plain", "", "enforce mx.to.plain", cert("to.plain"), nil, "deferred  mta-sts certificate-host-mismatch", ""},
		{"sts-stranger", "to.plain", "", "enforce mx.to.plain", func(t *testing.T, _ *authority) *mx { return cert("mx.to.plain")(t, stranger) }, nil, "deferred  mta-sts certificate-not-trusted", ""},
		{"sts-expired", "to.plain", "", "enforce mx.to.plain", func(t *testing.T, ca *authority) *mx {
			c, _ := ca.issue(t, expired("mx.to.plain"))
			return startMX(t, withCert(c), nil)
		}, nil, "deferred  mta-sts certificate-expired", ""},
		{"sts-stripped", "to.plain", "", "enforce mx.to.plain", plaintext, nil, "deferred  mta-sts starttls-not-supported", ""},
		{"sts-454", "to.plain", "", "enforce mx.to.plain", refused, nil, "deferred  mta-sts starttls-not-supported", "starttls"},
		{"sts-broken-handshake", "to.plain", "", "enforce mx.to.plain", breaking, nil, "deferred  mta-sts validation-failure", "starttls"},
		{"sts-injected", "to.plain", "", "enforce mx.to.plain", injected, nil, "deferred  mta-sts validation-failure", "starttls"},
		{"sts-unlisted", "to.plain", "", "enforce mx.other.plain", cert("mx.to.plain"), nil, "deferred  mta-sts validation-failure", ""},
		{"sts-testing-good", "to.plain", "", "testing mx.to.plain", cert("mx.to.plain"), nil, "delivered authenticated opportunistic", taken},
		{"sts-testing-wrong-name", "to.plain", "", "testing mx.to.plain", cert("to.plain"), nil, "delivered  opportunistic certificate-host-mismatch", taken},
		{"sts-testing-stripped", "to.plain", "", "testing mx.to.plain", plaintext, nil, "delivered  opportunistic starttls-not-supported", inClear},
		{"sts-none", "to.plain", "", "none", cert("to.plain"), nil, "delivered  opportunistic", taken},
		{"opportunistic", "to.plain", "", "", cert("nobody.plain"), nil, "delivered  opportunistic", taken},
		{"opportunistic-none-offered", "to.plain", "", "", plaintext, nil, "delivered  opportunistic starttls-not-supported", inClear},
		{"opportunistic-454", "to.plain", "", "", refused, nil, "delivered  opportunistic starttls-not-supported", "starttls mail rcpt data"},
		{"opportunistic-broken", "to.plain", "", "", breaking, nil, "delivered  opportunistic validation-failure", "starttls mail rcpt data"},
		{"opportunistic-closed", "to.plain", "", "", closing, nil, "delivered  opportunistic validation-failure", "starttls mail rcpt data"},
		{"opportunistic-injected", "to.plain", "", "", injected, nil, "deferred  opportunistic validation-failure", "starttls"},
		{"opportunistic-old-tls", "to.plain", "", "", oldTLS, nil, "delivered  opportunistic", taken},
		{"requiretls", "to.signed", record, "", requireTLS, asksTLS, "delivered authenticated dane", strings.Replace(taken, "mail", "mail-requiretls", 1)},
		{"requiretls-not-offered", "to.signed", record, "", serve(good), asksTLS, "refused authenticated dane", ""},
		{"requiretls-unproven-name", "to.plain", "", "", requireTLS, asksTLS, "refused  opportunistic", ""},
		{"requiretls-no-dane", "to.signed", "", "", requireTLS, asksTLS, "delivered authenticated opportunistic", strings.Replace(taken, "mail", "mail-requiretls", 1)},
		{"requiretls-bad-certificate", "to.signed", "", "", cert("other.signed"), asksTLS, "deferred  opportunistic certificate-host-mismatch", ""},
		{"tls-required-no", "to.signed", oldRecord, "", serve(good), ignores, "delivered  opportunistic", taken},
		{"tls-required-no-stripped", "to.signed", record, "", plaintext, ignores, "delivered  opportunistic starttls-not-supported", inClear},
		{"tls-required-no-unlisted", "to.plain", "", "enforce mx.other.plain", plaintext, ignores, "delivered  opportunistic starttls-not-supported", inClear},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, planner := tt.bed(t, ca)
			tt.check(t, b, planner)
		})
	}
}

// check delivers and compares what both ends say.
func (s *situation) check(t *testing.T, b *bed, planner *outbound.Planner) {
	t.Helper()
	m := message(t, s.domain)
	if s.change != nil {
		s.change(m)
	}
	plan := planner.Plan(t.Context(), s.domain)
	d := b.deliverer().Deliver(t.Context(), plan, m)
	if diff := cmp.Diff([]string{summary(d), b.servers[0].witnessed()}, []string{s.want, s.witness}); diff != "" {
		t.Errorf("%s\n%s", diff, d.Reason)
	}
	if d.Reason == "" && !d.Delivered {
		t.Error("no reason")
	}
	// A DANE or MTA-STS failure is never permanent.
	if d.Result == outbound.Refused && d.ResultType != "" && !m.Options.RequireTLS {
		t.Errorf("got %s, want a temporary failure", d.Reply)
	}
}

// summary is what became of a message in a line.
func summary(d *outbound.Delivery) string {
	s := string(d.Result) + " "
	if d.Authenticated {
		s += "authenticated"
	}
	return strings.TrimSpace(s + " " + string(d.Policy) + " " + string(d.ResultType))
}

func (s *situation) bed(t *testing.T, ca *authority) (*bed, *outbound.Planner) {
	zone := strings.ReplaceAll("DOMAIN. MX 10 mx.DOMAIN.\nmx.DOMAIN. A 192.0.2.1\n", "DOMAIN", s.domain)
	if s.tlsa != "" {
		zone += "_25._tcp.mx." + s.domain + ". TLSA " + s.tlsa + "\n"
	}
	var policies []string
	if s.sts != "" {
		zone += "_mta-sts." + s.domain + ". TXT \"v=STSv1; id=1;\"\n"
		policies = append(policies, s.domain+" "+s.sts)
	}
	b := &bed{ca: ca, servers: []*mx{s.server(t, ca)}}
	if strings.HasSuffix(s.domain, "signed") {
		b.world = newWorld(t, zone, "")
	} else {
		b.world = newWorld(t, "", zone)
	}
	return b, b.planner(t, policies...)
}

// The next host gets what the first may not have.
func TestDeliverNextHost(t *testing.T) {
	ca := newAuthority(t)
	good, record := ca.issue(t, template("mx2.to.signed"))
	bad, _ := ca.issue(t, template("mx1.to.signed"))
	b := &bed{ca: ca, servers: []*mx{startMX(t, withCert(bad), nil), startMX(t, withCert(good), nil)}}
	b.world = newWorld(t, "to.signed. MX 10 mx1.to.signed.\nto.signed. MX 20 mx2.to.signed.\n"+
		"mx1.to.signed. A 192.0.2.9\nmx1.to.signed. A 192.0.2.1\nmx2.to.signed. A 192.0.2.2\n"+
		"_25._tcp.mx1.to.signed. TLSA "+record+"\n_25._tcp.mx2.to.signed. TLSA "+record, "")
	plan := b.planner(t).Plan(t.Context(), "to.signed")
	d := b.deliverer().Deliver(t.Context(), plan, message(t, "to.signed"))
	var got []string
	for _, a := range d.Attempts {
		got = append(got, fmt.Sprintf("%s %s %s", a.Host, a.Address, a.Stage))
	}
	if len(got) != 3 || !d.Delivered || d.MX != "mx2.to.signed" || b.servers[0].witnessed() != "" {
		t.Errorf("got %v, %s by %s, first server saw %q", got, d.Result, d.MX, b.servers[0].witnessed())
	}
	var reports []string
	for _, r := range outbound.Sessions(plan, d.Attempts) {
		word := "ok"
		if r.Session.Failure != nil {
			word = string(r.Session.Failure.ResultType)
		}
		reports = append(reports, r.Domain+" "+string(r.Session.Policy.Type)+" "+word)
	}
	// DANE is reported to the owner of the host's record.
	want := []string{"mx1.to.signed tlsa " + string(tlsrpt.ValidationFailure), "mx2.to.signed tlsa ok"}
	if diff := cmp.Diff(reports, want); diff != "" {
		t.Error(diff)
	}
}

// Each recipient has its own result.
func TestDeliverRecipients(t *testing.T) {
	ca := newAuthority(t)
	c, _ := ca.issue(t, template("mx.to.plain"))
	s := situation{domain: "to.plain", server: func(t *testing.T, _ *authority) *mx {
		return startMX(t, withCert(c), func(_ *smtp.Server, s *mxSession) {
			s.rcpt = func(p smtp.Path) *smtp.Reply {
				switch p.Local {
				case "gone":
					return smtp.NewReply(550, smtp.EnhancedCode{5, 1, 1}, "gone")
				case "later":
					return smtp.NewReply(450, smtp.EnhancedCode{4, 2, 0}, "later")
				}
				return nil
			}
		})
	}}
	b, planner := s.bed(t, ca)
	d := b.deliverer().Deliver(t.Context(), planner.Plan(t.Context(), "to.plain"), message(t, "to.plain", "gone", "later"))
	var got []string
	for _, r := range d.Recipients {
		got = append(got, r.Recipient.Local+" "+string(r.Result)+" "+r.Reply.Enhanced.String())
	}
	if diff := cmp.Diff(got, []string{"gone refused 5.1.1", "later deferred 4.2.0", "b delivered 2.0.0"}); diff != "" {
		t.Error(diff)
	}
	if d.Result != outbound.Deferred {
		t.Errorf("got %s, want %s", d.Result, outbound.Deferred)
	}
}

// The contract of send.
func TestDeliverJSON(t *testing.T) {
	s := situation{domain: "to.plain", sts: "enforce mx.to.plain", server: cert("mx.to.plain")}
	b, planner := s.bed(t, newAuthority(t))
	d := b.deliverer().Deliver(t.Context(), planner.Plan(t.Context(), "to.plain"), message(t, "to.plain"))
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"result", "delivered", "authenticated", "mx", "policy", "tls", "reply", "tlsrpt_result_type", "attempts", "reason"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if tlsMember, _ := got["tls"].(map[string]any); tlsMember["version"] != "TLS 1.3" || tlsMember["cipher"] == "" {
		t.Errorf("got tls %v", got["tls"])
	}
}

// A domain that takes no mail is refused without a connection.
func TestDeliverNullMX(t *testing.T) {
	b := &bed{ca: newAuthority(t), world: newWorld(t, "to.signed. MX 0 .", "")}
	d := b.deliverer().Deliver(t.Context(), b.planner(t).Plan(t.Context(), "to.signed"), message(t, "to.signed"))
	if d.Result != outbound.Refused || len(d.Attempts) != 0 || !strings.HasPrefix(d.Reply, "556 5.1.10 ") {
		t.Errorf("got %s, %d attempts, %q", d.Result, len(d.Attempts), d.Reply)
	}
}

func TestDeliverRequireTLSReply(t *testing.T) {
	s := situation{domain: "to.signed", server: cert("mx.to.signed")}
	b, planner := s.bed(t, newAuthority(t))
	m := message(t, "to.signed")
	m.Options.RequireTLS = true
	d := b.deliverer().Deliver(t.Context(), planner.Plan(t.Context(), "to.signed"), m)
	if d.Result != outbound.Refused || !strings.HasPrefix(d.Reply, "550 5.7.30 ") {
		t.Errorf("got %s %q, want a refusal with 5.7.30", d.Result, d.Reply)
	}
}

// What keeps a policy from being applied is reported without any session.
func TestSessionsPolicyFailures(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	w.signed.Corrupt("_25._tcp.mx.bogus.signed.", dns.TypeTLSA)
	sessions := func(domain string, policies ...string) string {
		var got []string
		for _, r := range outbound.Sessions(w.planner(t, policies...).Plan(t.Context(), domain), nil) {
			got = append(got, fmt.Sprintf("%s %s %s", r.Domain, r.Session.Policy.Type, r.Session.Failure.ResultType))
		}
		return strings.Join(got, ", ")
	}
	tests := []struct{ name, got, want string }{
		{"bogus", sessions("bogus.signed", "bogus.signed enforce mx.bogus.signed"), "mx.bogus.signed tlsa dnssec-invalid"},
		{"unusable", sessions("unusable.signed", "unusable.signed testing *.unusable.signed"), "mx.unusable.signed tlsa tlsa-invalid"},
		{"unfetched", sessions("a.plain"), "a.plain sts sts-policy-fetch-error"},
		{"malformed-record", sessions("twice.plain"), "twice.plain sts sts-policy-invalid"},
		{"unlisted", sessions("a.plain", "a.plain enforce other.plain"), "a.plain sts validation-failure"},
		{"nothing", sessions("null.signed"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.got, tt.want); diff != "" {
				t.Error(diff)
			}
		})
	}
	ev := &mtasts.Evaluation{Errors: []*mtasts.Error{{Reason: mtasts.BadCertificate}}}
	got := outbound.Sessions(&outbound.Plan{Domain: "a.plain", STS: ev}, nil)
	if len(got) != 1 || got[0].Session.Failure.ResultType != tlsrpt.STSWebPKIInvalid {
		t.Errorf("got %+v, want %s", got, tlsrpt.STSWebPKIInvalid)
	}
}

// However many addresses a zone lists, one Deliver ends soon.
func TestDeliverMaxAttempts(t *testing.T) {
	var zone strings.Builder
	for h := range 4 {
		fmt.Fprintf(&zone, "to.plain. MX %d h%d.to.plain.\n", h, h)
		for i := range 5 {
			fmt.Fprintf(&zone, "h%d.to.plain. A 192.0.2.%d\n", h, 100+i)
		}
	}
	b := &bed{ca: newAuthority(t), world: newWorld(t, "", zone.String())}
	d := b.deliverer().Deliver(t.Context(), b.planner(t).Plan(t.Context(), "to.plain"), message(t, "to.plain"))
	if d.Result != outbound.Deferred || len(d.Attempts) != outbound.MaxAttempts {
		t.Errorf("got %s after %d attempts, want %s after %d", d.Result, len(d.Attempts), outbound.Deferred, outbound.MaxAttempts)
	}
}

func BenchmarkDeliver(b *testing.B) {
	ca := newAuthority(b)
	c, record := ca.issue(b, template("mx.to.signed"))
	bed := &bed{ca: ca, servers: []*mx{startMX(b, withCert(c), nil)}}
	bed.world = newWorld(b, "to.signed. MX 10 mx.to.signed.\nmx.to.signed. A 192.0.2.1\n_25._tcp.mx.to.signed. TLSA "+record, "")
	plan := bed.planner(b).Plan(b.Context(), "to.signed")
	d, m := bed.deliverer(), message(b, "to.signed")
	b.ReportAllocs()
	for b.Loop() {
		if got := d.Deliver(b.Context(), plan, m); !got.Delivered {
			b.Fatal(got.Reason)
		}
	}
}

// What keeps everybody from connecting has its result type and its policy too.
func TestDeliverNobodyAsked(t *testing.T) {
	w := newWorld(t, signedZone, plainZone)
	w.signed.Corrupt("_25._tcp.mx.bogus.signed.", dns.TypeTLSA)
	w.signed.Corrupt("bogusmx.signed.", dns.TypeMX)
	w.signed.Corrupt("bogusaddr-host.signed.", dns.TypeA)
	tests := []struct{ name, domain, sts, want string }{
		{"bogus-tlsa", "bogus.signed", "", "deferred mx.bogus.signed dane dnssec-invalid"},
		{"bogus-mx", "bogusmx.signed", "", "deferred   dnssec-invalid"},
		{"bogus-address", "bogusaddr.signed", "", "deferred bogusaddr-host.signed opportunistic dnssec-invalid"},
		{"unlisted", "a.plain", "a.plain enforce other.plain", "deferred mx.plain mta-sts validation-failure"},
		{"null-mx", "null.signed", "", "refused   "},
		// Of several hosts the one that was asked counts, not the one left out.
		{"unlisted-last", "two.plain", "two.plain enforce mx.plain", "deferred mx.plain mta-sts validation-failure"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &bed{ca: newAuthority(t), world: w}
			plan := w.planner(t, tt.sts).Plan(t.Context(), tt.domain)
			d := b.deliverer().Deliver(t.Context(), plan, message(t, tt.domain))
			got := fmt.Sprintf("%s %s %s %s", d.Result, d.MX, d.Policy, d.ResultType)
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("%s\n%s", diff, d.Reason)
			}
			if d.Reason == "" || d.Reply == "" {
				t.Errorf("got reason %q, reply %q", d.Reason, d.Reply)
			}
		})
	}
}

// A server that hangs up in the middle of a message has answered nothing.
func TestDeliverCutShort(t *testing.T) {
	s := situation{domain: "to.plain", server: scripted(map[string]string{"DATA": ""})}
	b, planner := s.bed(t, nil)
	b.ca = newAuthority(t)
	d := b.deliverer().Deliver(t.Context(), planner.Plan(t.Context(), "to.plain"), message(t, "to.plain"))
	if d.Result != outbound.Deferred || !strings.HasPrefix(d.Reply, "451 4.4.0 ") {
		t.Errorf("got %s %q, want it deferred without a reply of the server's", d.Result, d.Reply)
	}
}

// A refused MAIL decides for all recipients, whatever the server says to the RCPT
// that came in the same breath.
func TestDeliverMailRefused(t *testing.T) {
	const pipelining = "250-mx.test\r\n250 PIPELINING\r\n"
	tests := []struct{ name, ehlo, mail, rcpt, want string }{
		{"temporary-pipelined", pipelining, "451 4.7.1 not now\r\n", "503 5.5.1 MAIL first\r\n", "deferred 451 4.7.1 not now"},
		{"permanent-pipelined", pipelining, "550 5.7.1 not you\r\n", "503 5.5.1 MAIL first\r\n", "refused 550 5.7.1 not you"},
		{"temporary", "250 mx.test\r\n", "451 4.7.1 not now\r\n", "250 ok\r\n", "deferred 451 4.7.1 not now"},
		{"permanent", "250 mx.test\r\n", "550 5.7.1 not you\r\n", "250 ok\r\n", "refused 550 5.7.1 not you"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := situation{domain: "to.plain", server: scripted(map[string]string{
				"EHLO": tt.ehlo, "MAIL": tt.mail, "RCPT": tt.rcpt, "DATA": "503 5.5.1 MAIL first\r\n",
			})}
			b, planner := s.bed(t, nil)
			b.ca = newAuthority(t)
			d := b.deliverer().Deliver(t.Context(), planner.Plan(t.Context(), "to.plain"), message(t, "to.plain"))
			if diff := cmp.Diff(string(d.Result)+" "+d.Reply, tt.want); diff != "" {
				t.Errorf("%s\n%s", diff, d.Reason)
			}
		})
	}
}

// A network without IPv6 must not use up the attempts on a host that has many such
// addresses.
func TestDeliverManyIPv6(t *testing.T) {
	zone := "to.plain. MX 10 mx.to.plain.\nmx.to.plain. A 192.0.2.1\n"
	for i := range outbound.MaxAttempts + 1 {
		zone += fmt.Sprintf("mx.to.plain. AAAA 2001:db8::%d\n", i+1)
	}
	b := &bed{ca: newAuthority(t), servers: []*mx{startScript(t, nil)}, world: newWorld(t, "", zone)}
	d := b.deliverer().Deliver(t.Context(), b.planner(t).Plan(t.Context(), "to.plain"), message(t, "to.plain"))
	if !d.Delivered || len(d.Attempts) != 2 {
		t.Errorf("got %s after %d attempts, want delivered after 2: %s", d.Result, len(d.Attempts), d.Reason)
	}
}
