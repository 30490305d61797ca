package waxseal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRequirementTables holds docs/rfc/*.tsv to the tests that it names: each
// row is a requirement, its level, and a test as package.TestName or
// package.TestName/row, where row is a literal in the package's tests.
func TestRequirementTables(t *testing.T) {
	tables, err := filepath.Glob("docs/rfc/*.tsv")
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	packages := map[string]string{}
	for _, table := range tables {
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		if lines[0] != "requirement\tlevel\ttest" {
			t.Errorf("%s:1: header is %q", table, lines[0])
		}
		for i, line := range lines[1:] {
			cells := strings.Split(line, "\t")
			if len(cells) != 3 {
				t.Errorf("%s:%d: %d cells, want 3", table, i+2, len(cells))
				continue
			}
			for _, test := range strings.Fields(strings.ReplaceAll(cells[2], ",", " ")) {
				if why := missing(packages, test); why != "" {
					t.Errorf("%s:%d: %s: %s", table, i+2, test, why)
				}
			}
		}
	}
}

// TestFaultTable holds that each row of docs/faults.md names tests that are there.
func TestFaultTable(t *testing.T) {
	const page = "docs/faults.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	packages, rows, head := map[string]string{}, 0, true
	named := regexp.MustCompile("`([\\w/]+\\.(?:Test|Fuzz)\\w+(?:/[\\w-]+)?)`")
	for i, line := range strings.Split(string(text), "\n") {
		tests := named.FindAllStringSubmatch(line, -1)
		row := strings.HasPrefix(line, "|")
		switch {
		case !row:
			head = true
		case head && strings.HasPrefix(line, "|--"):
			head = false
		case !head && len(tests) == 0:
			t.Errorf("%s:%d: the row names no test", page, i+1)
		case !head:
			rows++
		}
		for _, test := range tests {
			if why := missing(packages, test[1]); why != "" {
				t.Errorf("%s:%d: %s: %s", page, i+1, test[1], why)
			}
		}
	}
	if rows == 0 {
		t.Errorf("%s has no rows", page)
	}
}

// missing says what of a named test is not there; empty if all is.
func missing(packages map[string]string, test string) string {
	pkg, name, ok := strings.Cut(test, ".")
	if !ok {
		return "not package.TestName"
	}
	source, known := packages[pkg]
	if !known {
		files, _ := filepath.Glob(filepath.Join(pkg, "*_test.go"))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return err.Error()
			}
			source += string(b)
		}
		packages[pkg] = source
	}
	name, row, hasRow := strings.Cut(name, "/")
	if !regexp.MustCompile(`func ` + regexp.QuoteMeta(name) + `\(`).MatchString(source) {
		return "no such test function"
	}
	if hasRow && !strings.Contains(source, `"`+row+`"`) && !strings.Contains(source, "`"+row+"`") {
		return "no such row"
	}
	return ""
}

// TestPagesPerPackage holds that every public package has a package comment and
// an example that runs.
func TestPagesPerPackage(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range sources(t) {
		pkg := filepath.ToSlash(filepath.Dir(f.name))
		if pkg == "conformance" || strings.HasPrefix(pkg, "internal/") || strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		seen[pkg] = seen[pkg] || f.syntax.Doc != nil
	}
	for pkg, documented := range seen {
		if !documented {
			t.Errorf("%s: no package comment", pkg)
		}
		examples, err := filepath.Glob(filepath.Join(pkg, "*example*_test.go"))
		if err != nil || len(examples) == 0 {
			t.Errorf("%s: no Example", pkg)
		}
	}
}
