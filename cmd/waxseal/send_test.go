package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/smtp"
)

// situation is a domain NAME.signed or NAME.plain with one MX host, mx.DOMAIN.
type situation struct {
	name string // of the domain, with the zone: "good.signed"
	cert string // of the MX host; see identityOf
	smtp string // what the MX host does; see startHost
	tlsa string // below _25._tcp; see recordOf
	sts  string // the policy; see publishFor
	harm func(s *zonesign.Signed, domain string)
	args []string

	want    string // result, "authenticated" or "-", policy, TLSRPT type
	witness string // what the MX host saw
}

// What an MX host witnesses.
const (
	inTLS   = "tls:mail tls:rcpt tls:data"
	inClear = "mail rcpt data"
)

func situations() []situation {
	corrupt := func(prefix string, t uint16) func(*zonesign.Signed, string) {
		return func(s *zonesign.Signed, domain string) { s.Corrupt(prefix+domain+".", t) }
	}
	strip := func(s *zonesign.Signed, domain string) { s.Strip("_25._tcp.mx."+domain+".", dns.TypeTLSA) }
	requireTLS := []string{"--requiretls"}
	return []situation{
		{"ee.signed", "good", "", "3 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ee-expired.signed", "expired", "", "3 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ee-other-name.signed", "other-name", "", "3 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ee-stranger.signed", "stranger", "", "3 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ee-wrong.signed", "good", "", "wrong", "", nil, nil, "deferred - dane validation-failure", ""},
		{"ee-next.signed", "good", "", "wrong+3 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ta.signed", "good", "", "2 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ta-domain-name.signed", "domain-name", "", "2 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ta-wildcard.signed", "wildcard", "", "2 1 1", "", nil, nil, "delivered authenticated dane", inTLS},
		{"ta-other-name.signed", "other-name", "", "2 1 1", "", nil, nil, "deferred - dane certificate-host-mismatch", ""},
		{"ta-expired.signed", "expired", "", "2 1 1", "", nil, nil, "deferred - dane certificate-expired", ""},
		{"ta-stranger.signed", "stranger", "", "2 1 1", "", nil, nil, "deferred - dane validation-failure", ""},
		{"ta-is-leaf.signed", "good", "", "2 of leaf", "", nil, nil, "deferred - dane validation-failure", ""},
		{"digests.signed", "good", "", "weaker", "", nil, nil, "deferred - dane validation-failure", ""},
		{"unusable.signed", "stranger", "", "1 1 1", "", nil, nil, "delivered - dane-unauthenticated tlsa-invalid", inTLS},
		{"unusable-clear.signed", "stranger", "clear", "1 1 1", "", nil, nil, "deferred - dane-unauthenticated starttls-not-supported", ""},
		{"unusable-sts.signed", "good", "", "1 1 1", "enforce", nil, nil, "delivered authenticated mta-sts tlsa-invalid", inTLS},
		{"stripped.signed", "good", "clear", "3 1 1", "", nil, nil, "deferred - dane starttls-not-supported", ""},
		{"refused.signed", "good", "454", "3 1 1", "", nil, nil, "deferred - dane starttls-not-supported", "starttls"},
		{"broken.signed", "good", "garbage", "3 1 1", "", nil, nil, "deferred - dane validation-failure", "starttls"},
		{"injected.signed", "good", "injected", "3 1 1", "", nil, nil, "deferred - dane validation-failure", "starttls"},
		{"old-tls.signed", "good", "tls1.1", "3 1 1", "", nil, nil, "deferred - dane validation-failure", ""},
		{"bogus-tlsa.signed", "good", "", "3 1 1", "", corrupt("_25._tcp.mx.", dns.TypeTLSA), nil, "deferred - dane dnssec-invalid", ""},
		{"bogus-tlsa-sts.signed", "good", "", "3 1 1", "enforce", corrupt("_25._tcp.mx.", dns.TypeTLSA), nil, "deferred - dane dnssec-invalid", ""},
		{"stripped-tlsa.signed", "good", "", "3 1 1", "", strip, nil, "deferred - dane dnssec-invalid", ""},
		{"bogus-mx.signed", "good", "", "3 1 1", "", corrupt("", dns.TypeMX), nil, "deferred -  dnssec-invalid", ""},
		{"bogus-address.signed", "good", "", "3 1 1", "", corrupt("mx.", dns.TypeA), nil, "deferred - opportunistic dnssec-invalid", ""},
		{"servfail-tlsa.signed", "good", "", "3 1 1", "", nil, nil, "deferred - dane dnssec-invalid", ""},
		{"servfail-tlsa-sts.signed", "good", "", "3 1 1", "enforce", nil, nil, "deferred - dane dnssec-invalid", ""},
		{"agree.signed", "good", "", "3 1 1", "enforce", nil, nil, "delivered authenticated dane", inTLS},
		{"dane-over-sts.signed", "stranger", "", "3 1 1", "enforce", nil, nil, "delivered authenticated dane", inTLS},
		{"dane-over-mx.signed", "good", "", "3 1 1", "enforce other.signed", nil, nil, "delivered authenticated dane", inTLS},
		{"sts-no-rescue.signed", "good", "", "wrong", "enforce", nil, nil, "deferred - dane validation-failure", ""},
		{"unsigned-tlsa.plain", "stranger", "", "wrong", "", nil, nil, "delivered - opportunistic", inTLS},
		{"sts.plain", "good", "", "", "enforce", nil, nil, "delivered authenticated mta-sts", inTLS},
		{"sts-signed.signed", "good", "", "", "enforce", nil, nil, "delivered authenticated mta-sts", inTLS},
		{"sts-wildcard.plain", "good", "", "", "enforce *.sts-wildcard.plain", nil, nil, "delivered authenticated mta-sts", inTLS},
		{"sts-depth.plain", "good", "", "", "enforce *.plain", nil, nil, "deferred - mta-sts validation-failure", ""},
		{"sts-unlisted.plain", "good", "", "", "enforce mx.elsewhere.plain", nil, nil, "deferred - mta-sts validation-failure", ""},
		{"sts-other-name.plain", "other-name", "", "", "enforce", nil, nil, "deferred - mta-sts certificate-host-mismatch", ""},
		{"sts-expired.plain", "expired", "", "", "enforce", nil, nil, "deferred - mta-sts certificate-expired", ""},
		{"sts-stranger.plain", "stranger", "", "", "enforce", nil, nil, "deferred - mta-sts certificate-not-trusted", ""},
		{"sts-clear.plain", "good", "clear", "", "enforce", nil, nil, "deferred - mta-sts starttls-not-supported", ""},
		{"sts-refused.plain", "good", "454", "", "enforce", nil, nil, "deferred - mta-sts starttls-not-supported", "starttls"},
		{"sts-broken.plain", "good", "garbage", "", "enforce", nil, nil, "deferred - mta-sts validation-failure", "starttls"},
		{"sts-testing.plain", "good", "", "", "testing", nil, nil, "delivered authenticated opportunistic", inTLS},
		{"sts-testing-name.plain", "other-name", "", "", "testing", nil, nil, "delivered - opportunistic certificate-host-mismatch", inTLS},
		{"sts-testing-clear.plain", "good", "clear", "", "testing", nil, nil, "delivered - opportunistic starttls-not-supported", inClear},
		{"sts-testing-unlisted.plain", "good", "", "", "testing mx.elsewhere.plain", nil, nil, "delivered authenticated opportunistic validation-failure", inTLS},
		{"sts-none.plain", "other-name", "", "", "none", nil, nil, "delivered - opportunistic", inTLS},
		{"sts-down.plain", "good", "", "", "down", nil, nil, "delivered - opportunistic sts-policy-fetch-error", inTLS},
		{"sts-redirect.plain", "other-name", "", "", "redirect", nil, nil, "delivered - opportunistic sts-policy-fetch-error", inTLS},
		{"sts-large.plain", "other-name", "", "", "large", nil, nil, "delivered - opportunistic sts-policy-fetch-error", inTLS},
		{"sts-html.plain", "other-name", "", "", "html", nil, nil, "delivered - opportunistic sts-policy-fetch-error", inTLS},
		{"sts-malformed.plain", "other-name", "", "", "malformed", nil, nil, "delivered - opportunistic sts-policy-invalid", inTLS},
		{"sts-bad-cert.plain", "other-name", "", "", "bad-cert", nil, nil, "delivered - opportunistic sts-webpki-invalid", inTLS},
		{"sts-blocked.signed", "good", "", "", "enforce", corrupt("_mta-sts.", dns.TypeTXT), nil, "deferred - opportunistic", ""},
		{"sts-blocked-dane.signed", "good", "", "3 1 1", "enforce", corrupt("_mta-sts.", dns.TypeTXT), nil, "delivered authenticated dane", inTLS},
		{"plain.plain", "stranger", "", "", "", nil, nil, "delivered - opportunistic", inTLS},
		{"clear.plain", "good", "clear", "", "", nil, nil, "delivered - opportunistic starttls-not-supported", inClear},
		{"broken.plain", "good", "garbage", "", "", nil, nil, "delivered - opportunistic validation-failure", "starttls mail rcpt data"},
		{"injected.plain", "good", "injected", "", "", nil, nil, "deferred - opportunistic validation-failure", "starttls"},
		{"greylisted.plain", "good", "greylisted", "", "", nil, nil, "deferred - opportunistic starttls-not-supported", "mail rcpt"},
		{"mail-451.plain", "good", "mail-451", "", "", nil, nil, "deferred - opportunistic starttls-not-supported", "mail rcpt"},
		{"mail-550.plain", "good", "mail-550", "", "", nil, nil, "refused - opportunistic starttls-not-supported", "mail"},
		{"data-554.plain", "good", "data-554", "", "", nil, nil, "refused - opportunistic starttls-not-supported", "mail rcpt"},
		{"busy.plain", "good", "busy", "", "", nil, nil, "deferred - opportunistic", ""},
		{"require.signed", "good", "requiretls", "3 1 1", "", nil, requireTLS, "delivered authenticated dane", "tls:mail+requiretls tls:rcpt tls:data"},
		{"require-sts.plain", "good", "requiretls", "", "enforce", nil, requireTLS, "delivered authenticated mta-sts", "tls:mail+requiretls tls:rcpt tls:data"},
		{"require-unknown.signed", "good", "", "3 1 1", "", nil, requireTLS, "refused authenticated dane", ""},
		{"require-unproven.plain", "good", "requiretls", "", "", nil, requireTLS, "refused - opportunistic", ""},
	}
}

