package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// suite opens a file of the suites folder, which WAXSEAL_SUITES names.
func suite(t *testing.T, name string) *os.File {
	t.Helper()
	folder := os.Getenv("WAXSEAL_SUITES")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "conformance")
		if _, err := os.Stat(folder); err != nil {
			t.Skip("the suites are not part of this tree and WAXSEAL_SUITES does not name their folder")
		}
	} else if !filepath.IsAbs(folder) {
		folder = filepath.Join("..", folder) // relative to the module
	}
	f, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// skips returns the cases of a suite that skips.tsv excuses, with the reason.
func skips(t *testing.T, suite string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("skips.tsv")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) != 3 || f[2] == "" {
			t.Fatalf("skips.tsv: want suite, case and reason: %q", line)
		}
		if f[0] == suite {
			m[f[1]] = f[2]
		}
	}
	return m
}

// tally counts the cases of one suite in one mode.
type tally struct {
	Suite, Mode            string
	Cases, Passed, Skipped int
}

func (c tally) row() string {
	return fmt.Sprintf("| %s | %s | %d | %d | %d |", c.Suite, c.Mode, c.Cases, c.Passed, c.Skipped)
}

const resultsFile = "RESULTS.md"

// check compares the tally with its row in RESULTS.md, or with WAXSEAL_UPDATE=1
// writes that row.
func (c tally) check(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rows := splitResults(string(text))
	key := fmt.Sprintf("| %s | %s |", c.Suite, c.Mode)
	i := slices.IndexFunc(rows, func(r string) bool { return strings.HasPrefix(r, key) })
	if os.Getenv("WAXSEAL_UPDATE") == "" {
		want := ""
		if i >= 0 {
			want = rows[i]
		}
		if c.row() != want {
			t.Errorf("RESULTS.md is stale (run with WAXSEAL_UPDATE=1):\n got %s\nwant %s", c.row(), want)
		}
		return
	}
	if i >= 0 {
		rows[i] = c.row()
	} else {
		rows = append(rows, c.row())
	}
	slices.Sort(rows)
	out := head + strings.Join(rows, "\n") + "\n"
	if err := os.WriteFile(resultsFile, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}

// splitResults splits RESULTS.md after the table's head.
func splitResults(text string) (head string, rows []string) {
	const rule = "| --- | --- | ---: | ---: | ---: |\n"
	head, table, _ := strings.Cut(text, rule)
	for row := range strings.Lines(table) {
		if row = strings.TrimSpace(row); row != "" {
			rows = append(rows, row)
		}
	}
	return head + rule, rows
}
