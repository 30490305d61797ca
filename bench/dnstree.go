package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxseal/waxseal/dnssec/zonesign"
)

// The tree is a root, org and dnsZones zones with dnsNames TLSA records each. No
// name is special-use (RFC 6761): unbound answers those by itself.
const (
	dnsZones = 100
	dnsNames = 100

	ecdsaP256 = 13 // RFC 6605
)

// dnsTree is a signed tree in files, for a name server and for validators.
type dnsTree struct {
	dir     string
	origins []string
	files   []string
	names   []string // in the order of the zones
}

func newDNSTree(dir string) (*dnsTree, error) {
	tr := &dnsTree{dir: dir}
	delegations := ""
	for i := range dnsZones {
		origin := fmt.Sprintf("zone%d.org.", i)
		var text strings.Builder
		for j := range dnsNames {
			name := fmt.Sprintf("_25._tcp.mx%d", j)
			fmt.Fprintf(&text, "%s TLSA 3 1 1 %064x\n", name, i*dnsNames+j)
			tr.names = append(tr.names, name+"."+origin)
		}
		ds, err := tr.add(origin, text.String())
		if err != nil {
			return nil, err
		}
		delegations += delegation(origin) + ds
	}
	ds, err := tr.add("org.", delegations)
	if err != nil {
		return nil, err
	}
	anchor, err := tr.add(".", delegation("org.")+ds)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(tr.file("anchor"), []byte(anchor), 0o600); err != nil {
		return nil, err
	}
	return tr, os.WriteFile(tr.file("hints"), []byte(". 3600 NS ns.\nns. 3600 A "+dnsAddr+"\n"), 0o600)
}

func (tr *dnsTree) file(name string) string { return filepath.Join(tr.dir, name) }

func delegation(origin string) string {
	return fmt.Sprintf("%s 86400 NS ns.%[1]s\nns.%[1]s 86400 A %s\n", origin, dnsAddr)
}

// add signs a zone into a file and returns its DS records.
func (tr *dnsTree) add(origin, text string) (ds string, err error) {
	ksk, err := zonesign.NewKey(origin, ecdsaP256, zonesign.KSK, "bench ksk "+origin)
	if err != nil {
		return "", err
	}
	zsk, err := zonesign.NewKey(origin, ecdsaP256, zonesign.ZSK, "bench zsk "+origin)
	if err != nil {
		return "", err
	}
	own := "@ 86400 NS ns\nns 86400 A " + dnsAddr + "\n"
	if origin == "." {
		own = "@ 86400 NS ns.\nns. 86400 A " + dnsAddr + "\n"
	}
	z, err := zonesign.Sign(zonesign.Zone{
		Origin: origin, Text: own + text, Keys: []*zonesign.Key{ksk, zsk},
		Inception: time.Now().Add(-time.Hour), Expiration: time.Now().Add(7 * 24 * time.Hour),
	})
	if err != nil {
		return "", err
	}
	file := tr.file(fmt.Sprintf("%d.zone", len(tr.files)))
	tr.origins, tr.files = append(tr.origins, origin), append(tr.files, file)
	return z.DS(), os.WriteFile(file, []byte(strings.Join(z.Lines(), "\n")+"\n"), 0o600)
}
