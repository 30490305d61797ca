package daemon

import (
	"crypto/sha256"
	"os"

	"github.com/waxseal/waxseal/internal/config"
)

// resolvConf is where the system keeps the addresses of its resolvers.
const resolvConf = "/etc/resolv.conf"

// dnsFiles returns the files that a resolver is made from.
func dnsFiles(c config.DNS) []string {
	files := append([]string(nil), c.Zones...)
	for _, name := range []string{c.TrustAnchor, c.RootHints} {
		if name != "" {
			files = append(files, name)
		}
	}
	if len(c.Zones) == 0 && !c.Recursive && len(c.Servers) == 0 {
		files = append(files, resolvConf)
	}
	return files
}

// fingerprint tells whether files have changed. One that cannot be read has no content
// here: whoever makes something of it says why.
func fingerprint(files ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, name := range files {
		text, err := os.ReadFile(name)
		sum := sha256.Sum256(text)
		if err != nil {
			sum = [sha256.Size]byte{}
		}
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
