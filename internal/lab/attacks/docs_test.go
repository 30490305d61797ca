package attacks

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReasons holds that docs/lab.md has a reason for each attack, in the order of
// the matrix.
func TestReasons(t *testing.T) {
	text, err := os.ReadFile("../../../docs/lab.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z]+_[a-z_]+) \| \S`).FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1])
	}
	for _, a := range All() {
		want = append(want, a.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestDescribed holds the attacks to what their readers need.
func TestDescribed(t *testing.T) {
	for _, a := range All() {
		file := a.ID + ".go"
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s is not in %s", a.ID, file)
		}
		if !strings.HasSuffix(a.Story, ".") || !strings.HasSuffix(a.Seen, ".") || a.Ref == "" || len(a.ID) > 22 {
			t.Errorf("%s: %q, %q, %q", a.ID, a.Story, a.Seen, a.Ref)
		}
	}
}
