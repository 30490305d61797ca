package store

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestPrivate holds that only the owner can read what is kept.
func TestPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "waxseal.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, st.Mode())
		}
	}
}
