package config

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
)

// hosted is a policy host with certificates in files; what a test adds begins in line
// 9, in the policy.
const hosted = `hostname = "mx.example.org"
[mta_sts]
listen = ":443"
certificate = "/c.pem"
key = "/k.pem"
[[mta_sts.policy]]
domain = "example.org"
mx = ["mx.example.org"]
`

// byACME is the same with certificates by ACME, and 12 lines.
const byACME = `hostname = "mx.example.org"
state.directory = "/s"
[mta_sts]
listen = ":443"
[mta_sts.acme]
email = "hostmaster@example.org"
agree = true
[[mta_sts.policy]]
domain = "example.org"
mx = ["mx.example.org"]
`

func TestMTASTS(t *testing.T) {
	c, err := Parse("w.toml", []byte(hosted+`[[mta_sts.policy]]
domain = "BÜCHER.example"
mode = "enforce"
mx = ["MX.example.org.", "*.bücher.example"]
certificate = "/b.pem"
key = "credential:b"
[[mta_sts.policy]]
domain = "gone.example"
mode = "none"
max_age = "1h"
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Default().MTASTS
	want.Listen, want.Certificate, want.Key = ":443", "/c.pem", "/k.pem"
	want.Policies = []STSPolicy{
		{Domain: "example.org", Mode: "testing", MX: []MX{"mx.example.org"}, MaxAge: Duration(otherMaxAge)},
		{
			Domain: "xn--bcher-kva.example", Mode: "enforce", MX: []MX{"mx.example.org", "*.xn--bcher-kva.example"},
			MaxAge: Duration(enforceMaxAge), Certificate: "/b.pem", Key: "credential:b",
		},
		{Domain: "gone.example", Mode: "none", MaxAge: 3600e9},
	}
	if diff := cmp.Diff(c.MTASTS, want); diff != "" {
		t.Error(diff)
	}
	texts := []string{
		"version: STSv1\r\nmode: testing\r\nmx: mx.example.org\r\nmax_age: 86400\r\n",
		"version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmx: *.xn--bcher-kva.example\r\nmax_age: 1209600\r\n",
		"version: STSv1\r\nmode: none\r\nmax_age: 3600\r\n",
	}
	pairs := [][2]File{{"/c.pem", "/k.pem"}, {"/b.pem", "credential:b"}, {"/c.pem", "/k.pem"}}
	for i, p := range c.MTASTS.Policies {
		parsed, err := mtasts.ParsePolicy([]byte(p.Policy().String()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.Policy(), parsed); diff != "" {
			t.Error(diff)
		}
		if got := p.Policy().String(); got != texts[i] {
			t.Errorf("got %q, want %q", got, texts[i])
		}
		certificate, key := c.MTASTS.CertificateFiles(p)
		if got := [2]File{certificate, key}; got != pairs[i] {
			t.Errorf("got %q, want %q", got, pairs[i])
		}
	}
}

func TestMTASTSByACME(t *testing.T) {
	c, err := Parse("w.toml", []byte(byACME))
	if err != nil {
		t.Fatal(err)
	}
	want := ACME{Email: "hostmaster@example.org", Agree: true, Directory: LetsEncrypt}
	if got := c.MTASTS.ACME; got != want || !got.Configured() {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMTASTSErrors(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"domain-twice", hosted + "[[mta_sts.policy]]\ndomain = \"Example.Org\"\nmx = [\"m.example\"]", `:10:1: mta_sts.policy[1].domain: example.org has a policy already`},
		{"no-domain", hosted + "[[mta_sts.policy]]\nmx = [\"m.example\"]", `:9:3: mta_sts.policy[1]: a policy needs domain`},
		{"bad-mx", hosted + "[[mta_sts.policy]]\ndomain = \"b.example\"\nmx = [\"m.example\", \"m..example\"]", `:11:20: mta_sts.policy[1].mx[1]: domain: "m..example": empty label`},
		{"mx-address", hosted + "[[mta_sts.policy]]\ndomain = \"b.example\"\nmx = [\"192.0.2.1\"]", `:11:7: mta_sts.policy[1].mx[0]: "192.0.2.1" is an address`},
		{"mx-wildcard-inside", hosted + "[[mta_sts.policy]]\ndomain = \"b.example\"\nmx = [\"a.*.example\"]", `:11:7: mta_sts.policy[1].mx[0]: domain: `},
		{"mx-twice", hosted + "[[mta_sts.policy]]\ndomain = \"b.example\"\nmx = [\"m.example\", \"M.example.\"]", `:11:20: mta_sts.policy[1].mx[1]: m.example is there twice`},
		{"no-mx", hosted + "[[mta_sts.policy]]\ndomain = \"b.example\"", `:9:3: mta_sts.policy[1]: b.example: the policy is malformed: there is no mx`},
		{"empty-mx", hosted + "[[mta_sts.policy]]\ndomain = \"b.example\"\nmx = []", `:11:1: mta_sts.policy[1].mx: b.example: the policy is malformed: there is no mx`},
		{"many-mx", hosted + "[[mta_sts.policy]]\ndomain = \"b.example\"\nmx = [" + strings.Repeat(`"m.example",`, maxPolicyMX+1) + "]", `:11:`},
		{"inline-mx", "hostname = \"a.b\"\nmta_sts.policy = [{domain = \"a.b\", mx = [\"x..y\"]}]", `:2:42: mta_sts.policy[0].mx[0]: domain: `},
		{"mode", hosted + "mode = \"enforced\"", `:9:1: mta_sts.policy[0].mode: "enforced" is not known, use one of: testing, enforce, none; did you mean "enforce"?`},
		{"max-age", hosted + "max_age = \"8784h\"", `:9:1: mta_sts.policy[0].max_age: must be whole seconds, and at most`},
		{"max-age-fraction", hosted + "max_age = \"1500ms\"", `:9:1: mta_sts.policy[0].max_age: must be whole seconds`},
		{"long-domain", hosted + "[[mta_sts.policy]]\nmx = [\"m.example\"]\ndomain = \"" + strings.Repeat("a.", 122) + "example\"", `:11:1: mta_sts.policy[1].domain: domain: `},
		{"key-alone", hosted + "key = \"/k\"", `:9:1: mta_sts.policy[0].key: its certificate is missing`},
		{"certificate-alone", hosted + "certificate = \"/k\"", `:9:1: mta_sts.policy[0].certificate: its private key is missing`},
		{"typo", hosted + "max_aeg = \"1h\"", `:9:1: mta_sts.policy.max_aeg: this key is not known; did you mean "max_age"?`},
		{"no-certificate", "hostname = \"a.b\"\nmta_sts.listen = \":443\"\n[[mta_sts.policy]]\ndomain = \"a.b\"\nmx = [\"a.b\"]", `:3:3: mta_sts.policy[0]: no certificate for mta-sts.a.b`},
		{"no-policy", "hostname = \"a.b\"\n[mta_sts]\nlisten = \":443\"", `:3:1: mta_sts.listen: there is no policy to serve`},
		{"no-listen", strings.Replace(hosted, ":443", "", 1), `:6:3: mta_sts.policy[0]: nothing serves it`},
		{"socket", strings.Replace(hosted, ":443", "unix:/s", 1), `:3:1: mta_sts.listen: senders come over TCP`},
		{"certificate-and-acme", strings.Replace(byACME, "listen = \":443\"", "listen = \":443\"\ncertificate = \"/c\"\nkey = \"/k\"", 1), `:5:1: mta_sts.certificate: certificates come from here or from mta_sts.acme`},
		{"disagree", strings.Replace(byACME, "agree = true", "agree = false", 1), `:7:1: mta_sts.acme.agree: must be true: read the terms of https://acme-v02.api.letsencrypt.org/directory first`},
		{"no-email", strings.Replace(byACME, "email", "#", 1), `:5:2: mta_sts.acme: "" is no mail address`},
		{"directory", strings.Replace(byACME, "agree", "directory = \"http://ca\"\nagree", 1), `:7:1: mta_sts.acme.directory: "http://ca" is no https URL`},
		{"no-state", strings.Replace(byACME, "state.directory", "#", 1), `:5:2: mta_sts.acme: needs state.directory`},
		{"http-elsewhere", strings.Replace(byACME, "agree", "http_listen = \"192.0.2.1:80\"\nagree", 1), `:7:1: mta_sts.acme.http_listen: must be on the address`},
		{"http-everywhere", strings.Replace(byACME, "agree", "http_listen = \":80\"\nagree", 1), ``},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("w.toml", []byte(row.text))
			switch {
			case err == nil && row.want != "":
				t.Errorf("got no error, want %s", row.want)
			case err != nil && (row.want == "" || !strings.HasPrefix(err.Error(), "w.toml"+row.want)):
				t.Errorf("got\n%s\nwant\n%s", err, row.want)
			}
		})
	}
}