// identityOf makes the certificate of an MX host.
func (tn *town) identityOf(kind, domain string) *identity {
	host := "mx." + domain
	switch kind {
	case "expired":
		c := template(host)
		c.NotAfter = time.Now().AddDate(0, 0, -1)
		return tn.ca.issue(tn.t, c)
	case "other-name":
		return tn.ca.issue(tn.t, template("mx.elsewhere.example"))
	case "domain-name":
		return tn.ca.issue(tn.t, template(domain))
	case "wildcard":
		return tn.ca.issue(tn.t, template("*."+domain))
	case "stranger":
		return tn.anyone.issue(tn.t, template(host))
	}
	return tn.ca.issue(tn.t, template(host))
}

// startHost starts the MX host of a situation.
func (tn *town) startHost(s *situation, id *identity) *mx {
	const ehlo = "250-mx.town\r\n250 STARTTLS\r\n"
	config := &tls.Config{Certificates: []tls.Certificate{id.tls()}}
	switch s.smtp {
	case "clear":
		return tn.serve(nil, nil)
	case "454":
		return tn.play(map[string]string{"EHLO": ehlo, "STARTTLS": "454 4.7.0 not now\r\n"})
	case "garbage":
		return tn.play(map[string]string{"EHLO": ehlo, "STARTTLS": "220 go\r\n" + garbage})
	case "injected":
		return tn.play(map[string]string{"EHLO": ehlo, "STARTTLS": "220 go\r\n250-fake\r\n250 SIZE\r\n"})
	case "greylisted":
		return tn.play(map[string]string{"RCPT": "451 4.7.1 greylisted\r\n"})
	case "mail-451": // what follows in the same breath is answered by 503
		return tn.play(map[string]string{"EHLO": "250-mx.town\r\n250 PIPELINING\r\n", "MAIL": "451 4.7.1 not now\r\n", "RCPT": "503 5.5.1 MAIL first\r\n", "DATA": "503 5.5.1 MAIL first\r\n"})
	case "mail-550":
		return tn.play(map[string]string{"MAIL": "550 5.7.1 not from you\r\n"})
	case "data-554":
		return tn.play(map[string]string{"DATA": "554 5.6.0 no\r\n"})
	case "busy":
		return tn.play(map[string]string{"greeting": "421 4.3.2 too busy\r\n"})
	case "tls1.1":
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	case "requiretls":
		e := smtp.DefaultExtensions()
		e.RequireTLS = true
		return tn.serve(config, &e)
	}
	return tn.serve(config, nil)
}

