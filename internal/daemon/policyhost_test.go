package daemon

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// policies is a policy host for two domains; for tests alone the certificates come
// from one file.
const policies = `[mta_sts]
listen = "127.0.0.1:0"
certificate = "DIR/sts.crt"
key = "DIR/sts.key"
[[mta_sts.policy]]
domain = "bank.example"
mx = ["mx.bank.example"]
[[mta_sts.policy]]
domain = "mild.example"
mode = "enforce"
mx = ["*.mild.example"]
max_age = "168h"
`

// policyZone lacks nothing for bank.example; for mild.example it has what nobody has
// changed for long.
const policyZone = zone + `
mta-sts.bank.example.  A 127.0.0.1
mta-sts.mild.example.  A 127.0.0.1
mild.example.          MX 10 mail.other.example.
_mta-sts.mild.example. TXT "v=STSv1; id=old;"
_mta-sts.bank.example. TXT "v=STSv1; id=027bce1e30b9055938b6;"
`

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// all returns the lines.
func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for line := range strings.Lines(l.text.String()) {
		all = append(all, line)
	}
	return all
}

// told returns what was said of policies: domain and message, sorted as it came.
func (l *lines) told(t *testing.T) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for line := range bytes.Lines(l.text.Bytes()) {
		var one struct{ Level, Msg, Domain, Record string }
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		if one.Domain != "" {
			all = append(all, one.Level+" "+one.Domain+": "+one.Msg+" | "+one.Record)
		}
	}
	return all
}

// untilTold waits for the log to say as much.
func (l *lines) untilTold(t *testing.T, n int) []string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		all := l.told(t)
		if len(all) >= n {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want %d lines", all, n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// untilSays waits for the log to hold a text.
func (l *lines) untilSays(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		found := bytes.Contains(l.text.Bytes(), []byte(want))
		l.mu.Unlock()
		if found {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log never says %s", want)
		}
	}
}

// newHostingSite returns a site with policies and a CA.
func newHostingSite(t *testing.T) (*site, *x509.CertPool) {
	t.Helper()
	s := newSite(t, "")
	s.write("waxseal.toml", s.text()+strings.ReplaceAll(policies, "DIR", s.dir))
	s.write("zone", policyZone)
	return s, s.certify("mta-sts.bank.example", "mta-sts.mild.example")
}

