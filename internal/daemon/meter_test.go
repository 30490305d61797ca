package daemon

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/internal/metrics"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/internal/socketmap"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// TestCounted sends a message through the daemon and finds it in the metrics.
func TestCounted(t *testing.T) {
	s := newSite(t, withMetrics)
	d := s.daemon()
	addrs, stop, ended := run(t, d)
	m := dialMTA(t, addrs[0], "203.0.113.9")
	if got := m.judge("joe@bank.example", "From: boss@bank.example\n"); got.Reply != "accept" {
		t.Errorf("got %+v, want an accept", got)
	}
	for range 2 {
		m.begin("joe@bank.example", "From: boss@bank.example\n")
		m.send("A") // given up by its client
	}
	m.begin("", "From: boss@bank.example\n") // those before are done with
	ask(t, addrs[1], "policy bank.example")
	ask(t, addrs[1], "policy .example")
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	s.write("waxseal.toml", "hostname = ")
	if err := d.Reload(); err == nil {
		t.Error("a broken configuration is taken over")
	}
	resp, page := get(t, "GET", addrs[2], "/metrics")
	if resp.StatusCode != 200 {
		t.Fatal(page)
	}
	var got []string
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "waxseal_") && !strings.HasSuffix(line, " 0") &&
			!strings.HasPrefix(line, `waxseal_connections{server="tls_policy"}`) && // perhaps not closed yet
			!regexp.MustCompile(`^waxseal_(\w*(_bucket|_sum|_timestamp_seconds|_bytes)|dns_\w+|cache_entries|build_info)\b`).MatchString(line) {
			got = append(got, line)
		}
	}
	want := []string{
		`waxseal_check_seconds_count 1`,
		`waxseal_config_reloads_total{outcome="failed"} 1`,
		`waxseal_config_reloads_total{outcome="ok"} 1`,
		`waxseal_connections{server="milter"} 1`,
		`waxseal_decisions_total{action="accept",would="reject"} 1`,
		`waxseal_messages_total{handling="aborted"} 2`,
		`waxseal_messages_total{handling="checked"} 1`,
		`waxseal_results_total{control="arc",result="none"} 1`,
		`waxseal_results_total{control="dkim",result="none"} 1`,
		`waxseal_results_total{control="dmarc",result="fail"} 1`,
		`waxseal_results_total{control="spf",result="fail"} 1`,
		`waxseal_tls_policy_lookups_total{answer="may"} 1`,
		`waxseal_tls_policy_lookups_total{answer="notfound"} 1`,
		`waxseal_tls_policy_seconds_count 1`,
		`waxseal_verdict_seconds_count 1`,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"waxseal_dns_lookups_total", "waxseal_dns_cache_misses_total", "waxseal_cache_entries"} {
		if !regexp.MustCompile(`(?m)^` + name + `(\{.*\})? [1-9]`).MatchString(page) {
			t.Errorf("%s counts nothing", name)
		}
	}
	m.conn.Close()
	stop()
	within(t, ended)
}

// faulty panics in place of a resolver.
type faulty struct{}

func (faulty) Lookup(context.Context, string, resolver.Type) (*resolver.Answer, error) { panic("bug") }

// TestFaultsCounted holds that what goes wrong is counted and logged.
func TestFaultsCounted(t *testing.T) {
	s := newSite(t, "")
	d := s.daemon()
	d.meter = metrics.New(metrics.Build{}, d.sample)
	d.milterFault(nil, &milter.Error{Reason: milter.Full})
	d.milterFault(nil, &milter.Error{Reason: milter.BadPacket})
	d.milterFault(&milter.Message{Macros: new(milter.Macros)}, &milter.Error{Reason: milter.Panicked})
	d.policyFault(&socketmap.Error{Reason: socketmap.Full})
	d.policyFault(&socketmap.Error{Reason: socketmap.Panicked})
	f := s.filter()
	f.meter = d.meter
	h, err := message.ParseHeader([]byte("From: a@bank.example\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	f.state().resolver.Resolver = &metrics.Resolver{Resolver: faulty{}, Set: d.meter}
	tx, _ := f.Begin(t.Context(), &milter.Message{
		Client: milter.Client{Addr: netip.MustParseAddr("203.0.113.9")}, From: "joe@bank.example", Macros: new(milter.Macros), Header: h,
	})
	tx.End(t.Context())
	w := httptest.NewRecorder()
	d.healthHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	page := w.Body.String()
	for _, want := range []string{
		`waxseal_connections_refused_total{server="milter"} 1`,
		`waxseal_connections_refused_total{server="tls_policy"} 1`,
		`waxseal_faults_total{reason="malformed_packet",server="milter"} 1`,
		`waxseal_faults_total{reason="panic_while_judging_a_message",server="milter"} 1`,
		`waxseal_panics_total{place="tls_policy"} 1`,
		`waxseal_temperror_messages_total{action="`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if !regexp.MustCompile(`waxseal_panics_total\{place="dns"\} [1-9]`).MatchString(page) {
		t.Error("a panic of the resolver is not counted")
	}
}
