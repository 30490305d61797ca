package daemon

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/waxseal/waxseal/internal/config"
)

// Exposed returns the files with private keys of a configuration that every account
// of this host can read or change. Whoever reads one can sign in our name.
func (d *Daemon) Exposed(c *config.Config) []string {
	keys := []config.File{c.ARC.Key}
	for i := range c.Domains {
		keys = append(keys, c.Domains[i].Key)
	}
	for _, p := range c.MTASTS.Policies {
		_, key := c.MTASTS.CertificateFiles(p)
		keys = append(keys, key)
	}
	var all []string
	for _, k := range keys {
		if k == "" {
			continue
		}
		path, err := k.Path(d.Credentials)
		if err == nil && !slices.Contains(all, path) && reachable(path) {
			all = append(all, path)
		}
	}
	return all
}

// reachable reports whether everybody gets at a file, and through the folders that it
// is in.
func reachable(path string) bool {
	if runtime.GOOS == "windows" {
		return false // whose modes say nothing
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil || !allows(path, 0o006) {
		return false
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if !allows(dir, 0o001) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// allows reports whether others have one of these permissions.
func allows(path string, one fs.FileMode) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&one != 0
}

// warnOfKeys tells of keys that others get at.
func (d *Daemon) warnOfKeys(c *config.Config) {
	for _, path := range d.Exposed(c) {
		d.Log.Warn("every account of this host can read or change a private key", "file", path)
	}
}
