package policyhost

import (
	"context"
	"crypto/x509"
	"math/big"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
)

func TestNewSiteRefuses(t *testing.T) {
	dir, ca := t.TempDir(), newAuthority(t)
	f := filesIn(dir, "x")
	for _, row := range []struct {
		name  string
		spoil func()
		want  string
	}{
		{"missing", func() {}, "stat " + f.Certificate + ": no such file"},
		{"no-key", func() { ca.write(t, f, 80, "mta-sts.a.example"); os.Remove(f.Key) }, "stat " + f.Key + ": no such file"},
		{"not-pem", func() { ca.write(t, f, 80, "mta-sts.a.example"); writeFile(t, f.Certificate, "x") }, f.Certificate + " with " + f.Key + ": tls: failed to find any PEM data"},
		{"other-key", func() {
			ca.write(t, f, 80, "mta-sts.a.example")
			key, _ := os.ReadFile(f.Key)
			ca.write(t, f, 80, "mta-sts.a.example")
			writeFile(t, f.Key, string(key))
		}, f.Certificate + " with " + f.Key + ": tls: private key does not match public key"},
		{"other-name", func() { ca.write(t, f, 80, "a.example") }, f.Certificate + ": x509: certificate is valid for a.example, not mta-sts.a.example"},
		{"wildcard", func() { ca.write(t, f, 80, "*.a.example") }, ""},
		{"expired", func() { ca.write(t, f, -1, "mta-sts.a.example") }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			os.Remove(f.Certificate)
			os.Remove(f.Key)
			row.spoil()
			_, err := NewSite([]Hosting{{policy(t, "a.example", mtasts.Testing), f}}, nil)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// serial returns the serial number of the certificate of a host.
func (h *host) serial(name string) *big.Int {
	h.t.Helper()
	cert, err := h.handshake(name, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return cert.SerialNumber
}

// TestCertificateChanges goes through what happens to the files while the server runs.
func TestCertificateChanges(t *testing.T) {
	h := newHost(t)
	const name = "mta-sts.a.example"
	f := filesIn(h.dir, "a")
	h.serve()
	want := func(what string, serial *big.Int, problem string) {
		t.Helper()
		if got := h.serial(name); got.Cmp(serial) != 0 {
			t.Errorf("%s: got another certificate", what)
		}
		var problems []string
		for _, line := range h.log.take(t) {
			if !strings.Contains(line, "signed by unknown authority") {
				problems = append(problems, line)
			}
		}
		if len(problems) == 0 && problem == "" || len(problems) == 1 && problem != "" && strings.Contains(problems[0], problem) {
			return
		}
		t.Errorf("%s: got %q, want %q", what, problems, problem)
	}
	first := h.serial(name)
	want("untouched", first, "")
	second := h.ca.write(t, f, 80, name)
	want("written, not yet looked at", first, "")
	h.s.check()
	want("renewed", second, "")
	writeFile(t, f.Certificate, "half of it")
	h.s.check()
	want("broken", second, "failed to find any PEM data")
	h.s.check()
	want("still broken", second, "")
	os.Remove(f.Certificate)
	h.s.check()
	want("gone", second, "no such file")
	h.s.check()
	want("still gone", second, "")
	h.ca.write(t, f, 80, "mta-sts.b.example")
	h.s.check()
	want("of another host", second, "certificate is valid for mta-sts.b.example, not mta-sts.a.example")
	h.ca.write(t, f, -1, name)
	h.s.check()
	want("expired", second, "the certificate has expired at")
	third := h.ca.write(t, f, 80, name)
	h.s.Changed()
	want("good again", third, "")
	h.set(Hosting{policy(t, "a.example", mtasts.Enforce), f})
	h.s.Changed()
	want("another policy", third, "")
}

// TestCertificateEarly: a certificate that is put there before its time comes into force
// when its time has come, though its files do not change again.
func TestCertificateEarly(t *testing.T) {
	ca, f := newAuthority(t), filesIn(t.TempDir(), "a")
	const name = "mta-sts.a.example"
	old := ca.write(t, f, 2, name)
	p, err := OpenPair(f, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	next := ca.write(t, f, 91, name) // of 90 days
	for _, row := range []struct {
		name    string
		now     time.Time
		changed bool
		err     string
		serial  *big.Int
	}{
		{"early", now, false, "the certificate is not valid before", old},
		{"still-early", now.Add(time.Hour), false, "", old},
		{"in-time", now.AddDate(0, 0, 2), true, "", next},
		{"again", now.AddDate(0, 0, 2), false, "", next},
	} {
		changed, err := p.Refresh(row.now)
		if changed != row.changed || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s: got %t, %v, want %t, %q", row.name, changed, err, row.changed, row.err)
		}
		if got := p.Certificate().Leaf.SerialNumber; got.Cmp(row.serial) != 0 {
			t.Errorf("%s: another certificate is in force", row.name)
		}
	}
}

// TestWarnings holds what an operator hears of certificates, and how often.
func TestWarnings(t *testing.T) {
	h := newHost(t)
	at := time.Now()
	h.s.Time = func() time.Time { return at }
	const untrusted = "MTA-STS host: senders may not trust the certificate: x509: certificate signed by unknown authority; the file has one certificate alone, is there another with the full chain?"
	const soon = "MTA-STS host: the certificate expires soon and has not been renewed"
	h.set(Hosting{policy(t, "a.example", mtasts.Enforce), filesIn(h.dir, "a")})
	for _, row := range []struct {
		name string
		days float64 // from the last row
		want []string
	}{
		{"start", 0, []string{untrusted}},
		{"at-once-again", 0, nil},
		{"next-day", 1, []string{untrusted}},
		{"15-days-left", 64, []string{untrusted}},
		{"14-days-left", 1.1, []string{soon}},
		{"same-day", 0.9, nil},
		{"13-days-left", 0.2, []string{soon}},
		{"over", 20, []string{"MTA-STS host: the certificate has expired at " + h.now().Pairs()[0].Certificate().Leaf.NotAfter.UTC().Format(time.RFC3339)}},
	} {
		at = at.Add(time.Duration(row.days * float64(24*time.Hour)))
		h.s.check()
		if diff := cmp.Diff(h.log.take(t), row.want); diff != "" {
			t.Errorf("%s: %s", row.name, diff)
		}
	}
}

func TestEndsSoon(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	for _, row := range []struct {
		name       string
		life, left time.Duration
		want       bool
	}{
		{"90-days", 90 * day, 15 * day, false},
		{"90-days-soon", 90 * day, 13 * day, true},
		{"year", 365 * day, 15 * day, false},
		{"45-days", 45 * day, 12 * day, false},
		{"45-days-soon", 45 * day, 11 * day, true},
		{"6-days", 6 * day, 2 * day, false}, // is renewed with two days left
		{"6-days-soon", 6 * day, day, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			leaf := &x509.Certificate{NotBefore: now.Add(row.left - row.life), NotAfter: now.Add(row.left)}
			if got := endsSoon(leaf, now); got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
}

// TestWatch holds that files are looked at without being asked to.
func TestWatch(t *testing.T) {
	h := newHost(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.s.watch(ctx) }()
		time.Sleep(checkEvery / 2)
		serial := h.ca.write(t, filesIn(h.dir, "a"), 80, "mta-sts.a.example")
		p := h.now().certificate("mta-sts.a.example")
		time.Sleep(checkEvery)
		if got := h.now().certificate("mta-sts.a.example"); got == p {
			t.Errorf("the certificate was not read again; want serial %d", serial)
		}
		stop()
		<-done
	})
}
