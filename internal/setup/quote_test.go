package setup

import (
	"os/exec"
	"testing"
)

// TestQuote holds that a shell reads a path as what it is.
func TestQuote(t *testing.T) {
	for _, row := range []struct{ name, path, want string }{
		{"plain", "/etc/waxseal/waxseal.toml", "/etc/waxseal/waxseal.toml"},
		{"space", "/tmp/a b", "'/tmp/a b'"},
		{"space-inside-alone", "/a b/c", "'/a b/c'"},
		{"command", "/tmp/$(id);x", "'/tmp/$(id);x'"},
		{"quote", "/tmp/it's", `'/tmp/it'\''s'`},
		{"star", "/tmp/*", "'/tmp/*'"},
		{"empty", "", "''"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := Quote(row.path)
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
			out, err := exec.Command("/bin/sh", "-c", "printf %s "+got).Output()
			if err != nil || string(out) != row.path {
				t.Errorf("a shell reads %q, %v", out, err)
			}
		})
	}
}
