package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder writes files and returns the path of w.toml among them.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "w.toml")
}

const including = "include = \"conf.d/*.toml\"\nhostname = \"mx.example.org\"\nmilter.listen = \"127.0.0.1:8891\"\n" +
	"[[domain]]\nname = \"one.example\"\nselector = \"s\"\nkey = \"k\"\n"

func TestInclude(t *testing.T) {
	path := folder(t, map[string]string{
		"w.toml":            including + "[trust]\nlists = [\"l.example\"]\n",
		"conf.d/b.toml":     "[[domain]]\nname = \"three.example\"\nselector = \"s\"\nkey = \"k\"\n",
		"conf.d/a.toml":     "[[domain]]\nname = \"two.example\"\nselector = \"s\"\nkey = \"k\"\n[trust]\nsealers = [\"s.example\"]\n[policy]\nmode = \"enforce\"\n",
		"conf.d/.#a.toml":   "of an editor",
		"conf.d/a.toml.bak": "of an editor",
	})
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Include, want.Hostname, want.AuthServID = "conf.d/*.toml", "mx.example.org", "mx.example.org"
	want.Milter.Listen = "127.0.0.1:8891"
	want.Trust = Trust{Lists: []Name{"l.example"}, Sealers: []Name{"s.example"}}
	want.Policy.Mode = "enforce"
	for _, name := range []Name{"one.example", "two.example", "three.example"} {
		want.Domains = append(want.Domains, Domain{Name: name, Selector: "s", Key: "k"})
	}
	if diff := cmp.Diff(got, want, values); diff != "" {
		t.Error(diff)
	}
	places := map[string]string{}
	for _, v := range got.Values() {
		if v.File != "" {
			name, _ := filepath.Rel(filepath.Dir(path), v.File)
			places[v.Key] = (&Error{File: name, Position: v.At}).Error()
		}
	}
	for key, want := range map[string]string{
		"hostname": "w.toml:2:1: ", "policy.mode": "conf.d/a.toml:8:1: ", "trust.lists": "w.toml:9:1: ", "trust.sealers": "conf.d/a.toml:6:1: ",
		"domain[0].name": "w.toml:5:1: ", "domain[1].name": "conf.d/a.toml:2:1: ", "domain[2].key": "conf.d/b.toml:4:1: ",
	} {
		if places[key] != want {
			t.Errorf("%s: got %q, want %q", key, places[key], want)
		}
	}
}

func TestIncludeErrors(t *testing.T) {
	const domain = "[[domain]]\nname = \"two.example\"\nselector = \"s\"\nkey = \"k\"\n"
	for _, row := range []struct {
		name, main string // main instead of including
		files      map[string]string
		want       string // DIR is the folder
	}{
		{"unknown-key", "", map[string]string{"conf.d/a.toml": "[policy]\nmodes = \"enforce\"\n"}, `DIR/conf.d/a.toml:2:1: policy.modes: this key is not known; did you mean "mode"?`},
		{"syntax", "", map[string]string{"conf.d/a.toml": "[policy\n"}, "DIR/conf.d/a.toml:1:8: expected ']' to close table name"},
		{"value", "", map[string]string{"conf.d/a.toml": "\n[policy]\nmode = \"maybe\"\n"}, `DIR/conf.d/a.toml:3:1: policy.mode: "maybe" is not known, use one of: monitor, enforce`},
		{"array", "", map[string]string{"conf.d/a.toml": domain, "conf.d/b.toml": "\n" + domain}, `DIR/conf.d/b.toml:4:1: domain[2].selector: s._domainkey.two.example is there twice`},
		{"table", "", map[string]string{"conf.d/a.toml": "\n[[domain]]\nname = \"two.example\"\n"}, `DIR/conf.d/a.toml:2:3: domain[1]: two.example needs key: the file with its private key`},
		{
			"twice", "",
			map[string]string{"conf.d/a.toml": "hostname = \"mx.example.net\"\n"},
			`DIR/conf.d/a.toml:1:1: hostname: is already set in DIR/w.toml:2:1`,
		},
		{
			"twice-below", "",
			map[string]string{"conf.d/a.toml": "[policy]\nmode = \"enforce\"\n", "conf.d/b.toml": "policy = {spf = \"enforce\",\n mode = \"monitor\"}\n"},
			`DIR/conf.d/b.toml:2:2: policy.mode: is already set in DIR/conf.d/a.toml:2:1`,
		},
		{
			"all", "",
			map[string]string{"conf.d/a.toml": "x = 1\n", "conf.d/b.toml": "[log]\nlevel = \"loud\"\n"},
			"DIR/conf.d/a.toml:1:1: x: this key is not known\n" +
				`DIR/conf.d/b.toml:2:1: log.level: "loud" is not known, use one of: debug, info, warn, error`,
		},
		{
			"nested", "",
			map[string]string{"conf.d/a.toml": "include = \"more/*.toml\"\n"},
			`DIR/conf.d/a.toml:1:1: include: DIR/conf.d/a.toml is included itself: only the first file may include others`,
		},
		{"no-pattern", "include = \"[\"\n", nil, `DIR/w.toml:1:1: include: "[" is no pattern for file names`},
		{"no-file", "include = \"more.toml\"\n", nil, `DIR/w.toml:1:1: include: DIR/more.toml does not exist`},
		{"folder", "include = \"conf.d\"\n", map[string]string{"conf.d/a.toml": ""}, `DIR/w.toml:1:1: include: read DIR/conf.d: is a directory`},
		{"too-large", "", map[string]string{"conf.d/a.toml": strings.Repeat("#", MaxFile+1)}, `DIR/conf.d/a.toml: larger than 1048576 bytes`},
		{"itself", "include = \"*.toml\"\nhostname = \"mx.example.org\"\nmilter.listen = \"127.0.0.1:1\"\n", nil, ""},
		{"no-match", including, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := map[string]string{"w.toml": row.main}
			if row.main == "" {
				files["w.toml"] = including
			}
			for name, text := range row.files {
				files[name] = text
			}
			path := folder(t, files)
			_, err := Load(path)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), filepath.Dir(path), "DIR")
			}
			if row.want == "" && got != "" || !strings.HasPrefix(got, row.want) {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}
