package daemon

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/internal/milter"
)

// newSealing is a site that seals for a list, with the sealing key in its zone.
func newSealing(t *testing.T, extra string) *site {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	record, err := dkim.FormatRecord(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, `[arc]
domain = "example.org"
selector = "arc"
key = "KEY"
recipients = ["list@example.org", "lists.example.org"]
networks = ["192.168.0.0/16"]
`+extra)
	s.edit("KEY", s.dir+"/arc.pem")
	s.write("arc.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	s.write("zone", zone+fmt.Sprintf("arc._domainkey.example.org. TXT %q %q\n", record[:200], record[200:]))
	return s
}

// after is a message with an answer carried out.
func after(t *testing.T, text string, a *milter.Answer) string {
	t.Helper()
	if a == nil {
		return text
	}
	if a.Action != milter.Accept || len(a.Delete) > 0 {
		t.Fatalf("not a plain answer: %d %q, deletes %v", a.Action, a.Text, a.Delete)
	}
	return string(a.Insert) + text
}

// unfolded is a text with every run of white space as one space.
func unfolded(s string) string { return strings.Join(strings.Fields(s), " ") }

const genuine = "From: boss@bank.example\r\nSubject: hello\r\n\r\nhello\r\n"

// TestSealRecipients holds which mail from outside is sealed.
func TestSealRecipients(t *testing.T) {
	s := newSealing(t, "")
	f := s.filter()
	for _, row := range []struct {
		to   string
		want bool
	}{
		{"list@example.org", true},
		{"LIST@Example.org", true},
		{"x@lists.example.org", true},
		{"ann@example.org", false},
		{"xlist@example.org", false},
		{"x@sub.lists.example.org", false},
		{"", false},
	} {
		a := s.judgeTo(f, row.to, genuine)
		got := unfolded(string(a.Insert))
		if strings.Contains(got, "ARC-Seal: i=1;") != row.want {
			t.Errorf("%q: sealed %t: %s", row.to, !row.want, got)
		}
		if !strings.HasPrefix(got, "Authentication-Results: mx.example.org; spf=pass") {
			t.Errorf("%q: the results are not on top: %s", row.to, got)
		}
		if row.want && !strings.Contains(got, "ARC-Authentication-Results: i=1; mx.example.org; spf=pass smtp.mailfrom=joe@bank.example;") {
			t.Errorf("%q: the set does not have the results: %s", row.to, got)
		}
	}
}

// TestSealList follows a message through a list that changes it: in with its
// results, out again with a chain that says how it came in.
func TestSealList(t *testing.T) {
	s := newSealing(t, "")
	f := s.filter()
	in := after(t, genuine, s.judge(f, "192.0.2.1", "", genuine))
	changed := strings.Replace(in, "Subject: ", "Subject: [list] ", 1) + "footer\r\n"
	out := after(t, changed, s.judge(f, "192.168.0.9", "", changed))
	if got := unfolded(out); !strings.HasPrefix(got, "ARC-Seal: i=1;") || !strings.Contains(got, "cv=none") || !strings.Contains(got, "ARC-Authentication-Results: i=1; mx.example.org; spf=pass") {
		t.Errorf("the list's mail: %s", got)
	}
	// It comes round once more, changed again: our own seal is what it came with.
	again := strings.Replace(out, "Subject: ", "Subject: [again] ", 1)
	if got := unfolded(after(t, again, s.judge(f, "192.168.0.9", "", again))); !strings.HasPrefix(got, "ARC-Seal: i=2;") || !strings.Contains(got, "cv=pass") {
		t.Errorf("the second time: %s", got)
	}
	// A stranger's seal over what was changed on the way to us stays broken.
	if got := unfolded(string(s.judgeTo(f, "list@example.org", again).Insert)); !strings.Contains(got, "ARC-Seal: i=2;") || !strings.Contains(got, "cv=fail") {
		t.Errorf("from outside: %s", got)
	}
	// Mail of our own making has nothing that a seal could carry.
	if got := s.judge(f, "192.168.0.9", "", "From: x@other.example\r\n\r\nhello\r\n"); got != nil {
		t.Errorf("sealed %s", got.Insert)
	}
}

// TestSealReplayed holds that a stranger who changes a message that we have sealed
// does not get our word that its chain was good.
func TestSealReplayed(t *testing.T) {
	s := newSealing(t, "")
	f := s.filter()
	sealed := after(t, genuine, s.judge(f, "192.0.2.1", "", genuine))
	sealed = after(t, sealed, s.judge(f, "192.168.0.9", "", sealed))
	forged := strings.NewReplacer("\r\nhello\r\n", "\r\npay\r\n", "\r\nAuthentication-Results: ", "\r\nX-Taken-Out: ").Replace(sealed)
	in := s.judge(f, "203.0.113.9", "", forged)
	for _, row := range []struct{ name, text string }{
		{"judged", string(in.Insert) + forged},
		{"results-taken-out", forged},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := unfolded(string(s.judge(f, "192.168.0.9", "", row.text).Insert)); !strings.Contains(got, "cv=fail") {
				t.Errorf("not sealed as broken: %s", got)
			}
		})
	}
}

