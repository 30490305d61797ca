package daemon

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExposed holds that a key which every account can read is not passed over in
// silence.
func TestExposed(t *testing.T) {
	for dir := filepath.Clean(os.TempDir()); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if !allows(dir, 0o001) {
			t.Skipf("%s is closed to others, and so is all that a test makes in it", dir)
		}
	}
	for _, row := range []struct {
		name        string
		folder, key fs.FileMode
		want        bool
	}{
		{"own", 0o755, 0o600, false},
		{"of-the-group", 0o755, 0o640, false},
		{"readable", 0o755, 0o644, true},
		{"writable", 0o755, 0o602, true},
		{"in-a-closed-folder", 0o750, 0o644, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, "")
			// Folders of tests are not open to others.
			for dir := s.dir; strings.HasPrefix(dir, filepath.Clean(os.TempDir())+"/"); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(s.dir, row.folder); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(s.dir+"/key", row.key); err != nil {
				t.Fatal(err)
			}
			d := s.daemon()
			c, err := d.Check()
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Equal(d.exposed(c), []string{s.dir + "/key"}); got != row.want {
				t.Errorf("got %v, want %t", d.exposed(c), row.want)
			}
		})
	}
}

// TestListenWarning holds that a milter in the open is not passed over in silence: it
// believes whoever speaks to it.
func TestListenWarning(t *testing.T) {
	for _, row := range []struct {
		listen string
		want   bool
	}{
		{"127.0.0.1:0", false},
		{"[::1]:0", false},
		{"localhost:0", false},
		{"unix:/run/waxseal/milter", false},
		{":8891", true},
		{"[::]:8891", true},
		{"192.0.2.1:8891", true},
	} {
		t.Run(row.listen, func(t *testing.T) {
			s := newSite(t, "")
			s.replace("127.0.0.1:0", row.listen)
			d := s.daemon()
			c, err := d.Check()
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.ContainsFunc(d.Warnings(c), func(w string) bool { return strings.HasPrefix(w, "milter.listen = ") }); got != row.want {
				t.Errorf("got %q, want a warning: %t", d.Warnings(c), row.want)
			}
		})
	}
}

// TestOwnAuthors holds that trust in our own domain is not taken for what it seems.
func TestOwnAuthors(t *testing.T) {
	s := newSite(t, "[[domain]]\nname = \"example.org\"\nselector = \"wax2\"\nkey = \"KEY\"\n[trust]\nauthors = [\"other.example\", \"example.org\"]\n")
	s.replace("KEY", s.dir+"/key")
	d := s.daemon()
	c, err := d.Check()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"trust.authors exempts a domain of yours from DMARC, so that whoever forges it is let in: example.org"}
	if got := d.Warnings(c); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
