package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/waxseal/waxseal/inbound"
)

// minimum is the least that a mail server with one domain needs.
const minimum = `hostname = "mx.example.org"
[milter]
listen = "127.0.0.1:8891"            # smtpd_milters = inet:127.0.0.1:8891
[tls_policy]
listen = "127.0.0.1:8461"            # smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:policy
[[domain]]
name = "example.org"
selector = "wax1"
key = "/etc/waxseal/wax1.pem"
`

var values = cmp.Options{cmpopts.IgnoreUnexported(Config{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

func TestMinimum(t *testing.T) {
	got, err := Parse("w.toml", []byte(minimum))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Hostname, want.AuthServID = "mx.example.org", "mx.example.org"
	want.Milter.Listen, want.TLSPolicy.Listen = "127.0.0.1:8891", "127.0.0.1:8461"
	want.Domains = []Domain{{Name: "example.org", Selector: "wax1", Key: "/etc/waxseal/wax1.pem"}}
	if diff := cmp.Diff(got, want, values); diff != "" {
		t.Error(diff)
	}
	if spf, dmarc := got.Policy.Modes(); spf != inbound.Monitor || dmarc != inbound.Monitor {
		t.Errorf("a first install refuses mail: %s, %s", spf, dmarc)
	}
}

func TestModes(t *testing.T) {
	for _, row := range []struct {
		name, policy string
		spf, dmarc   inbound.Mode
	}{
		{"none", "", inbound.Monitor, inbound.Monitor},
		{"enforce", `mode = "enforce"`, inbound.Monitor, inbound.Enforce},
		{"spf-too", `mode = "enforce"` + "\n" + `spf = "enforce"`, inbound.Enforce, inbound.Enforce},
		{"not-dmarc", `mode = "enforce"` + "\n" + `dmarc = "monitor"`, inbound.Monitor, inbound.Monitor},
		{"only-dmarc", `dmarc = "enforce"`, inbound.Monitor, inbound.Enforce},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := Parse("w.toml", []byte(minimum+"[policy]\n"+row.policy))
			if err != nil {
				t.Fatal(err)
			}
			if spf, dmarc := c.Policy.Modes(); spf != row.spf || dmarc != row.dmarc {
				t.Errorf("got %s, %s; want %s, %s", spf, dmarc, row.spf, row.dmarc)
			}
		})
	}
}

// TestNetworks holds which networks go together.
func TestNetworks(t *testing.T) {
	for _, text := range []string{
		"trusted_relays = [\"127.0.0.0/8\"]",                                      // above networks that nobody wrote
		"trusted_relays = [\"10.0.0.1/32\"]\ntrusted_networks = [\"10.0.0.0/8\"]", // a relay among our hosts
		"trusted_networks = []",
	} {
		if _, err := Parse("w.toml", []byte("hostname = \"mx.example.org\"\n[milter]\nlisten = \"127.0.0.1:8891\"\n"+text+"\n")); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestAuthServID holds that it is written as every message may have it.
func TestAuthServID(t *testing.T) {
	c, err := Parse("w.toml", []byte("authserv_id = \"mx.b\u00fccher.example\"\n"+minimum))
	if err != nil {
		t.Fatal(err)
	}
	if want := "mx.xn--bcher-kva.example"; c.AuthServID != want {
		t.Errorf("got %q, want %q", c.AuthServID, want)
	}
}

func TestErrors(t *testing.T) {
	const head = "hostname = \"mx.example.org\"\nmilter.listen = \"127.0.0.1:8891\"\n"
	for _, row := range []struct{ name, text, want string }{
		{
			"unknown-key", head + "[tls_policy]\nlisten = \"127.0.0.1:1\"\n[policy]\nmodes = \"enforce\"\n",
			`w.toml:6:1: policy.modes: this key is not known; did you mean "mode"?`,
		},
		{
			"unknown-table", head + "[tls-policy]\nlisten = \"127.0.0.1:1\"\n",
			`w.toml:3:2: tls-policy: this key is not known; did you mean "tls_policy"?`,
		},
		{"unknown-top", "hostnam = \"a.b\"\n" + head, `w.toml:1:1: hostnam: this key is not known; did you mean "hostname"?`},
		{"in-array", head + "[[domain]]\nnmae = \"a.b\"\n", `w.toml:4:1: domain.nmae: this key is not known; did you mean "name"?`},
		{"wrong-table", head + "[dns]\ntrusted_networks = []\n", `w.toml:4:1: dns.trusted_networks: this key is not known; did you mean "trust_anchor"?`},
		{"nothing-near", head + "zzzzzzzzzz = 1\n", `w.toml:3:1: zzzzzzzzzz: this key is not known`},
		{"two", head + "aaaaaaa = 1\nbbbbbbbb = 2\n", "w.toml:3:1: aaaaaaa: this key is not known\nw.toml:4:1: bbbbbbbb: this key is not known"},
		{"syntax", head + "[policy\n", "w.toml:3:8: "},
		{"twice", head + "hostname = \"a.b\"\n", "w.toml:3:1: "},
		{"mode", head + "[policy]\nmode = \"enforced\"\n", `w.toml:4:1: policy.mode: "enforced" is not known, use one of: monitor, enforce; did you mean "enforce"?`},
		{"type", head + "milter.connections = \"many\"\n", "w.toml:3:22: milter.connections: a whole number is needed here, not a TOML string"},
		{"text", head + "[log]\nlevel = 3\n", "w.toml: \"3\" is not known, use one of: debug, info, warn, error"},
		{"boolean", head + "[dns]\nrecursive = \"yes\"\n", "w.toml:4:13: dns.recursive: true or false is needed here, not a TOML string"},
		{"list", head + "[dns]\nservers = \"192.0.2.1\"\n", "w.toml:4:11: dns.servers: a list in brackets is needed here, not a TOML string"},
		{"listen", "hostname = \"mx.example.org\"\n[milter]\nlisten = \"8891\"\n", `w.toml:3:1: milter.listen: "8891" is no address`},
		{"socket", "hostname = \"mx.example.org\"\n[milter]\nlisten = \"unix:milter\"\n", `w.toml:3:1: milter.listen: "unix:milter": the path of a socket begins with /`},
		{"hostname", "hostname = \"mx..example\"\n", `w.toml:1:1: hostname: `},
		{"no-hostname", "milter.listen = \"127.0.0.1:8891\"\n", `w.toml: hostname: is required`},
		{"nothing", "hostname = \"mx.example.org\"\n", `w.toml: nothing to serve`},
		{"authserv-id", head + "[log]\n", ""},
		{"bad-authserv-id", "authserv_id = \"a; b\"\n" + head, `w.toml:1:1: authserv_id: "a; b" cannot stand`},
		{"network", head + "[trust]\nforwarders = [\"192.0.2.1\"]\n", `w.toml:4:15: `},
		{"duration", head + "[dns]\nmessage_time = \"ten\"\n", `w.toml:4:16: dns.message_time: "ten" is no time span`},
		{"duration-long", head + "[dns]\nmessage_time = \"5m\"\n", `w.toml:4:1: dns.message_time: 5m0s is too long: at most 3m0s`},
		{"contradiction", head + "[dns]\nrecursive = true\nservers = [\"192.0.2.1\"]\n", `w.toml:5:1: dns.servers: recursive asks`},
		{"no-key", head + "[[domain]]\nname = \"a.b\"\nselector = \"s\"\n", `w.toml:3:3: domain[0]: a.b needs key`},
		{"no-selector", head + "[[domain]]\nname = \"a.b\"\nkey = \"k\"\n", `w.toml:3:3: domain[0]: a.b needs a selector`},
		{
			"same-key", head + "[[domain]]\nname = \"a.b\"\nselector = \"s\"\nkey = \"k\"\n[[domain]]\nname = \"A.B\"\nselector = \"s\"\nkey = \"k\"\n",
			`w.toml:9:1: domain[1].selector: s._domainkey.a.b is there twice`,
		},
		{"inline-tables", head + "domain = [{name = \"a.b\", selector = \"s\", key = \"k\"},\n  {name = \"a..b\"}]\n", `w.toml:4:4: domain[1].name: `},
		{"include", "include = \"x.toml\"\n" + head, `w.toml:1:1: include: nothing can be included here`},
		{"credential", head + "[[domain]]\nname = \"a.b\"\nselector = \"s\"\nkey = \"credential:../k\"\n", `w.toml:6:1: domain[0].key: `},
		{"arc", head + "[arc]\nselector = \"s\"\n", `w.toml:3:2: arc: sealing needs domain, selector and key`},
		{"arc-nothing", head + "[arc]\ndomain = \"a.b\"\nselector = \"s\"\nkey = \"k\"\n", `w.toml:3:2: arc: says how to seal and not what`},
		{"arc-recipient", head + "[arc]\nrecipients = [\"a@\"]\n", `w.toml:4:15: arc.recipients[0]: "a@" is no address`},
		{"field", head + "[lookalike]\nheader = \"Subject\"\n", `w.toml:4:1: lookalike.header: "Subject" means`},
		{"field-name", head + "[lookalike]\nheader = \"A: b\"\n", `w.toml:4:1: lookalike.header: "A: b" is no name`},
		{"field-family", head + "[lookalike]\nheader = \"arc-seal\"\n", `w.toml:4:1: lookalike.header: "arc-seal" means`},
		{"authserv-id-control", "authserv_id = \"a\\u0001\"\n" + head, `w.toml:1:1: authserv_id: "a\x01" cannot stand`},
		{"authserv-id-unicode", "authserv_id = \"b\u00fccher!\"\n" + head, "w.toml:1:1: authserv_id: \"b\u00fccher!\" cannot stand"},
		{"mapped-network", head + "milter.trusted_networks = [\"10.0.0.0/8\", \"::ffff:10.0.0.0/104\"]\n", `w.toml:3:42: milter.trusted_networks[1]: ::ffff:10.0.0.0/104 is never found`},
		{"mapped-forwarder", head + "trust.forwarders = [\"::ffff:192.0.2.1/128\"]\n", `w.toml:3:21: trust.forwarders[0]: ::ffff:192.0.2.1/128 is never found`},
		{"every-network", head + "milter.trusted_networks = [\"0.0.0.0/0\"]\n", `w.toml:3:28: milter.trusted_networks[0]: 0.0.0.0/0 is every host`},
		{"every-relay", head + "milter.trusted_relays = [\"::/0\"]\n", `w.toml:3:26: milter.trusted_relays[0]: ::/0 is every host`},
		{
			"network-of-relays", head + "milter.trusted_relays = [\"10.0.0.0/8\"]\nmilter.trusted_networks = [\"10.9.0.0/16\"]\n",
			`w.toml:4:28: milter.trusted_networks[0]: 10.9.0.0/16 is within 10.0.0.0/8 of milter.trusted_relays`,
		},
		{
			"list-on-relay", head + "milter.trusted_relays = [\"10.0.0.1/32\"]\n[arc]\ndomain = \"a.b\"\nselector = \"s\"\nkey = \"k\"\nnetworks = [\"10.0.0.1/32\"]\n",
			`w.toml:8:13: arc.networks[0]: 10.0.0.1/32 is within`,
		},
		{"too-large", strings.Repeat("#", MaxFile+1), "w.toml: larger than"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("w.toml", []byte(row.text))
			got := fmt.Sprint(err)
			if row.want == "" && err == nil {
				return
			}
			if err == nil || !strings.HasPrefix(got, row.want) || row.want == "" {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
			var one *Error
			if !errors.As(err, &one) {
				t.Errorf("%T is no *Error", err)
			}
		})
	}
}

func TestValues(t *testing.T) {
	c, err := Parse("w.toml", []byte(minimum+"[policy]\nmode = \"enforce\"\ntemperror=\"accept\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Value{}
	for _, v := range c.Values() {
		got[v.Key] = v
	}
	for _, want := range []Value{
		{Key: "hostname", Value: `"mx.example.org"`, Default: `""`, File: "w.toml", At: Position{1, 1}},
		{Key: "policy.mode", Value: `"enforce"`, Default: `"monitor"`, File: "w.toml", At: Position{11, 1}},
		{Key: "policy.spf", Value: `"monitor"`, Default: `"monitor"`},
		{Key: "dns.message_time", Value: `"10s"`, Default: `"10s"`},
		{Key: "milter.trusted_networks", Value: `["127.0.0.0/8", "::1/128"]`, Default: `["127.0.0.0/8", "::1/128"]`},
		{Key: "milter.connections", Value: "1000", Default: "1000"},
		{Key: "domain[0].key", Value: `"/etc/waxseal/wax1.pem"`, File: "w.toml", At: Position{9, 1}},
	} {
		if diff := cmp.Diff(got[want.Key], want); diff != "" {
			t.Errorf("%s: %s", want.Key, diff)
		}
	}
}

func TestKeysAreDocumented(t *testing.T) {
	keys := Keys()
	for _, k := range keys {
		if k.Doc == "" {
			t.Errorf("%s: no doc", k.Name)
		}
	}
	if len(keys) < 20 {
		t.Errorf("only %d keys", len(keys))
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "wax1"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, credentials string
		file              File
		ok                bool
	}{
		{"file", "", File(filepath.Join(dir, "wax1")), true},
		{"credential", dir, "credential:wax1", true},
		{"no-credentials", "", "credential:wax1", false},
		{"unknown-credential", dir, "credential:wax2", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := row.file.Read(row.credentials)
			if (err == nil) != row.ok || row.ok && string(b) != "secret" {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.toml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte(minimum), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(minimum)
	f.Add("hostname=\"a.b\"\nmilter={listen=\"[::1]:1\", connections=2}\ndns.servers=[\"x\"]\n[[domain]]\n[trust]\nforwarders=[\"::/0\"]")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse("f", []byte(s))
		if err == nil {
			c.Values()
		}
	})
}

func TestSeals(t *testing.T) {
	a := ARC{Recipients: []Recipient{"list@example.org", "lists.example.org"}}
	for _, row := range []struct {
		name string
		to   []string
		want bool
	}{
		{"address", []string{"LIST@Example.Org"}, true},
		{"domain", []string{"x@lists.example.org"}, true},
		{"second", []string{"x@a.example", "list@example.org"}, true},
		{"other", []string{"x@example.org"}, false},
		{"below", []string{"x@a.lists.example.org"}, false},
		{"none", nil, false},
		{"no-address", []string{"list", ""}, false},
		{"literal", []string{"x@[192.0.2.1]"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := a.Seals(row.to); got != row.want {
				t.Errorf("got %t", got)
			}
		})
	}
	if all := (&ARC{Recipients: []Recipient{"*"}}); !all.Seals([]string{"x@[192.0.2.1]"}) || all.Seals(nil) {
		t.Error("* is not everybody")
	}
}
