package daemon

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/mtasts"
)

// TestForbidden holds from where the daemon fetches policies.
func TestForbidden(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*config.Config)
		want   bool
	}{
		{"default", func(*config.Config) {}, true},
		{"allowed", func(c *config.Config) { c.TLSPolicy.AllowPrivate = true }, false},
		{"zones", func(c *config.Config) { c.DNS.Zones = []string{"z"} }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := config.Default()
			row.change(c)
			forbid := forbidden(c)
			got := forbid != nil && forbid(netip.MustParseAddr("::ffff:127.0.0.1")) != ""
			if got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
}

// TestForbiddenFetch holds that the fetcher of a daemon is the one that refuses.
func TestForbiddenFetch(t *testing.T) {
	s := newSite(t, "")
	s.write("zone", zone+"mta-sts.bank.example. A 127.0.0.1\n")
	f := s.filter()
	fetcher := *f.state().sts.Fetcher
	if fetcher.Forbid != nil {
		t.Error("zone files are for tests, and there everything is allowed")
	}
	fetcher.Forbid = forbidden(config.Default())
	_, _, err := fetcher.Fetch(t.Context(), "bank.example")
	if e, ok := err.(*mtasts.Error); !ok || e.Reason != mtasts.ForbiddenHost {
		t.Errorf("got %v", err)
	}
}

// TestDefaultLevel holds that each word of the configuration is a level of the map,
// also after a reload.
func TestDefaultLevel(t *testing.T) {
	s := newSite(t, "")
	d := s.daemon()
	addrs, stop := start(t, d)
	defer stop()
	written, err := os.ReadFile(d.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	for level, want := range map[string]string{
		"postfix": "9:NOTFOUND ,", "may": "6:OK may,", "encrypt": "10:OK encrypt,", "dane": "7:OK dane,",
	} {
		s.write("waxseal.toml", strings.Replace(string(written), "[tls_policy]\n", "[tls_policy]\ndefault = \""+level+"\"\n", 1))
		if err := d.Reload(); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, addrs[1], "policy bank.example"); got != want {
			t.Errorf("%s: got %q, want %q", level, got, want)
		}
	}
}