// recordOf writes the TLSA records of a situation.
func (tn *town) recordOf(kind string, id *identity) []string {
	wrong := tn.anyone.record(3)
	switch kind {
	case "":
		return nil
	case "3 1 1":
		return []string{id.record(3)}
	case "wrong":
		return []string{wrong}
	case "wrong+3 1 1":
		return []string{wrong, id.record(3)}
	case "2 1 1":
		return []string{tn.ca.record(2)}
	case "2 of leaf":
		return []string{id.record(2)}
	case "1 1 1":
		return []string{id.record(1)}
	case "weaker": // the SHA-256 is right, but there is a SHA-512, and it is wrong
		return []string{id.record(3), "3 1 2 " + strings.Repeat("ab", 64)}
	}
	panic(kind)
}

// publishFor publishes the policy of a situation: "MODE [MX...]" or a fault.
func (tn *town) publishFor(kind, domain string) {
	good := policyText("enforce", "mx."+domain)
	handler := page(good)
	switch kind {
	case "down":
		handler = nil
	case "redirect":
		handler = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/policy.txt", http.StatusFound) }
	case "large":
		handler = page(good + strings.Repeat("x: y\r\n", 12000))
	case "html":
		handler = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, good)
		}
	case "malformed":
		handler = page("version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\n")
	case "bad-cert":
	default:
		words := strings.Fields(kind)
		if len(words) == 1 {
			words = append(words, "mx."+domain)
		}
		handler = page(policyText(words[0], words[1:]...))
	}
	tn.publish(domain, handler)
	if kind == "bad-cert" {
		tn.certs["mta-sts."+domain] = tn.anyone.issue(tn.t, template("mta-sts."+domain)).tls()
	}
}

