package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/internal/keys"
	"github.com/waxseal/waxseal/internal/setup"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// apex is what a zone needs around the records of serve --init.
const apex = "$TTL 3600\n" + peerDomain + ". SOA ns." + peerDomain + ". root." + peerDomain + ". 1 3600 600 86400 60\n" +
	peerDomain + ". NS ns." + peerDomain + ".\nns." + peerDomain + ". A 127.0.0.1\n"

// initialised runs serve --init and returns its report and the keys it has made.
func initialised(t *testing.T) (*setup.Report, []dkim.Key) {
	t.Helper()
	dir := t.TempDir()
	s := &setup.Setup{
		Domain: peerDomain, Hostname: "mx." + peerDomain, Selector: "first",
		Config: filepath.Join(dir, "waxseal.toml"), State: filepath.Join(dir, "state"),
	}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var all []dkim.Key
	for _, selector := range []string{"first-rsa", "first-ed25519"} {
		text, err := os.ReadFile(filepath.Join(dir, peerDomain+"."+selector+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		k, err := keys.Parse(peerDomain, selector, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return r, all
}

// TestInitOpenDKIM publishes the records of serve --init as they are printed: what
// its keys sign verifies with OpenDKIM.
func TestInitOpenDKIM(t *testing.T) {
	r, all := initialised(t)
	signed := sign(t, &dkim.Signer{Keys: all}, corpusHeader+"\r\nHello\r\n")
	zones := zonefile.FromText(apex + r.Zone)
	want := verdicts{"first-rsa": "pass", "first-ed25519": "pass"}
	same(t, "OpenDKIM", openDKIMVerdicts(t, openDKIMVerifier(t, zones), signed), want)
	same(t, "ours", verify(t, zones, signed), want)
}

// TestInitZone loads the same records with BIND.
func TestInitZone(t *testing.T) {
	r, _ := initialised(t)
	file := filepath.Join(t.TempDir(), "zone")
	write(t, file, apex+r.Zone)
	cmd := exec.Command(program(t, "named-checkzone"), "-D", "-q", peerDomain, file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, record := range r.Records {
		text := strings.TrimPrefix(record.Line, record.Name+". TXT ")
		loaded := strings.Contains(string(out), record.Name+".") && strings.Contains(string(out), text)
		if loaded == record.Later {
			t.Errorf("%s\nin\n%s", record.Line, out)
		}
	}
}

// TestInitPostfix reads the settings with Postfix: all of them are known, and none
// has more to it than its value.
func TestInitPostfix(t *testing.T) {
	r, _ := initialised(t)
	dir := t.TempDir()
	var main strings.Builder
	for _, s := range append(r.Milter, r.TLSPolicy...) {
		main.WriteString(s.Name + " = " + s.Value + "\n")
	}
	write(t, filepath.Join(dir, "main.cf"), main.String())
	write(t, filepath.Join(dir, "master.cf"), "smtp inet n - n - - smtpd\n")
	var names []string
	for _, s := range append(r.Milter, r.TLSPolicy...) {
		names = append(names, s.Name)
	}
	cmd := exec.Command(program(t, "postconf"), append([]string{"-c", dir}, names...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := cmp.Diff(string(out), main.String()); diff != "" {
		t.Error(diff)
	}
	if out, err := exec.Command(program(t, "postconf"), "-c", dir, "-n").CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
		t.Errorf("%v\n%s", err, out)
	}
}
