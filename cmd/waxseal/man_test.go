package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManual holds docs/commands to the command tree. WAXSEAL_UPDATE=1 writes
// the pages again.
func TestManual(t *testing.T) {
	const docs = "../../docs/commands"
	dir := t.TempDir()
	if os.Getenv("WAXSEAL_UPDATE") != "" {
		dir = docs
		old, _ := filepath.Glob(filepath.Join(docs, "*.md"))
		for _, f := range old {
			os.Remove(f)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeManual(newRoot(stdio{strings.NewReader(""), io.Discard, io.Discard}), dir, "markdown"); err != nil {
		t.Fatal(err)
	}
	want := pages(t, dir)
	got := pages(t, docs)
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is of no command", name)
		}
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is stale: run WAXSEAL_UPDATE=1 go test ./cmd/waxseal -run TestManual", name)
		}
	}
}

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages in %s: %v", dir, err)
	}
	all := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(b)
	}
	return all
}