// build puts a situation into the town.
func (tn *town) build(s *situation) *mx {
	_, zone, _ := strings.Cut(s.name, ".")
	id := tn.identityOf(s.cert, s.name)
	m := tn.startHost(s, id)
	tn.zone(zone, "%s. MX 10 mx.%s.\nmx.%s. A %s\n", s.name, s.name, s.name, m.addr)
	for _, r := range tn.recordOf(s.tlsa, id) {
		tn.zone(zone, "_25._tcp.mx.%s. TLSA %s\n", s.name, r)
	}
	if s.sts != "" {
		tn.zone(zone, "_mta-sts.%s. TXT \"v=STSv1; id=1;\"\nmta-sts.%s. A 127.0.0.1\n", s.name, s.name)
		tn.publishFor(s.sts, s.name)
	}
	return m
}

// TestSendSituations delivers to a server in each situation, through DNS, HTTPS and
// SMTP on loopback, and asks both ends what happened.
func TestSendSituations(t *testing.T) {
	tn := newTown(t)
	all := situations()
	hosts := make([]*mx, len(all))
	for i := range all {
		hosts[i] = tn.build(&all[i])
	}
	tn.open(func() {
		for i := range all {
			if all[i].harm != nil {
				all[i].harm(tn.signed, all[i].name)
			}
		}
		tn.world.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
			if q.Type == resolver.TypeTLSA && strings.Contains(q.Name, ".servfail-") {
				m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			}
			return m
		}
	})
	for i := range all {
		s := &all[i]
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"send", "--from", "a@out.example", "--to", "b@" + s.name, "--port", tn.port}, tn.flags(true)...)
			got := tn.waxseal(t, append(append(args, s.args...), tn.file("message.eml"))...)
			if diff := cmp.Diff([]string{shortSent(got), hosts[i].witnessed()}, []string{s.want, s.witness}); diff != "" {
				t.Errorf("%s\n%v", diff, got["reason"])
			}
			if got["reason"] == "" || got["reply"] == "" {
				t.Errorf("got reason %q, reply %q", got["reason"], got["reply"])
			}
			// The plan that tls-policy prints is the one that send went by.
			plan := tn.waxseal(t, append([]string{"tls-policy", s.name, "--port", tn.port}, tn.flags(true)...)...)
			if want := got["plan"].(map[string]any); plan["mechanism"] != want["mechanism"] || plan["reason"] != want["reason"] {
				t.Errorf("got plan %v %v, want %v %v", plan["mechanism"], plan["reason"], want["mechanism"], want["reason"])
			}
		})
	}
}

