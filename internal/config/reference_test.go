package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

const referenceIntro = `# Configuration of waxseal serve
<!-- Made from internal/config by WAXSEAL_UPDATE=1 go test ./internal/config -run TestReference -->
One file in [TOML](https://toml.io), by default ` + "`/etc/waxseal/waxseal.toml`" + `. This is enough for Postfix on
the same host and one domain; ` + "`waxseal serve --init example.org`" + ` writes it, with the keys
([docs/install.md](install.md)):
` + "```toml\n" + minimum + "```" + `
` + "`waxseal serve --check`" + ` says all that is wrong with a file, each error with file, line and
column. A key that is not known is an error, so that a typo cannot switch a control off.
` + "`waxseal config explain`" + ` shows every value with its default and the place that sets it. SIGHUP
reads the file again; if anything is wrong with it, the old configuration stays in force and
the log says why.

**Several files.** With ` + "`include = \"conf.d/*.toml\"`" + ` the files that match are read too, in the order
of their names, relative to the file that includes them. They have the same keys. Tables in
double brackets add up; every other key may be set in one file only. Included files cannot
include others. A file whose name begins with a dot is left out.
`

// reference writes docs/configuration.md.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceIntro + "\n## How values are written\n| kind | how | example |\n|---|---|---|\n")
	var seen []string
	for _, k := range Keys() {
		s := k.Shape
		of, list := strings.CutPrefix(s.Name, "list of ")
		if list {
			s.Name = "list of X"
		}
		if s.How != "" && !slices.Contains(seen, s.Name) {
			seen = append(seen, s.Name)
			fmt.Fprintf(&b, "| %s | %s | `%s` |\n", s.Name, cell(s.How), s.Example)
		}
		if list && !slices.Contains(seen, of) { // a kind that may stand in lists alone
			for _, one := range shapes() {
				if one.Name == of {
					seen = append(seen, of)
					fmt.Fprintf(&b, "| %s | %s | `%s` |\n", of, cell(one.How), one.Example)
				}
			}
		}
	}
	b.WriteString("\nWhere words stand instead of a kind, a key takes one of them. A list is replaced by what the file\nsays, not added to.\n")
	for _, table := range tables() {
		writeTable(&b, table)
	}
	return b.String()
}

func writeTable(b *strings.Builder, table []Key) {
	name, head := table[0].Table(), "## At the top, before any table"
	if name != "" {
		head = "## [" + name + "]"
	}
	if table[0].Array {
		head = "## [[" + name + "]], any number of them"
	}
	fmt.Fprintf(b, "\n%s\n| key | kind | default | meaning |\n|---|---|---|---|\n", head)
	for _, k := range table {
		value := "`" + k.Default + "`"
		if k.Default == "" || k.Default == `""` || k.Default == "[]" {
			value = "none"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", strings.TrimPrefix(k.Name, name+"."), k.Shape.Name, value, cell(k.Doc))
	}
}

// cell makes a text fit a cell of a Markdown table.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "<", `\<`).Replace(s) }

// TestReference holds docs/configuration.md to the keys. WAXSEAL_UPDATE=1 writes it
// again.
func TestReference(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "configuration.md")
	want := reference()
	if os.Getenv("WAXSEAL_UPDATE") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: run WAXSEAL_UPDATE=1 go test ./internal/config -run TestReference", page)
	}
}

// TestShapes holds that the example of each kind is one, and that it is explained.
func TestShapes(t *testing.T) {
	types := []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[[]Name](), reflect.TypeFor[Mode](), reflect.TypeFor[DNSSEC](),
	}
	for typ := range shapes() {
		types = append(types, typ)
	}
	for _, typ := range types {
		s := shapeOf(typ)
		field := reflect.StructField{Name: "V", Type: typ, Tag: `toml:"v"`}
		v := reflect.New(reflect.StructOf([]reflect.StructField{field}))
		if err := toml.Unmarshal([]byte("v = "+s.Example), v.Interface()); err != nil {
			t.Errorf("%v: %s: %v", typ, s.Example, err)
		}
		if s.Name == "" || s.How == "" && !strings.HasPrefix(s.Name, "`") {
			t.Errorf("%v is not explained: %+v", typ, s)
		}
		if written := text(v.Elem().Field(0)); written != s.Example {
			t.Errorf("%v: got %s, want %s", typ, written, s.Example)
		}
	}
}