func TestMTASTSValues(t *testing.T) {
	c, err := Parse("w.toml", []byte(hosted))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Value{}
	for _, v := range c.Values() {
		got[v.Key] = v
	}
	for _, want := range []Value{
		{Key: "mta_sts.listen", Value: `":443"`, Default: `""`, File: "w.toml", At: Position{3, 1}},
		{Key: "mta_sts.connections", Value: `1000`, Default: `1000`},
		{Key: "mta_sts.acme.directory", Value: `"` + LetsEncrypt + `"`, Default: `"` + LetsEncrypt + `"`},
		{Key: "mta_sts.policy[0].mx", Value: `["mx.example.org"]`, File: "w.toml", At: Position{8, 1}},
		{Key: "mta_sts.policy[0].mode", Value: `"testing"`},
		{Key: "mta_sts.policy[0].max_age", Value: `"24h0m0s"`},
	} {
		if diff := cmp.Diff(got[want.Key], want); diff != "" {
			t.Errorf("%s: %s", want.Key, diff)
		}
	}
	names := map[string]bool{}
	for _, k := range Keys() {
		names[k.Name] = true
	}
	for _, want := range []string{"mta_sts.acme.email", "mta_sts.policy.domain"} {
		if !names[want] {
			t.Errorf("%s is no key", want)
		}
	}
}