// TestSendHosts delivers to domains with several hosts, aliases, or none.
func TestSendHosts(t *testing.T) {
	tn := newTown(t)
	bad := tn.build(&situation{name: "bad.signed", cert: "stranger", tlsa: "wrong"})
	good := tn.build(&situation{name: "good.signed", cert: "good", tlsa: "3 1 1"})
	plain := tn.build(&situation{name: "host.plain", cert: "good"})
	tn.zone("signed", "two.signed. MX 10 mx.bad.signed.\ntwo.signed. MX 20 mx.good.signed.\n")
	tn.zone("signed", "down.signed. MX 10 off.signed.\ndown.signed. MX 20 mx.good.signed.\noff.signed. A 127.0.1.250\n")
	tn.zone("signed", "alias.signed. CNAME good.signed.\n")
	tn.zone("signed", "mxalias.signed. MX 10 other-name.signed.\nother-name.signed. CNAME mx.good.signed.\n")
	tn.zone("signed", "away.signed. MX 10 mx.host.plain.\nnull.signed. MX 0 .\n")
	tn.zone("plain", "insecure-mx.plain. MX 10 mx.good.signed.\nimplicit.plain. A %s\n", plain.addr)
	tn.open(nil)
	const no = "" // no host
	tests := []struct{ domain, want, mx string }{
		{"two.signed", "delivered authenticated dane validation-failure", "mx.good.signed"},
		{"down.signed", "delivered authenticated dane", "mx.good.signed"},
		{"alias.signed", "delivered authenticated dane", "mx.good.signed"},
		{"mxalias.signed", "delivered authenticated dane", "other-name.signed"},
		{"away.signed", "delivered - opportunistic", "mx.host.plain"},
		{"insecure-mx.plain", "delivered authenticated dane", "mx.good.signed"},
		{"implicit.plain", "delivered - opportunistic", "implicit.plain"},
		{"null.signed", "refused -", no},
		{"nowhere.signed", "refused -", no},
	}
	for _, tt := range tests {
		t.Run(tt.domain, func(t *testing.T) {
			args := append([]string{"send", "--from", "a@out.example", "--to", "b@" + tt.domain, "--port", tn.port, tn.file("message.eml")}, tn.flags(true)...)
			got := tn.waxseal(t, args...)
			if diff := cmp.Diff([]string{shortSent(got), got["mx"].(string)}, []string{tt.want, tt.mx}); diff != "" {
				t.Errorf("%s\n%v", diff, got["reason"])
			}
			good.witnessed()
			plain.witnessed()
		})
	}
	if got := bad.witnessed(); got != "" {
		t.Errorf("got %s at the host that no record means", got)
	}
}

// shortSent writes what became of a message in a line.
func shortSent(got map[string]any) string {
	who := "-"
	if got["authenticated"] == true {
		who = "authenticated"
	}
	if got["delivered"] != (got["result"] == "delivered") {
		who = "contradicted"
	}
	return strings.TrimRight(fmt.Sprintf("%s %s %s %s", got["result"], who, got["policy"], got["tlsrpt_result_type"]), " ")
}

// TestSendMessage holds what goes over the wire to what was in the file.
func TestSendMessage(t *testing.T) {
	tn := newTown(t)
	m := tn.build(&situation{name: "to.plain", cert: "good"})
	tn.open(nil)
	send := func(t *testing.T, text string, to ...string) (int, string) {
		path := tn.file("sent.eml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"send", "--from", "", "--port", tn.port, path}
		for _, r := range to {
			args = append(args, "--to", r+"@to.plain")
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), append(args, tn.flags(true)...), stdio{strings.NewReader(""), &out, &errs})
		return code, out.String() + errs.String()
	}
	tests := []struct{ name, text, want, witness string }{
		{"lf", "A: b\n\nbody\n.\nend\n", "A: b\r\n\r\nbody\r\n.\r\nend\r\n", inTLS},
		{"crlf", "A: b\r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n", inTLS},
		{"no-last-line-end", "A: b\n\nbody", "A: b\r\n\r\nbody\r\n", inTLS},
		{"mbox", "From a Mon Jan  1 00:00:00 2026\nA: b\n\nbody\n", "A: b\r\n\r\nbody\r\n", inTLS},
		{"8bit", "A: b\n\nb\xc3\xb6dy\n", "A: b\r\n\r\nb\xc3\xb6dy\r\n", "tls:mail+8bitmime tls:rcpt tls:data"},
		{"utf8-header", "A: \xc3\xb6\n\nbody\n", "A: \xc3\xb6\r\n\r\nbody\r\n", "tls:mail+smtputf8 tls:rcpt tls:data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out := send(t, tt.text, "b")
			if diff := cmp.Diff([]string{string(m.last), m.witnessed()}, []string{tt.want, tt.witness}); diff != "" || code != 0 {
				t.Errorf("exit code %d: %s\n%s", code, diff, out)
			}
		})
	}
	for name, text := range map[string]string{
		"mixed": "A: b\r\n\r\nbody\n.\nMAIL FROM:<x@y>\r\n", "bare-cr": "A: b\r\n\r\nbo\rdy\r\n", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			if code, out := send(t, text, "b"); code != exitFailed || m.witnessed() != "" || !strings.Contains(out, "hint: ") {
				t.Errorf("got exit code %d, %s", code, out)
			}
		})
	}
	t.Run("recipients", func(t *testing.T) {
		_, out := send(t, "A: b\n\nbody\n", "b", "gone", "later")
		for _, want := range []string{`"result":"deferred"`, `"recipient":"gone@to.plain","result":"refused"`, `"recipient":"b@to.plain","result":"delivered"`} {
			if !strings.Contains(out, want) {
				t.Errorf("got %s, want %s in it", out, want)
			}
		}
	})
}

