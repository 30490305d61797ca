package daemon

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/testca"
)

// caText is the certificate of a CA in PEM.
func caText(t *testing.T, serial int64) string {
	return testca.New(t, &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(1, 0, 0)}).PEM()
}

// TestReloadFiles: a reload takes over what is new in files whose names are as before,
// and keeps the caches of what is not.
func TestReloadFiles(t *testing.T) {
	s := newSite(t, "")
	s.write("ca", caText(t, 1))
	s.replace("[tls_policy]\n", "[tls_policy]\nca = \""+s.dir+"/ca\"\n")
	d := s.daemon()
	_, stop := start(t, d)
	defer stop()
	for _, row := range []struct {
		name, file, text  string
		resolver, planner bool // kept
	}{
		{"nothing", "zone", zone, true, true},
		{"ca", "ca", caText(t, 2), true, false},
		{"zone", "zone", zone + "new.example. TXT hello\n", false, false},
	} {
		before := d.state.Load()
		s.write(row.file, row.text)
		if err := d.Reload(); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		after := d.state.Load()
		if got := after.resolver == before.resolver; got != row.resolver {
			t.Errorf("%s: kept the resolver %t, want %t", row.name, got, row.resolver)
		}
		if got := after.planner == before.planner; got != row.planner {
			t.Errorf("%s: kept the planner %t, want %t", row.name, got, row.planner)
		}
	}
	before := d.state.Load()
	s.write("ca", "none")
	if err := d.Reload(); err == nil || d.state.Load() != before {
		t.Errorf("took over a file without certificates: %v", err)
	}
}

func TestDNSFiles(t *testing.T) {
	for _, row := range []struct {
		name string
		dns  config.DNS
		want []string
	}{
		{"system", config.DNS{TrustAnchor: "/anchor"}, []string{"/anchor", resolvConf}},
		{"servers", config.DNS{Servers: []string{"192.0.2.53"}}, nil},
		{"recursive", config.DNS{Recursive: true, RootHints: "/hints"}, []string{"/hints"}},
		{"zones", config.DNS{Zones: []string{"/a", "/b"}}, []string{"/a", "/b"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(dnsFiles(row.dns), row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}
