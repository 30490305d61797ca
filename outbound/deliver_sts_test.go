package outbound_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// stsSituation is a situation of to.plain and its policy host.
type stsSituation struct {
	name   string
	record string // the texts of the TXT records, with a bar between them
	cached string // mode, mx and age in the cache under id 1, such as "enforce mx.to.plain 1h"; "" for nothing
	host   func(*testing.T, *authority) int
	mx     string // whom the server's certificate names
	spoil  func(*world)

	want    string // result and policy, as in situation, then the reports
	witness string
}

const (
	goodPolicy = "version: STSv1\r\nmode: enforce\r\nmx: mx.to.plain\r\nmax_age: 86400\r\n"
	policyHost = "192.0.2.80"
)

// policyServer serves HTTPS with a certificate and returns its port.
func policyServer(t *testing.T, c tls.Certificate, h http.HandlerFunc) int {
	s := httptest.NewUnstartedServer(h)
	s.TLS = withCert(c)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

// publishing serves a policy, as a type of media, with a status.
func publishing(status int, media, body string) func(*testing.T, *authority) int {
	return func(t *testing.T, ca *authority) int {
		c, _ := ca.issue(t, template("mta-sts.to.plain"))
		return policyServer(t, c, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
}

// publishingAs serves the good policy with a certificate by someone.
func publishingAs(c func(*testing.T, *authority) tls.Certificate) func(*testing.T, *authority) int {
	return func(t *testing.T, ca *authority) int {
		return policyServer(t, c(t, ca), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, goodPolicy)
		})
	}
}

func down(*testing.T, *authority) int { return 0 }

// slow serves a policy that does not end.
func slow(t *testing.T, ca *authority) int {
	c, _ := ca.issue(t, template("mta-sts.to.plain"))
	return policyServer(t, c, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "version: STSv1\r\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
}

// redirecting sends on to a place that has the good policy.
func redirecting(t *testing.T, ca *authority) int {
	c, _ := ca.issue(t, template("mta-sts.to.plain"))
	return policyServer(t, c, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, goodPolicy)
			return
		}
		http.Redirect(w, r, "/there", http.StatusFound)
	})
}