func TestFilePath(t *testing.T) {
	for _, row := range []struct {
		name, credentials string
		file              File
		want              string
	}{
		{"file", "", "/etc/k.pem", "/etc/k.pem"},
		{"credential", "/run/c", "credential:k", "/run/c/k"},
		{"no-credentials", "", "credential:k", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := row.file.Path(row.credentials); got != row.want || (err == nil) != (row.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, row.want)
			}
		})
	}
}

// TestMTASTSPage holds that what docs/mta-sts.md shows can be pasted, and comes to what
// it says.
func TestMTASTSPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/mta-sts.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(page), "```toml\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks, want 2", len(blocks))
	}
	const head, policy = "hostname = \"mx.example.org\"\n", "[mta_sts]\nlisten = \":443\"\n[[mta_sts.policy]]\ndomain = \"example.org\"\nmx = [\"mx.example.org\"]\n"
	c, err := Parse("mta-sts.md", []byte(head+blocks[0]))
	if err != nil {
		t.Fatal(err)
	}
	if id := c.MTASTS.Policies[0].Policy().ID(); !strings.Contains(string(page), `"v=STSv1; id=`+id+`;"`) {
		t.Errorf("the page has another id than %s", id)
	}
	if c, err = Parse("mta-sts.md", []byte(head+blocks[1]+policy)); err != nil || !c.MTASTS.ACME.Configured() {
		t.Errorf("got %v", err)
	}
}
