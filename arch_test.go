package waxseal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/waxseal/waxseal/"

// floors lists the packages of each floor, the lowest first. A trailing "/..."
// takes the folders below as well. A package imports only lower floors.
var floors = [][]string{
	{"internal/ascii", "internal/accept", "internal/panics", "domain", "message"},
	{"internal/taglist", "authres", "resolver", "arf"},
	{"resolver/...", "dnssec/...", "spf", "dkim", "arc", "dmarc/...", "lookalike", "smtp", "dane", "mtasts", "tlsrpt"},
	{"inbound", "outbound"},
	{"posture", "internal/store", "internal/config", "internal/keys", "internal/queue", "internal/milter", "internal/socketmap", "internal/metrics", "internal/systemd", "internal/gateway", "internal/relay", "internal/policyhost", "internal/reporting", "internal/dashboard", "internal/lab/..."},
	{"internal/daemon", "internal/setup"},
	{"cmd/waxseal"},
	{"conformance", "internal/testca"}, // over everything, so that only tests import them
}

// peers are the imports allowed between packages of one floor.
var peers = map[string][]string{
	"message":              {"domain", "internal/ascii"},
	"domain":               {"internal/ascii"},
	"authres":              {},
	"arc":                  {"dkim"},
	"dmarc/aggregate":      {"dmarc"},
	"dmarc/failure":        {"dmarc"},
	"internal/relay":       {"internal/queue", "internal/keys"},
	"internal/queue":       {"internal/store"},
	"internal/reporting":   {"internal/store"},
	"internal/dashboard":   {"internal/reporting", "internal/store", "posture"},
	"resolver/upstream":    {},
	"resolver/zonefile":    {},
	"internal/daemon":      {},
	"internal/store":       {},
	"internal/socketmap":   {},
	"internal/policyhost":  {},
	"internal/milter":      {},
	"internal/gateway":     {},
	"internal/lab/attacks": {"internal/lab"},
}

// fences are imports that only some packages may have.
var fences = []struct {
	imports string // the path, or a prefix that ends in /...
	allowed func(pkg, file string) bool
}{
	{"github.com/miekg/dns", func(pkg, _ string) bool {
		return pkg == "resolver" || within(pkg, "resolver") || within(pkg, "dnssec") || within(pkg, "internal/lab")
	}},
	{"golang.org/x/net/idna", func(pkg, _ string) bool { return pkg == "domain" }},
	{"golang.org/x/net/publicsuffix", func(pkg, _ string) bool { return pkg == "domain" }},
	{"os", aboveChecks},
	{"os/...", aboveChecks},
	{"log/slog", aboveChecks},
	{"log", aboveChecks},
	{"flag", aboveChecks},
	{"net/http", func(pkg, file string) bool { return pkg == "mtasts" && file == "fetch.go" || aboveChecks(pkg, file) }},
	{"net/mail", func(string, string) bool { return false }},
	{"encoding/xml", func(string, string) bool { return false }},
	{"github.com/prometheus/...", func(pkg, _ string) bool { return pkg == "internal/metrics" }},
	{"github.com/spf13/...", func(pkg, _ string) bool { return pkg == "cmd/waxseal" }},
}

func aboveChecks(pkg, _ string) bool { return floorOf(pkg) >= 3 }

func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

func floorOf(pkg string) int {
	for i, floor := range floors {
		for _, p := range floor {
			folder, deep := strings.CutSuffix(p, "/...")
			if pkg == folder || deep && within(pkg, folder) {
				return i
			}
		}
	}
	return -1
}

// TestArchitecture reads every Go file that is not a test and holds it to the
// floors of the design: who may import whom, and where a dependency may appear.
func TestArchitecture(t *testing.T) {
	for _, f := range sources(t) {
		pkg := path.Dir(f.name)
		if floorOf(pkg) < 0 {
			t.Errorf("%s: package %s stands on no floor", f.name, pkg)
			continue
		}
		for _, spec := range f.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			checkImport(t, f.name, pkg, imported)
		}
	}
}

func checkImport(t *testing.T, file, pkg, imported string) {
	if own, ok := strings.CutPrefix(imported, module); ok {
		from, to := floorOf(pkg), floorOf(own)
		if to > from || to == from && !slices.Contains(peers[pkg], own) {
			t.Errorf("%s: %s (floor %d) must not import %s (floor %d)", file, pkg, from+1, own, to+1)
		}
		return
	}
	for _, fence := range fences {
		prefix, deep := strings.CutSuffix(fence.imports, "/...")
		if (imported == prefix && !deep || deep && strings.HasPrefix(imported, prefix+"/")) && !fence.allowed(pkg, path.Base(file)) {
			t.Errorf("%s: %s must not import %s", file, pkg, imported)
		}
	}
}

var badName = regexp.MustCompile(`(?i)^(util|utils|common|helper|helpers|manager|data|info|base)$`)

// TestNames holds what the style says of names that every reader meets.
func TestNames(t *testing.T) {
	for _, f := range sources(t) {
		if badName.MatchString(f.syntax.Name.Name) {
			t.Errorf("%s: package name %s says nothing", f.name, f.syntax.Name.Name)
		}
		for _, decl := range f.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: init", f.name)
				}
				if len(d.Name.Name) > 3 && strings.HasPrefix(d.Name.Name, "Get") && d.Name.IsExported() {
					t.Errorf("%s: %s: a getter has no Get", f.name, d.Name.Name)
				}
			case *ast.GenDecl:
				checkTypes(t, f.name, d)
			}
		}
	}
}

func checkTypes(t *testing.T, file string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		if ts, ok := spec.(*ast.TypeSpec); ok && badName.MatchString(ts.Name.Name) {
			t.Errorf("%s: type name %s says nothing", file, ts.Name.Name)
		}
	}
}

type source struct {
	name   string // path from the root, with slashes
	syntax *ast.File
}

// sources parses the module's Go files, tests and other modules left out.
func sources(t *testing.T) []source {
	t.Helper()
	var files []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			if name == "bench" || name == "tools" || name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, source{name, syntax})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 5 {
		t.Fatalf("only %d files found", len(files))
	}
	return files
}