func (s *stsSituation) bed(t *testing.T, ca *authority) (*bed, *outbound.Planner) {
	zone := "to.plain. MX 10 mx.to.plain.\nmx.to.plain. A 192.0.2.1\nmta-sts.to.plain. A " + policyHost + "\n"
	for r := range strings.SplitSeq(s.record, "|") {
		if r != "" {
			zone += "_mta-sts.to.plain. TXT \"" + r + "\"\n"
		}
	}
	c, _ := ca.issue(t, template(s.mx))
	b := &bed{ca: ca, servers: []*mx{startMX(t, withCert(c), nil)}, world: newWorld(t, "", zone)}
	if s.spoil != nil {
		s.spoil(b.world)
	}
	planner := b.planner(t)
	port := s.host(t, ca)
	planner.STS.Fetcher = &mtasts.Fetcher{
		Resolver: planner.Resolver, RootCAs: ca.Pool(), Timeout: time.Second, Time: func() time.Time { return now },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if port == 0 || address != policyHost+":443" {
				return nil, fmt.Errorf("no route to %s", address)
			}
			return new(net.Dialer).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
		},
	}
	if words := strings.Fields(s.cached); len(words) == 3 {
		age, err := time.ParseDuration(words[2])
		if err != nil {
			t.Fatal(err)
		}
		err = planner.STS.Store.Save(t.Context(), &mtasts.Entry{
			Domain: "to.plain", ID: "1", Fetched: now.Add(-age), Expires: now.Add(-age).Add(24 * time.Hour), Used: now,
			Policy: mtasts.Policy{Version: "STSv1", Mode: mtasts.Mode(words[0]), MX: words[1:2], MaxAge: 86400},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b, planner
}

// reports are the sessions for TLSRPT in a line.
func reports(plan *outbound.Plan, d *outbound.Delivery) string {
	var all []string
	for _, r := range outbound.Sessions(plan, d.Attempts) {
		word := "ok"
		if r.Session.Failure != nil {
			word = string(r.Session.Failure.ResultType)
		}
		all = append(all, string(r.Session.Policy.Type)+"="+word)
	}
	return strings.Join(all, " ")
}

// What a policy host says, fails to say and said before decides what a server is
// asked.
func TestDeliverSTS(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	issued := func(a *authority, expire bool, name string) func(*testing.T, *authority) tls.Certificate {
		return func(t *testing.T, _ *authority) tls.Certificate {
			tmpl := template(name)
			if expire {
				tmpl = expired(name)
			}
			c, _ := a.issue(t, tmpl)
			return c
		}
	}
	good := publishing(200, "text/plain; charset=utf-8", goodPolicy)
	mode := func(m string) func(*testing.T, *authority) int {
		return publishing(200, "text/plain", strings.Replace(goodPolicy, "enforce", m, 1))
	}
	const (
		mx, other = "mx.to.plain", "other.plain"
		record    = "v=STSv1; id=1;"
		second    = "v=STSv1; id=2;"
		cached    = "enforce mx.to.plain 1h"
		old       = "enforce mx.to.plain 25h"
		open      = "delivered  opportunistic"
		kept      = "delivered authenticated mta-sts"
		failed    = "deferred  mta-sts certificate-host-mismatch"
		fetching  = " sts-policy-fetch-error"
		unfetched = " sts=sts-policy-fetch-error"
		none      = " no-policy-found=ok"
	)
	taken := fmt.Sprintf("tls:mail tls:rcpt tls:data=%d", len(messageText))
	tests := []stsSituation{
		{"enforce", record, "", good, mx, nil, kept + " sts=ok", taken},
		{"enforce-wrong-name", record, "", good, other, nil, failed + " sts=certificate-host-mismatch", ""},
		{"testing", record, "", mode("testing"), mx, nil, "delivered authenticated opportunistic sts=ok", taken},
		{"testing-wrong-name", record, "", mode("testing"), other, nil, open + " certificate-host-mismatch sts=certificate-host-mismatch", taken},
		{"none", record, "", mode("none"), other, nil, open + none, taken},
		{"bare-lf-policy", record, "", publishing(200, "text/plain", strings.ReplaceAll(goodPolicy, "\r", "")), mx, nil, kept + " sts=ok", taken},
		{"unlisted", record, "", publishing(200, "text/plain", strings.Replace(goodPolicy, "mx.to", "mx2.to", 1)), mx, nil, "deferred  mta-sts validation-failure sts=validation-failure", ""},

		{"host-down", record, "", down, other, nil, open + fetching + unfetched + none, taken},
		{"host-wrong-name", record, "", publishingAs(issued(ca, false, "www.to.plain")), other, nil, open + " sts-webpki-invalid sts=sts-webpki-invalid" + none, taken},
		{"host-parent-name", record, "", publishingAs(issued(ca, false, "to.plain")), other, nil, open + " sts-webpki-invalid sts=sts-webpki-invalid" + none, taken},
		{"host-expired", record, "", publishingAs(issued(ca, true, "mta-sts.to.plain")), other, nil, open + " sts-webpki-invalid sts=sts-webpki-invalid" + none, taken},
		{"host-stranger", record, "", publishingAs(issued(stranger, false, "mta-sts.to.plain")), other, nil, open + " sts-webpki-invalid sts=sts-webpki-invalid" + none, taken},
		{"redirect", record, "", redirecting, other, nil, open + fetching + unfetched + none, taken},
		{"not-found", record, "", publishing(404, "text/plain", goodPolicy), other, nil, open + fetching + unfetched + none, taken},
		{"html", record, "", publishing(200, "text/html", goodPolicy), other, nil, open + fetching + unfetched + none, taken},
		{"oversized", record, "", publishing(200, "text/plain", goodPolicy+strings.Repeat("x: y\r\n", 12000)), other, nil, open + fetching + unfetched + none, taken},
		{"slow", record, "", slow, other, nil, open + fetching + unfetched + none, taken},
		{"no-version", record, "", publishing(200, "text/plain", "mode: enforce\r\nmx: mx.to.plain\r\nmax_age: 86400\r\n"), other, nil, open + " sts-policy-invalid sts=sts-policy-invalid" + none, taken},
		{"no-mx", record, "", publishing(200, "text/plain", "version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\n"), other, nil, open + " sts-policy-invalid sts=sts-policy-invalid" + none, taken},
		{"two-records", record + "|" + second, "", good, other, nil, open + " sts-policy-invalid sts=sts-policy-invalid" + none, taken},
		{"no-record", "", "", good, other, nil, open + none, taken},

		{"cached", record, cached, down, mx, nil, kept + " sts=ok", taken},
		{"cached-wrong-name", record, cached, down, other, nil, failed + " sts=certificate-host-mismatch", ""},
		{"cached-record-removed", "", cached, good, other, nil, failed + " sts=certificate-host-mismatch", ""},
		{"cached-record-servfail", record, cached, good, other, failing("_mta-sts.to.plain", resolver.TypeTXT), failed + " sts=certificate-host-mismatch", ""},
		{"cached-host-down", second, cached, down, other, nil, failed + " sts=sts-policy-fetch-error sts=certificate-host-mismatch", ""},
		{"cached-host-stranger", second, cached, publishingAs(issued(stranger, false, "mta-sts.to.plain")), other, nil, failed + " sts=sts-webpki-invalid sts=certificate-host-mismatch", ""},
		{"cached-html", second, cached, publishing(200, "text/html", "<html>"), other, nil, failed + " sts=sts-policy-fetch-error sts=certificate-host-mismatch", ""},
		{"cached-other-id", second, "enforce elsewhere.plain 1h", good, mx, nil, kept + " sts=ok", taken},
		{"cached-other-id-none", second, cached, mode("none"), other, nil, open + none, taken},
		{"cached-same-id-other-policy", record, "enforce elsewhere.plain 1h", good, mx, nil, "deferred  mta-sts validation-failure sts=validation-failure", ""},
		{"cached-none", record, "none mx.to.plain 1h", good, other, nil, open + none, taken},
		{"expired-host-down", record, old, down, other, nil, open + fetching + unfetched + none, taken},
		{"expired-fetched", record, old, good, other, nil, failed + " sts=certificate-host-mismatch", ""},
		{"expired-record-removed", "", old, good, other, nil, open + none, taken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, planner := tt.bed(t, ca)
			plan := planner.Plan(t.Context(), "to.plain")
			d := b.deliverer().Deliver(t.Context(), plan, message(t, "to.plain"))
			got := strings.TrimSpace(summary(d) + " " + reports(plan, d))
			if diff := cmp.Diff([]string{got, b.servers[0].witnessed()}, []string{tt.want, tt.witness}); diff != "" {
				t.Errorf("%s\n%s", diff, d.Reason)
			}
		})
	}
}

// A policy fetched before a restart is in force after it, although its host is gone.
func TestDeliverSTSRestart(t *testing.T) {
	ca := newAuthority(t)
	s := stsSituation{record: "v=STSv1; id=1;", host: publishing(200, "text/plain", goodPolicy), mx: "other.plain"}
	_, before := s.bed(t, ca)
	before.Plan(t.Context(), "to.plain")
	s.host = down
	b, after := s.bed(t, ca)
	after.STS.Store = before.STS.Store
	d := b.deliverer().Deliver(t.Context(), after.Plan(t.Context(), "to.plain"), message(t, "to.plain"))
	if got, want := summary(d), "deferred  mta-sts certificate-host-mismatch"; got != want || b.servers[0].witnessed() != "" {
		t.Errorf("got %s and the server saw %q, want %s", got, b.servers[0].witnessed(), want)
	}
}