// TestSendState holds that a policy outlives the process, the record and the host,
// and that a new id is honoured at once.
func TestSendState(t *testing.T) {
	tn := newTown(t)
	m := tn.build(&situation{name: "kept.plain", cert: "other-name", sts: "enforce"})
	var mu sync.Mutex
	var txt []dns.RR
	record := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if txt = nil; text == "" {
			return
		}
		rr, err := dns.NewRR("_mta-sts.kept.plain. TXT \"" + text + "\"")
		if err != nil {
			t.Fatal(err)
		}
		txt = append(txt, rr)
	}
	record("v=STSv1; id=1;")
	tn.open(func() {
		tn.world.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
			mu.Lock()
			defer mu.Unlock()
			if q.Type == resolver.TypeTXT {
				m.Answer = txt
			}
			return m
		}
	})
	send := func(more ...string) string {
		args := append([]string{"send", "--from", "a@out.example", "--to", "b@kept.plain", "--port", tn.port, tn.file("message.eml")}, tn.flags(true)...)
		return shortSent(tn.waxseal(t, append(args, more...)...)) + "; " + m.witnessed()
	}
	status := func() string {
		got := tn.waxseal(t, append([]string{"mta-sts", "kept.plain", "--state", tn.file("state")}, tn.flags(true)...)...)
		return fmt.Sprintf("%v %v %v %d errors", got["status"], got["id"], got["source"], len(got["errors"].([]any)))
	}
	const (
		held   = "deferred - mta-sts certificate-host-mismatch; "
		let    = "delivered - opportunistic certificate-host-mismatch; " + inTLS
		noRule = "delivered - opportunistic sts-policy-fetch-error; " + inTLS
	)
	state := []string{"--state", tn.file("state")}
	steps := []struct {
		name   string
		do     func()
		args   []string
		send   string
		status string
	}{
		{"fetched", func() {}, state, held, "valid 1 cache 0 errors"},
		{"host-down", func() { tn.publish("kept.plain", nil) }, state, held, "valid 1 cache 0 errors"},
		{"host-down-no-state", func() {}, nil, noRule, "valid 1 cache 0 errors"},
		{"new-id-host-down", func() { record("v=STSv1; id=2;") }, state, "deferred - mta-sts certificate-host-mismatch; ", "valid 1 cache 1 errors"},
		{"record-gone", func() { record("") }, state, held, "valid 1 cache 1 errors"},
		{"new-id", func() {
			record("v=STSv1; id=3;")
			tn.publish("kept.plain", page(policyText("testing", "mx.kept.plain")))
		}, state, let, "valid 3 cache 0 errors"},
		{"expired", func() { tn.publish("kept.plain", nil) }, append([]string{"--at", time.Now().AddDate(0, 0, 8).UTC().Format(time.RFC3339)}, state...), "delivered - opportunistic sts-policy-fetch-error; " + inTLS, "valid 3 cache 0 errors"},
	}
	for _, step := range steps {
		step.do()
		if diff := cmp.Diff([]string{send(step.args...), status()}, []string{step.send, step.status}); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}
