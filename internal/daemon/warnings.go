package daemon

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/waxseal/waxseal/internal/config"
)

// Warnings returns what a configuration lets others do in our name, a sentence each.
func (d *Daemon) Warnings(c *config.Config) []string {
	var all []string
	for _, path := range d.exposed(c) {
		all = append(all, "every account of this host can read or change the private key in "+path+": chmod 600 it")
	}
	if network, address := c.Milter.Listen.Network(); network == "tcp" && address != "" && !loopback(address) {
		all = append(all, "milter.listen = \""+address+"\" is not on loopback: whoever reaches it can have mail signed as yours, let a firewall keep all but the mail servers away")
	}
	for _, d := range c.Domains {
		w := "trust.authors exempts a domain of yours from DMARC, so that whoever forges it is let in: " + string(d.Name)
		if slices.Contains(c.Trust.Authors, d.Name) && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// loopback reports whether only this host reaches an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// exposed returns the files with private keys that every account of this host can
// read or change. Whoever reads one can sign in our name.
func (d *Daemon) exposed(c *config.Config) []string {
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

// warn logs the warnings of a configuration.
func (d *Daemon) warn(c *config.Config) {
	for _, w := range d.Warnings(c) {
		d.Log.Warn("configuration", "warning", w)
	}
}
