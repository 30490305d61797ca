package config

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func formatted() *Config {
	c := Default()
	c.Hostname, c.AuthServID = "mx.example.org", "mx.example.org"
	c.Milter.Listen = "127.0.0.1:8891"
	c.Milter.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	c.DNS.MessageTime = Duration(90 * time.Second)
	c.DNS.RootHints = `C:\a "b"`
	c.Domains = []Domain{{"one.example", "s", "/k"}, {"two.example", "t", "credential:k"}}
	return c
}

// TestFormat holds that what is written is read again as it was.
func TestFormat(t *testing.T) {
	for _, row := range []struct {
		name   string
		config *Config
		always []string
		set    int // keys
	}{
		{"some", formatted(), nil, 12},
		{"always", formatted(), []string{"policy.mode", "milter.listen"}, 13},
	} {
		t.Run(row.name, func(t *testing.T) {
			written := row.config.Format(row.always...)
			got, err := Parse("w.toml", []byte(written))
			if err != nil {
				t.Fatalf("%v\n%s", err, written)
			}
			if diff := cmp.Diff(got, row.config, values); diff != "" {
				t.Errorf("%s\n%s", diff, written)
			}
			set := regexp.MustCompile(`(?m)^[a-z_]+ = `).FindAllString(written, -1)
			if len(set) != row.set {
				t.Errorf("%d keys are set: %q", len(set), set)
			}
		})
	}
}

// TestFormatComments holds that each key is there, and right as soon as its # is
// taken away.
func TestFormatComments(t *testing.T) {
	written := formatted().Format()
	for _, k := range Keys() {
		name := k.Name[strings.LastIndexByte(k.Name, '.')+1:]
		if !regexp.MustCompile(`(?m)^#?` + name + ` = `).MatchString(written) {
			t.Errorf("%s is not there", k.Name)
		}
	}
	got, err := decode("w.toml", []byte(regexp.MustCompile(`(?m)^#([a-z_]+ = |\[)`).ReplaceAllString(written, "$1")))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range got.read() {
		t.Error(err)
	}
	found := map[string]string{}
	for _, v := range got.Values() {
		found[v.Key] = v.Value
	}
	for _, v := range formatted().Values() {
		if got := found[v.Key]; got != v.Value && v.Value != `""` {
			t.Errorf("%s: got %s, want %s", v.Key, got, v.Value)
		}
	}
	for line := range strings.Lines(written) {
		if len(line) > formatWidth+1 && strings.HasPrefix(line, "# ") && strings.Contains(line[2:], " ") {
			t.Errorf("too long: %s", line)
		}
	}
}

func TestFormatNoDomain(t *testing.T) {
	c := formatted()
	c.Domains = nil
	written := c.Format()
	if _, err := Parse("w.toml", []byte(written)); err != nil {
		t.Fatal(err)
	}
	const want = "\n#[[domain]]\n# domain that signs, d=; mail from its subdomains is signed by it unless they\n# have keys of their own\n#name = \"mx.example.org\"\n"
	if !strings.Contains(written, want) {
		t.Errorf("got\n%s", written)
	}
}
