package dmarc

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestReading7489(t *testing.T) {
	zone := func(at, rec string) string { return "_dmarc." + at + ". TXT \"v=DMARC1; " + rec + "\"\n" }
	for _, tt := range []struct{ name, zone, from, ids, want string }{
		{"same", zone("example.com", "p=reject"), "mail.example.com", "dkim:example.com", ""},
		{"same-fail", zone("example.com", "p=reject; sp=none"), "mail.example.com", "", ""},
		{"pct", zone("example.com", "p=reject; pct=20"), "example.com", "", "fail example.com example.com reject 20 reject: an RFC 7489 reader applies reject to 20% of such messages and quarantine to the others"},
		{"pct-pass", zone("example.com", "p=reject; pct=20"), "example.com", "dkim:example.com", ""},
		{"testing", zone("example.com", "p=reject; t=y"), "example.com", "", "fail example.com example.com reject 100 reject: an RFC 7489 reader does not know t=y and applies reject"},
		{"np", zone("example.com", "p=reject; np=none"), "gone.example.com", "", "fail example.com example.com reject 100 reject: an RFC 7489 reader does not know np and applies reject"},
		{"np-invalid", zone("example.com", "p=reject; np=x"), "example.com", "", "fail example.com example.com reject 100 reject: an RFC 7489 reader says fail, because it does not know the invalid np that keeps us from using the record"},
		{"psd-n", zone("example.com", "p=reject") + zone("dept.example.com", "p=none; psd=n"), "dept.example.com", "dkim:example.com", "pass example.com dept.example.com none 100 none: an RFC 7489 reader says pass, because by the public suffix list the organizational domain is example.com"},
		{"psd-record", zone("com", "p=reject; psd=y"), "mail.example.com", "", "none example.com   100 none: an RFC 7489 reader says none, because it looks for a record only at mail.example.com and example.com"},
		{"suffix-without-psd", zone("com", "p=reject"), "example.com", "dkim:example.net", "none example.com   100 none: an RFC 7489 reader says none, because it looks for a record only at example.com"},
		{"two-records-end-it", zone("a.example.com", "p=none") + zone("a.example.com", "p=reject") + zone("example.com", "p=reject"), "a.example.com", "", "none example.com   100 none: an RFC 7489 reader says none, because several records at _dmarc.a.example.com end its search"},
		{"org-only", zone("a.example.com", "p=none"), "a.example.com", "dkim:a.example.com", "pass example.com a.example.com none 100 none: an RFC 7489 reader takes example.com for the organizational domain"},
		{"not-asked", zone("a.b.c.d.e.f.example.co.uk", "p=none; psd=n"), "a.b.c.d.e.f.example.co.uk", "dkim:example.co.uk", "pass example.co.uk a.b.c.d.e.f.example.co.uk none 100 none: an RFC 7489 reader says pass, because by the public suffix list the organizational domain is example.co.uk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := (&Evaluator{Resolver: newZone(t, tt.zone)}).Evaluate(context.Background(), author(tt.from), ids(tt.ids))
			got := ""
			if r := e.RFC7489; r != nil {
				b, _ := json.Marshal([]any{r.Result, r.OrgDomain, r.RecordDomain, r.Policy, r.Percent, r.Disposition})
				got = strings.NewReplacer(`"`, "", ",", " ", "[", "", "]", "").Replace(string(b)) + ": " + r.Text
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s\nours %s", got, tt.want, summary(&e))
			}
		})
	}
}