// TestSealUsers holds that nobody who logs in has our seal put over results that he
// wrote himself, nor, from the host of a list, our signature under what has come in.
func TestSealUsers(t *testing.T) {
	const (
		list    = "192.168.0.9"
		results = "Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example\r\n"
		seal    = "ARC-Seal: i=1; cv=none; a=rsa-sha256; d=x.example; s=s; b=AAAA\r\n"
		ours    = "From: ann@example.org\r\n\r\nhello\r\n"
	)
	s := newSealing(t, "")
	f := s.filter()
	for _, row := range []struct{ name, client, text, want string }{
		{"own-mail", list, ours, "DKIM-Signature"},
		{"forged-results", list, results + "From: x@other.example\r\n\r\nhello\r\n", ""},
		{"forged-results-and-seal", list, seal + results + "From: x@other.example\r\n\r\nhello\r\n", ""},
		{"list-that-logs-in", list, results + ours, ""},
		{"list-that-logs-in-sealed", list, seal + ours, ""},
		{"user-elsewhere", "203.0.113.9", results + ours, "DKIM-Signature"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.judge(f, row.client, "ann", row.text)
			if a == nil {
				a = &milter.Answer{}
			}
			got, _, _ := strings.Cut(string(a.Insert), ":")
			if gone := strings.Count(row.text, results); got != row.want || len(a.Delete) != gone {
				t.Errorf("inserts %q and deletes %v, want %q and %d", a.Insert, a.Delete, row.want, gone)
			}
		})
	}
}

// TestSealKey holds that a key which receivers do not know is an error at start.
func TestSealKey(t *testing.T) {
	s := newSealing(t, "")
	s.write("arc.pem", strings.Repeat("k", 32)) // an Ed25519 seed
	if _, err := s.daemon().Check(); err == nil || !strings.Contains(err.Error(), "must be an RSA key") {
		t.Errorf("got %v", err)
	}
}

// TestFields holds what else is written on top of a message.
func TestFields(t *testing.T) {
	s := newSealing(t, "[lookalike]\nheader = \"Waxseal-Findings\"\n[[lookalike.person]]\nnames = [\"Ann Boss\"]\naddresses = [\"ann@example.org\"]\n")
	s.edit("[milter]", "[milter]\nreceived_spf = true")
	text := "Waxseal-Findings: none\r\nFrom: \"Ann Boss\" <boss@bank.example>\r\n\r\nhello\r\n"
	a := s.judgeTo(s.filter(), "list@example.org", text)
	got := unfolded(string(a.Insert))
	at := -1
	for _, want := range []string{
		"Authentication-Results: mx.example.org;", "Received-SPF: pass (mx.example.org:", "client-ip=192.0.2.1;", "Waxseal-Findings: NAME-VIP high", "ARC-Seal: i=1;",
	} {
		i := strings.Index(got, want)
		if i <= at {
			t.Errorf("%q is not where it should be in %s", want, got)
		}
		at = i
	}
	if len(a.Delete) != 1 || a.Delete[0] != 0 {
		t.Errorf("forged findings stay: %v", a.Delete)
	}
}

// TestForgedLimit holds that the work of taking forged results out is bounded, and
// that none stays in a message that is let through.
func TestForgedLimit(t *testing.T) {
	const forged = "Authentication-Results: mx.example.org; dmarc=pass\r\n"
	s := newSite(t, "")
	f := s.filter()
	for _, row := range []struct {
		name, user string
		n, gone    int
		want       milter.Action
	}{
		{"most", "", maxForged, maxForged, milter.Accept},
		{"more", "", maxForged + 1, 0, milter.Reject},
		{"of-a-user", "ann", maxForged + 1, 0, milter.Reject},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.judge(f, "192.0.2.1", row.user, strings.Repeat(forged, row.n)+genuine)
			if a.Action != row.want || len(a.Delete) != row.gone {
				t.Errorf("got %v with %d fields gone, want %v with %d", a.Action, len(a.Delete), row.want, row.gone)
			}
		})
	}
}
