package tlsrpt_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/tlsrpt"
)

// exampleDay counts the sessions of the example in RFC 8460, Appendix B.
func exampleDay() *tlsrpt.Day {
	p := tlsrpt.Policy{
		Type:   tlsrpt.STS,
		String: []string{"version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"},
		MXHost: []string{"*.mail.company-y.example"},
	}
	d := tlsrpt.NewDay("company-y.example", time.Date(2016, 4, 1, 22, 0, 0, 0, time.FixedZone("", -3600)))
	add := func(n int, f *tlsrpt.FailureDetail) {
		for range n {
			d.Add(tlsrpt.Session{Policy: p, Failure: f})
		}
	}
	add(5326, nil)
	add(100, &tlsrpt.FailureDetail{
		ResultType: tlsrpt.CertificateExpired, SendingMTAIP: "2001:db8:abcd:0012::1",
		ReceivingMXHostname: "mx1.mail.company-y.example",
	})
	add(200, &tlsrpt.FailureDetail{
		ResultType: tlsrpt.StartTLSNotSupported, SendingMTAIP: "2001:db8:abcd:0013::1",
		ReceivingMXHostname: "mx2.mail.company-y.example", ReceivingIP: "203.0.113.56",
		AdditionalInformation: "https://reports.company-x.example/report_info?id=5065427c-23d3#StarttlsNotSupported",
	})
	add(3, &tlsrpt.FailureDetail{
		ResultType: tlsrpt.ValidationFailure, SendingMTAIP: "198.51.100.62", ReceivingIP: "203.0.113.58",
		ReceivingMXHostname: "mx-backup.mail.company-y.example",
		FailureReasonCode:   "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
	})
	return d
}

func exampleReport(d *tlsrpt.Day) *tlsrpt.Report {
	return d.Report("Company-X", "sts-reporting@company-x.example", "5065427c-23d3-47ca-b6e0-946ea0e8c4be")
}

// What we count and write is the RFC's example, member for member.
func TestReportRFCExample(t *testing.T) {
	file, err := os.ReadFile("testdata/rfc8460.json")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := json.Marshal(exampleReport(exampleDay()))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(ours, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	parsed, notes, err := tlsrpt.Parse(file)
	if diff := cmp.Diff(parsed, exampleReport(exampleDay())); diff != "" || err != nil || len(notes) != 0 {
		t.Errorf("%s%v %v", diff, notes, err)
	}
}

// A day survives its storage, and two halves make the whole.
func TestDayMerge(t *testing.T) {
	b, err := json.Marshal(exampleDay())
	if err != nil {
		t.Fatal(err)
	}
	var stored tlsrpt.Day
	if err := json.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	stored.Merge(exampleDay())
	want := exampleDay()
	w := &want.Policies[0]
	w.Summary = tlsrpt.Summary{Successful: 2 * 5326, Failed: 2 * 303}
	for i := range w.FailureDetails {
		w.FailureDetails[i].FailedSessionCount *= 2
	}
	if diff := cmp.Diff(&stored, want); diff != "" {
		t.Error(diff)
	}
}

// What a server says cannot break a report or let a day grow without end.
func TestDayHostile(t *testing.T) {
	d := tlsrpt.NewDay("a.example", time.Now())
	for i := range 1000 {
		d.Add(tlsrpt.Session{
			Policy:  tlsrpt.Policy{Type: tlsrpt.NoPolicyFound},
			Failure: &tlsrpt.FailureDetail{ResultType: tlsrpt.ValidationFailure, ReceivingMXHelo: "a\r\nb" + strings.Repeat("ü", i) + "\xff"},
		})
	}
	r := d.Policies[0]
	if r.Policy.Domain != "a.example" || r.Summary.Failed != 1000 || len(r.FailureDetails) > tlsrpt.MaxDetails {
		t.Errorf("got %q, %d failures, %d details", r.Policy.Domain, r.Summary.Failed, len(r.FailureDetails))
	}
	for _, f := range r.FailureDetails {
		if strings.ContainsAny(f.ReceivingMXHelo, "\r\n") || len(f.ReceivingMXHelo) > 300 {
			t.Fatalf("got helo %q", f.ReceivingMXHelo)
		}
	}
}

func TestParseLenient(t *testing.T) {
	const in = "\xef\xbb\xbf" + `{"organization-name":"M","date-range":{"start-datetime":"2026-01-01","end-datetime":7},
		"policies":[{"policy":{"policy-type":"sts","mx-host":"mx.a.example","policy-domain":"A.example"},
		"summary":{"total-successful-session-count":"5"},"failure-details":{"result-type":"new","failure-error-code":"x","receiving-mx-helo":"220 a\r\n"}},
		3]}`
	r, notes, err := tlsrpt.Parse([]byte(in))
	want := &tlsrpt.Report{
		OrganizationName: "M",
		DateRange:        tlsrpt.DateRange{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		Policies: []tlsrpt.PolicyResult{{
			Policy:         tlsrpt.Policy{Type: tlsrpt.STS, Domain: "a.example", MXHost: []string{"mx.a.example"}},
			Summary:        tlsrpt.Summary{Successful: 5},
			FailureDetails: []tlsrpt.FailureDetail{{ResultType: "new", FailureReasonCode: "x", ReceivingMXHelo: "220 a"}},
		}},
	}
	if diff := cmp.Diff(r, want); diff != "" || err != nil {
		t.Errorf("%s%v", diff, err)
	}
	if len(notes) != 8 {
		t.Errorf("got %d notes, want 8: %q", len(notes), notes)
	}
	for _, bad := range []string{"", "null", "[]", "{}", `{"policies":[]}`, "{", "<xml>"} {
		if r, _, err := tlsrpt.Parse([]byte(bad)); err == nil {
			t.Errorf("%q: got %v, want an error", bad, r)
		}
	}
}

func FuzzReportJSON(f *testing.F) {
	file, err := os.ReadFile("testdata/rfc8460.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte(`{"policies":[{"policy":{"policy-domain":"a"},"summary":{},"failure-details":[{}]}]}`))
	f.Add([]byte(`{"policies":[{"policy":{"policy-string":[]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, err := tlsrpt.Parse(b)
		if err != nil {
			return
		}
		out, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := tlsrpt.Parse(out)
		if diff := cmp.Diff(again, r); diff != "" || err != nil {
			t.Errorf("%s%v", diff, err)
		}
	})
}
