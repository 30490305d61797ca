package setup

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/keys"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/spf"
	"github.com/waxseal/waxseal/tlsrpt"
)

// TestRecordsVerify publishes the file of the records as it is: a message signed by
// the configuration verifies by it, and every record is one to its package.
func TestRecordsVerify(t *testing.T) {
	s := newSetup(t)
	s.IPs = []netip.Addr{netip.MustParseAddr("192.0.2.25"), netip.MustParseAddr("2001:db8::25")}
	run(t, s)
	f, err := os.Open(filepath.Join(filepath.Dir(s.Config), "example.org.zone"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zones, err := zonefile.Parse(f, f.Name())
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver.Unvalidated{Source: zones, Status: resolver.Insecure}
	signed := sign(t, s.Config)
	m, err := message.Read(strings.NewReader(signed))
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&dkim.Verifier{Resolver: r}).Verify(t.Context(), m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range all {
		got = append(got, fmt.Sprintf("%s %s %s", all[i].Algorithm, all[i].Result, all[i].Reason))
	}
	if diff := cmp.Diff(got, []string{"rsa-sha256 pass ", "ed25519-sha256 pass "}); diff != "" {
		t.Error(diff)
	}
	texts, _, err := resolver.LookupTXT(t.Context(), r, "example.org")
	if err != nil || !slices.Equal(texts, []string{"v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"}) {
		t.Errorf("got %q, %v", texts, err)
	}
	for _, name := range []string{"example.org", "mx.example.org"} {
		for ip, want := range map[string]spf.Result{"192.0.2.25": spf.Pass, "2001:db8::25": spf.Pass, "192.0.2.26": spf.Fail} {
			e := (&spf.Checker{Resolver: r}).CheckHost(t.Context(), spf.Args{IP: netip.MustParseAddr(ip), Helo: name, MailFrom: "ann@" + name})
			if e.Result != want {
				t.Errorf("%s from %s: got %s, want %s", name, ip, e.Result, want)
			}
		}
	}
}

// sign signs a message with the keys of a configuration.
func sign(t *testing.T, file string) string {
	t.Helper()
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []dkim.Key
	for _, d := range c.Domains {
		text, err := d.Key.Read("")
		if err != nil {
			t.Fatal(err)
		}
		k, err := keys.Parse(domain.Name(d.Name), d.Selector, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	const text = "From: ann@example.org\r\nSubject: first\r\n\r\nhello\r\n"
	m, err := message.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	fields, err := keys.NewRing(all).For("example.org").Sign(m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

func TestRecordsParse(t *testing.T) {
	s := newSetup(t)
	s.Hostname = "mail.provider.example" // which has an SPF record of its own
	r := run(t, s)
	var names []string
	for _, record := range r.Records {
		names = append(names, record.Name)
		var err error
		switch {
		case strings.Contains(record.Name, "._domainkey."):
			_, err = dkim.ParseRecord(record.Text)
		case strings.HasPrefix(record.Name, "_dmarc."):
			var parsed dmarc.Record
			if parsed, err = dmarc.ParseRecord(record.Text); err == nil && (parsed.NoPolicy || len(parsed.AggregateURIs) != 1 || len(parsed.Notes) > 0) {
				err = fmt.Errorf("%+v", parsed)
			}
		case strings.HasPrefix(record.Name, "_smtp._tls."):
			_, err = tlsrpt.ParseRecord(record.Text)
		case strings.HasPrefix(record.Name, "_mta-sts."):
			_, err = mtasts.ParseRecord(record.Text)
		default:
			_, err = spf.ParseRecord(record.Text)
		}
		if err != nil {
			t.Errorf("%s: %v", record.Line, err)
		}
	}
	want := []string{
		"wax2031-rsa._domainkey.example.org", "wax2031-ed25519._domainkey.example.org", "example.org", "_dmarc.example.org",
		"_smtp._tls.example.org", "_mta-sts.example.org",
	}
	if diff := cmp.Diff(names, want); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(r.Zone, "\n_mta-sts") || !strings.Contains(r.Zone, "\n; _mta-sts.example.org. TXT ") {
		t.Errorf("MTA-STS is not a hint:\n%s", r.Zone)
	}
}

func TestTXT(t *testing.T) {
	for _, row := range []struct {
		name  string
		bytes int
		want  []int // bytes in each string
	}{{"short", 3, []int{3}}, {"full", 255, []int{255}}, {"one-more", 256, []int{255, 1}}, {"two", 510, []int{255, 255}}} {
		t.Run(row.name, func(t *testing.T) {
			parts := strings.Split(strings.TrimPrefix(TXT("a.b", strings.Repeat("x", row.bytes)), "a.b. TXT "), " ")
			var got []int
			for _, p := range parts {
				got = append(got, len(strings.Trim(p, `"`)))
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

// TestInstallPage holds docs/install.md to the settings.
func TestInstallPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(milterSettings(), policySettings()...) {
		if set := "'" + s.Name + " = " + s.Value + "'"; !strings.Contains(string(page), set) {
			t.Errorf("%s is not there", set)
		}
	}
}
