package main

import (
	"strings"
	"testing"

	"github.com/waxseal/waxseal/resolver"
)

// FuzzQuestion: a line of --batch is a question in the form that resolvers take,
// or an error with a hint.
func FuzzQuestion(f *testing.F) {
	for _, line := range []string{
		"a.example", "a.example MX", "MX a.example", ". NS", "192.0.2.1", "[2001:db8::1] PTR", "bücher.example TXT",
		`a\.b.example`, "https://x/", "a@b TYPE65535", "*.x TYPE0", "xn--0", "\xff", strings.Repeat("a.", 127) + "b",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		if len(words) == 0 || len(words) > 2 {
			return
		}
		q, err := parseQuestion(words)
		if err != nil {
			if fail, ok := err.(*failure); !ok || len(fail.hints) == 0 || fail.code != exitUsage {
				t.Fatalf("%q: %v", line, err)
			}
			return
		}
		if again, err := resolver.NewQuestion(q.Name, q.Type); err != nil || again != q {
			t.Fatalf("%q: %v is not canonical: %v %v", line, q, again, err)
		}
	})
}
