package metrics

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/spf"
)

// gather returns the lines that Prometheus gets of our own metrics, without those
// that are 0 and those of buckets.
func gather(t *testing.T, s *Set) []string {
	t.Helper()
	var out []string
	for _, line := range page(t, s) {
		if strings.HasPrefix(line, "waxseal_") && !strings.HasSuffix(line, " 0") && !strings.Contains(line, "_bucket{") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func page(t *testing.T, s *Set) []string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	var lines []string
	for sc := bufio.NewScanner(w.Body); sc.Scan(); {
		lines = append(lines, sc.Text())
	}
	return lines
}

func verdict() (*inbound.Verdict, inbound.Decision, Times) {
	v := &inbound.Verdict{
		SPF: spf.Evaluation{Result: spf.TempError}, DKIM: []dkim.Verification{{Result: dkim.Pass}, {Result: dkim.Fail}},
		DMARC: dmarc.Evaluation{Result: dmarc.Fail}, Findings: []inbound.Finding{{ID: inbound.WeakKey}},
	}
	v.ARC.Result = "none"
	d := inbound.Decision{Action: inbound.Accept, Would: inbound.TempFail, Override: &dmarc.Override{Type: dmarc.MailingList}}
	return v, d, Times{Check: 3 * time.Second, Verdict: time.Second, DNS: 2 * time.Second}
}

// answers is a resolver.
type answers func(name string) (*resolver.Answer, error)

func (f answers) Lookup(_ context.Context, name string, _ resolver.Type) (*resolver.Answer, error) {
	return f(name)
}

// lookUp asks for one name for each outcome.
func lookUp(t *testing.T, s *Set) {
	t.Helper()
	answered := 0
	r := &Resolver{Set: s, Answered: func(time.Time) { answered++ }, Resolver: answers(func(name string) (*resolver.Answer, error) {
		switch name {
		case "secure":
			return &resolver.Answer{Status: resolver.Secure}, nil
		case "bogus":
			return nil, &resolver.Error{Reason: resolver.BogusAnswer}
		case "silent":
			return nil, &resolver.Error{Reason: resolver.Timeout}
		case "late":
			return nil, context.DeadlineExceeded
		case "gone":
			return nil, context.Canceled
		}
		panic("bug")
	})}
	for _, name := range []string{"secure", "bogus", "silent", "late", "gone", "panic"} {
		func() {
			defer func() {
				if p := recover(); (p != nil) != (name == "panic") {
					t.Errorf("%s: panic %v", name, p)
				}
			}()
			_, _ = r.Lookup(t.Context(), name, resolver.TypeTXT)
		}()
	}
	if answered != 1 {
		t.Errorf("told of %d answers, want 1", answered)
	}
}

func TestCounts(t *testing.T) {
	s := New(Build{"v1", "abc", "go1"}, func() Sample {
		return Sample{resolver.CacheStats{Hits: 1, Misses: 2, Evictions: 3, Entries: 4, Bytes: 5}, 6, 7, 8, 9, 10, 11}
	})
	s.Verdict(verdict())
	s.Verdict(&inbound.Verdict{}, inbound.Decision{Action: inbound.Accept, Would: inbound.Accept}, Times{})
	s.Message(Signed)
	s.Sealed(nil)
	s.Sealed(errors.New("no"))
	s.Fault(Milter, "malformed packet")
	s.Refused(TLSPolicy)
	s.Panic(InMessage)
	lookUp(t, s)
	for _, reply := range []string{"OK dane-only", "OK secure match=x", "NOTFOUND ", "TEMP x", "PERM x", "odd"} {
		s.Policy(reply, reply != "NOTFOUND ", 2*time.Second)
	}
	s.PolicyRequest(200)
	s.PolicyRequest(599)
	s.Refreshed([]mtasts.Refreshed{
		{Action: mtasts.Delete},
		{Action: mtasts.Keep},
		{Action: mtasts.Fetch, Errors: []*mtasts.Error{{}}},
		{Action: mtasts.Fetch, Downgrade: mtasts.Testing},
	}, errors.New("full"))
	s.Reloaded(time.Unix(1, 0), nil)
	s.Reloaded(time.Unix(2, 0), errors.New("bad"))
	var got []string
	for _, line := range gather(t, s) {
		if !strings.HasPrefix(line, "waxseal_dns_lookup_seconds_sum ") {
			got = append(got, line)
		}
	}
	want := strings.Split(strings.TrimSpace(counted), "\n")
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

const counted = `
waxseal_arc_seals_total{outcome="failed"} 1
waxseal_arc_seals_total{outcome="ok"} 1
waxseal_build_info{go="go1",revision="abc",version="v1"} 1
waxseal_cache_entries{cache="dkim_keys"} 6
waxseal_cache_entries{cache="dmarc_records"} 8
waxseal_cache_entries{cache="dns"} 4
waxseal_cache_entries{cache="mta_sts"} 9
waxseal_cache_entries{cache="spf_records"} 7
waxseal_check_seconds_count 2
waxseal_check_seconds_sum 3
waxseal_config_last_reload_success_timestamp_seconds 1
waxseal_config_reloads_total{outcome="failed"} 1
waxseal_config_reloads_total{outcome="ok"} 1
waxseal_connections_refused_total{server="tls_policy"} 1
waxseal_connections{server="milter"} 10
waxseal_connections{server="tls_policy"} 11
waxseal_decisions_total{action="accept",would="accept"} 1
waxseal_decisions_total{action="accept",would="tempfail"} 1
waxseal_dns_cache_bytes 5
waxseal_dns_cache_evictions_total 3
waxseal_dns_cache_hits_total 1
waxseal_dns_cache_misses_total 2
waxseal_dns_lookup_seconds_count 6
waxseal_dns_lookups_total{outcome="bogus"} 1
waxseal_dns_lookups_total{outcome="canceled"} 1
waxseal_dns_lookups_total{outcome="panic"} 1
waxseal_dns_lookups_total{outcome="secure"} 1
waxseal_dns_lookups_total{outcome="timeout"} 2
waxseal_dns_wait_seconds_count 2
waxseal_dns_wait_seconds_sum 2
waxseal_faults_total{reason="malformed_packet",server="milter"} 1
waxseal_findings_total{id="weak-key"} 1
waxseal_messages_total{handling="checked"} 2
waxseal_messages_total{handling="signed"} 1
waxseal_mta_sts_downgrades_total 1
waxseal_mta_sts_refreshes_total{outcome="error"} 1
waxseal_mta_sts_refreshes_total{outcome="expired"} 1
waxseal_mta_sts_refreshes_total{outcome="failed"} 1
waxseal_mta_sts_refreshes_total{outcome="fetched"} 1
waxseal_mta_sts_refreshes_total{outcome="kept"} 1
waxseal_mta_sts_requests_total{code="200"} 1
waxseal_mta_sts_requests_total{code="other"} 1
waxseal_overrides_total{type="mailing_list"} 1
waxseal_panics_total{place="dns"} 1
waxseal_panics_total{place="message"} 1
waxseal_results_total{control="arc",result="none"} 1
waxseal_results_total{control="arc",result="other"} 1
waxseal_results_total{control="dkim",result="fail"} 1
waxseal_results_total{control="dkim",result="none"} 1
waxseal_results_total{control="dkim",result="pass"} 1
waxseal_results_total{control="dmarc",result="fail"} 1
waxseal_results_total{control="dmarc",result="other"} 1
waxseal_results_total{control="spf",result="other"} 1
waxseal_results_total{control="spf",result="temperror"} 1
waxseal_temperror_messages_total{action="accept"} 1
waxseal_tls_policy_lookups_total{answer="dane-only"} 1
waxseal_tls_policy_lookups_total{answer="notfound"} 1
waxseal_tls_policy_lookups_total{answer="other"} 1
waxseal_tls_policy_lookups_total{answer="perm"} 1
waxseal_tls_policy_lookups_total{answer="secure"} 1
waxseal_tls_policy_lookups_total{answer="temp"} 1
waxseal_tls_policy_seconds_count 5
waxseal_tls_policy_seconds_sum 10
waxseal_verdict_seconds_count 2
waxseal_verdict_seconds_sum 1
`

// TestNobodyCounts holds that without a Set all goes on.
func TestNobodyCounts(t *testing.T) {
	var s *Set
	s.Verdict(verdict())
	s.Message(Signed)
	s.Sealed(nil)
	s.Fault(Milter, "x")
	s.Refused(Milter)
	s.Panic(InMessage)
	s.Policy("OK may", true, 0)
	s.PolicyRequest(200)
	s.Refreshed(nil, nil)
	s.Reloaded(time.Time{}, nil)
	s.Loaded(time.Time{})
	lookUp(t, s)
}

// TestList holds that what the reference names is there once things have happened,
// that nothing else is, and that everything has a sentence.
func TestList(t *testing.T) {
	s := New(Build{}, func() Sample { return Sample{} })
	s.Verdict(verdict()) // the two whose values are not known in advance
	s.Fault(Milter, "x")
	s.Fault(TLSPolicy, "x")
	types := map[string]string{}
	helps := map[string]string{}
	values := map[string]bool{} // of labels
	for _, line := range page(t, s) {
		if m := regexp.MustCompile(`^(waxseal_\w+){(.*)} `).FindStringSubmatch(line); m != nil {
			for _, l := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
				values[m[1]+" "+l[1]+" "+l[2]] = true
			}
		}
		if m := regexp.MustCompile(`^# (TYPE|HELP) (waxseal_\S+) (.*)$`).FindStringSubmatch(line); m != nil {
			map[string]map[string]string{"TYPE": types, "HELP": helps}[m[1]][m[2]] = m[3]
		}
	}
	for _, m := range List() {
		if types[m.Name] != m.Kind || helps[m.Name] != strings.ReplaceAll(m.Help, `\`, `\\`) || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: %s, %q; want %s, %q", m.Name, types[m.Name], helps[m.Name], m.Kind, m.Help)
		}
		if (m.Kind == "counter") != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s is a %s", m.Name, m.Kind)
		}
		delete(types, m.Name)
		for _, l := range m.Labels {
			for _, v := range l.Values {
				key := m.Name + " " + l.Name + " " + v
				if !values[key] {
					t.Errorf("%s is never used", key)
				}
				delete(values, key)
			}
			maps.DeleteFunc(values, func(key string, _ bool) bool { return l.Values == nil && strings.HasPrefix(key, m.Name+" "+l.Name+" ") })
		}
	}
	maps.DeleteFunc(values, func(key string, _ bool) bool { return strings.Contains(key, "_bucket le ") })
	if len(values) > 0 {
		t.Errorf("label values that are not in the reference: %v", values)
	}
	if len(types) > 0 {
		t.Errorf("not in the reference: %v", types)
	}
}

// TestRequestCodes holds that what the policy host answers, also to the conditions of a
// request, is told apart.
func TestRequestCodes(t *testing.T) {
	s := New(Build{}, func() Sample { return Sample{} })
	codes := []string{"200", "206", "304", "404", "405", "412", "416", "421"}
	var want []string
	for _, code := range codes {
		status, err := strconv.Atoi(code)
		if err != nil {
			t.Fatal(err)
		}
		s.PolicyRequest(status)
		want = append(want, `waxseal_mta_sts_requests_total{code="`+code+`"} 1`)
	}
	got := slices.DeleteFunc(gather(t, s), func(line string) bool { return !strings.HasPrefix(line, "waxseal_mta_sts_requests") })
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

// TestReference holds docs/metrics.md to the metrics. WAXSEAL_UPDATE=1 writes it again.
func TestReference(t *testing.T) {
	const file = "../../docs/metrics.md"
	want := Reference()
	if os.Getenv("WAXSEAL_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/metrics.md is stale, run WAXSEAL_UPDATE=1 go test ./internal/metrics -run TestReference\n%s", diff)
	}
}

// TestAllocations holds that to count costs the way of a message nothing.
func TestAllocations(t *testing.T) {
	s := New(Build{}, func() Sample { return Sample{} })
	v, d, times := verdict()
	s.Verdict(v, d, times)
	answer := &resolver.Answer{Status: resolver.Secure}
	r := &Resolver{Set: s, Resolver: answers(func(string) (*resolver.Answer, error) { return answer, nil })}
	for name, f := range map[string]func(){
		"verdict": func() { s.Verdict(v, d, times) },
		"lookup":  func() { _, _ = r.Lookup(t.Context(), "x", resolver.TypeTXT) },
		"policy":  func() { s.Policy("OK dane-only", true, time.Second) },
		"message": func() { s.Message(Signed) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkVerdict(b *testing.B) {
	s := New(Build{}, func() Sample { return Sample{} })
	v, d, times := verdict()
	for b.Loop() {
		s.Verdict(v, d, times)
	}
}

// TestPages holds the other pages of docs to the metrics: names, and the values of
// labels, that queries and alerts use.
func TestPages(t *testing.T) {
	known := map[string]bool{}
	for _, m := range List() {
		known[m.Name] = true
		for _, l := range m.Labels {
			for _, v := range l.Values {
				known[m.Name+" "+l.Name+" "+v] = true
			}
		}
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b(waxseal_[a-z0-9_]+)\b(?:\{(\w+)="(\w+)"\})?`).FindAllStringSubmatch(string(text), -1) {
			key := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(m[1], "")
			if m[2] != "" {
				key += " " + m[2] + " " + m[3]
			}
			if found++; !known[key] {
				t.Errorf("%s names %s, which is none", filepath.Base(page), m[0])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d metrics are named", found)
	}
}