func (s *site) text() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "waxseal.toml"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// certify writes a certificate for names by a new CA.
func (s *site) certify(names ...string) *x509.CertPool {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(0, -1, 0), NotAfter: time.Now().AddDate(0, 2, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	s.write("sts.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	s.write("sts.crt", string(public))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return pool
}

// fetch has our own sender ask the daemon for a policy.
func fetch(t *testing.T, d *Daemon, at net.Addr, roots *x509.CertPool, domain string) (*mtasts.Policy, error) {
	t.Helper()
	f := &mtasts.Fetcher{Resolver: d.state.Load().resolver, RootCAs: roots, Port: at.(*net.TCPAddr).Port}
	p, _, err := f.Fetch(t.Context(), domain)
	return p, err
}

// TestPolicyHostSilentDNS: a reload does not wait for the lookups about what was served
// before, which take a minute where DNS is silent.
func TestPolicyHostSilentDNS(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s, _ := newHostingSite(t)
	s.replace("zones = [\""+s.dir+"/zone\"]", "servers = [\""+silent.LocalAddr().String()+"\"]")
	d := s.daemon()
	log := new(lines)
	d.Log = slog.New(slog.NewJSONHandler(log, nil))
	_, stop := start(t, d)
	defer stop()
	if n, _, err := silent.ReadFrom(make([]byte, 512)); err != nil || n == 0 {
		t.Fatal(err)
	}
	s.certify("mta-sts.bank.example", "mta-sts.mild.example", "mta-sts.new.example")
	s.write("waxseal.toml", s.text()+"[[mta_sts.policy]]\ndomain = \"new.example\"\nmx = [\"mx.new.example\"]\n")
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(log.all(), ""); !strings.Contains(all, `"msg":"MTA-STS policy","domain":"new.example"`) {
		t.Errorf("the reload is over, and the log has no line for the new policy:\n%s", all)
	}
}

// TestPolicyHost serves policies, tells what to publish and what DNS has instead, and
// takes over other policies and certificates.
func TestPolicyHost(t *testing.T) {
	s, roots := newHostingSite(t)
	d := s.daemon()
	log := new(lines)
	d.Log = slog.New(slog.NewJSONHandler(log, nil))
	addrs, stop := start(t, d)
	defer stop()
	for domain, want := range map[string]string{
		"bank.example": "version: STSv1\r\nmode: testing\r\nmx: mx.bank.example\r\nmax_age: 86400\r\n",
		"mild.example": "version: STSv1\r\nmode: enforce\r\nmx: *.mild.example\r\nmax_age: 604800\r\n",
	} {
		p, err := fetch(t, d, addrs[2], roots, domain)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.String(); got != want {
			t.Errorf("%s: got %q, want %q", domain, got, want)
		}
	}
	const bank, mild = `_mta-sts.bank.example. TXT "v=STSv1; id=027bce1e30b9055938b6;"`, `_mta-sts.mild.example. TXT "v=STSv1; id=b205bd40fe68a8db9be3;"`
	want := []string{
		"INFO bank.example: MTA-STS policy | " + bank,
		"INFO mild.example: MTA-STS policy | " + mild,
		"WARN mild.example: MTA-STS policy: the published id is old: senders keep the policy that they know under it | " + mild,
		"WARN mild.example: MTA-STS policy: no mx of the policy matches the mail server mail.other.example: senders do not deliver to it | " + mild,
	}
	if diff := cmp.Diff(log.untilTold(t, 4), want); diff != "" {
		t.Error(diff)
	}

	good := s.text()
	for _, bad := range []struct{ name, text, want string }{
		{"listen", strings.Replace(good, "[mta_sts]\nlisten = \"127.0.0.1:0\"", "[mta_sts]\nlisten = \"127.0.0.1:1\"", 1), "cannot change without a restart"},
		{"certificate", strings.Replace(good, "sts.crt", "none.crt", 1), "no such file"},
		{"host", good + "[[mta_sts.policy]]\ndomain = \"third.example\"\nmx = [\"mx.third.example\"]\n", "not mta-sts.third.example"},
		{"mx", strings.Replace(good, "mx.bank.example", "192.0.2.1", 1), "is an address"},
	} {
		s.write("waxseal.toml", bad.text)
		if err := d.Reload(); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: got %v, want %s", bad.name, err, bad.want)
		}
	}

	s.write("waxseal.toml", strings.Replace(good, `mode = "enforce"`, `mode = "none"`, 1))
	before := roots
	roots = s.certify("mta-sts.bank.example", "mta-sts.mild.example")
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	log.untilTold(t, 7) // the policies again, and the id
	p, err := fetch(t, d, addrs[2], roots, "mild.example")
	if err != nil || p.Mode != mtasts.NoMode {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err := fetch(t, d, addrs[2], before, "mild.example"); err == nil {
		t.Error("the old certificate is still served")
	}
}

// TestPolicyHostWithoutDNS holds that a host serves when it can look nothing up.
func TestPolicyHostWithoutDNS(t *testing.T) {
	s, roots := newHostingSite(t)
	s.write("waxseal.toml", strings.Replace(s.text(), `zones = ["`+s.dir+`/zone"]`, `servers = ["127.0.0.1:1"]`, 1))
	d := s.daemon()
	log := new(lines)
	d.Log = slog.New(slog.NewJSONHandler(log, nil))
	addrs, stop := start(t, d)
	defer stop()
	zones := &resolver.Unvalidated{Source: zonefile.FromText(policyZone), Status: resolver.Insecure}
	f := &mtasts.Fetcher{Resolver: zones, RootCAs: roots, Port: addrs[2].(*net.TCPAddr).Port}
	if _, _, err := f.Fetch(t.Context(), "bank.example"); err != nil {
		t.Error(err)
	}
	for _, line := range log.untilTold(t, 8)[2:] {
		if !strings.HasPrefix(line, "WARN ") || !strings.Contains(line, "could not be looked up") {
			t.Errorf("got %q", line)
		}
	}
}

func TestPolicyHostCheck(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(s *site)
		want  string
	}{
		{"good", func(*site) {}, ""},
		{"no-certificate", func(s *site) { os.Remove(s.dir + "/sts.crt") }, "mta_sts: stat "},
		{"other-name", func(s *site) { s.certify("mta-sts.bank.example") }, "mta_sts: "},
		{"credential", func(s *site) {
			s.write("waxseal.toml", strings.Replace(s.text(), s.dir+"/sts.key", "credential:sts", 1))
		}, "the key of mta-sts.bank.example: credential:sts: systemd handed over no credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, _ := newHostingSite(t)
			row.spoil(s)
			_, err := s.daemon().Check()
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestPolicyHostACME holds that a daemon whose certificate authority is away starts,
// says so, and serves the hosts that have certificates.
func TestPolicyHostACME(t *testing.T) {
	s, _ := newHostingSite(t)
	text := s.text()
	pair := "certificate = \"" + s.dir + "/sts.crt\"\nkey = \"" + s.dir + "/sts.key\"\n"
	text = strings.Replace(text, pair, "", 1) + pair // for the last policy alone
	s.write("waxseal.toml", text+`[mta_sts.acme]
email = "hostmaster@bank.example"
agree = true
directory = "https://127.0.0.1:1/dir"
http_listen = "127.0.0.1:0"
`)
	roots := s.certify("mta-sts.mild.example")
	d := s.daemon()
	log := new(lines)
	d.Log = slog.New(slog.NewJSONHandler(log, nil))
	addrs, stop := start(t, d)
	defer stop()
	if _, err := fetch(t, d, addrs[2], roots, "mild.example"); err != nil {
		t.Error(err)
	}
	if _, err := fetch(t, d, addrs[2], roots, "bank.example"); err == nil {
		t.Error("there is no certificate, but a policy")
	}
	resp, err := http.Get("http://" + addrs[3].String() + "/.well-known/mta-sts.txt")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("got %s, want 404: policies need TLS", resp.Status)
	}
	log.untilSays(t, `"MTA-STS host: no certificate","host":"mta-sts.bank.example"`)
	s.write("waxseal.toml", strings.Replace(s.text(), "hostmaster", "postmaster", 1))
	if err := d.Reload(); err == nil || !strings.Contains(err.Error(), "mta_sts.acme cannot change without a restart") {
		t.Errorf("got %v", err)
	}
}

func TestACMERoots(t *testing.T) {
	s := newSite(t, "")
	s.certify("ca.example")
	acme := func(ca string) string {
		return s.text() + "[mta_sts]\nlisten = \"127.0.0.1:0\"\n[mta_sts.acme]\nemail = \"a@b.example\"\nagree = true\nca = \"" + ca + "\"\n[[mta_sts.policy]]\ndomain = \"bank.example\"\nmx = [\"mx.bank.example\"]\n"
	}
	base := s.text()
	for _, row := range []struct{ name, ca, want string }{
		{"good", s.dir + "/sts.crt", ""},
		{"missing", s.dir + "/none", "mta_sts.acme.ca: open "},
		{"not-pem", s.dir + "/zone", "mta_sts.acme.ca: " + s.dir + "/zone: no certificate in it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.write("waxseal.toml", base)
			s.write("waxseal.toml", acme(row.ca))
			_, err := s.daemon().Check()
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}
