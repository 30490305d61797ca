package dmarc

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/message"
)

// TestJSON holds the form that the command line, the log and the store share.
func TestJSON(t *testing.T) {
	const text = `
_dmarc.example.com.      TXT "v=DMARC1; p=reject; sp=quarantine; t=y; pct=10"
_dmarc.mail.example.com. TXT "v=dmarc1; p=none"
mail.example.com.        A 192.0.2.1
`
	for _, tt := range []struct {
		name   string
		author message.Author
		ids    string
		want   string
	}{
		{"pass", author("mail.example.com"), "spf:example.net dkim:example.com", `{
  "result": "pass",
  "from": "mail.example.com",
  "org_domain": "example.com",
  "record_domain": "example.com",
  "policy": "reject",
  "subdomain_policy": "quarantine",
  "np_policy": "quarantine",
  "testing": true,
  "discovery": "treewalk",
  "applied": "sp",
  "disposition": "none",
  "spf_aligned": false,
  "dkim_aligned": true,
  "reason": "dkim example.com passed and has the same organizational domain",
  "dnssec": "insecure",
  "record": "v=DMARC1; p=reject; sp=quarantine; t=y; pct=10",
  "notes": [
    "ignored: RFC 9989 removed the tag \"pct\""
  ],
  "identifiers": [
    {
      "method": "spf",
      "identity": "mailfrom",
      "domain": "example.net",
      "result": "pass",
      "aligned": false,
      "reason": "has no ancestor in common with the author domain"
    },
    {
      "method": "dkim",
      "domain": "example.com",
      "selector": "s",
      "result": "pass",
      "org_domain": "example.com",
      "aligned": true,
      "reason": "has the same organizational domain"
    }
  ],
  "walk": [
    {
      "name": "_dmarc.mail.example.com",
      "found": "none",
      "status": "insecure",
      "reason": "a TXT record looks like a policy record and does not begin with v=DMARC1"
    },
    {
      "name": "_dmarc.example.com",
      "found": "record",
      "status": "insecure"
    },
    {
      "name": "_dmarc.com",
      "found": "none",
      "status": "insecure"
    }
  ]
}`},
		{"no-author", message.Author{Problem: message.NoFrom}, "dkim:example.com", `{
  "result": "permerror",
  "from": "",
  "org_domain": "",
  "record_domain": "",
  "policy": "",
  "subdomain_policy": "",
  "np_policy": "",
  "testing": false,
  "discovery": "treewalk",
  "disposition": "none",
  "spf_aligned": false,
  "dkim_aligned": false,
  "reason": "no author domain: no From field",
  "dnssec": "indeterminate"
}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := (&Evaluator{Resolver: newZone(t, text)}).Evaluate(context.Background(), tt.author, ids(tt.ids))
			got, err := json.MarshalIndent(e, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(got), tt.want); d != "" {
				t.Errorf("got -, want +:\n%s", d)
			}
		})
	}
}
