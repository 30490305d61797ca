package conformance

import (
	"context"
	"crypto/x509"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/smtp"
)

// daneBed is the world with all situations in it.
type daneBed struct {
	rows    []daneRow
	witness witness
	world   *zonesign.World
	anchor  string
	ca      *authority
}

func newDANEBed(t testing.TB) *daneBed {
	p := newParty(t)
	return bedOf(t, p, daneRows(t, p))
}

func bedOf(t testing.TB, p *party, rows []daneRow) *daneBed {
	b := &daneBed{ca: p.ca, rows: rows}
	zones := map[string]*strings.Builder{"signed": {}, "plain": {}}
	for i := range b.rows {
		r := &b.rows[i]
		zones[r.zone].WriteString(r.records(address(i)))
		r.serve(t, address(i), &b.witness)
	}
	var inner *zonesign.Signed
	b.world, inner, b.anchor = newWorld(t, zones["signed"].String(), zones["plain"].String())
	for i := range b.rows {
		if r := &b.rows[i]; r.spoil != nil {
			r.spoil(b.world, inner, strings.TrimPrefix(r.domain(), "to."))
		}
	}
	return b
}

const daneMessage = "From: a@out.signed\r\nTo: b@to.signed\r\nSubject: test\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\nMessage-ID: <a@out.signed>\r\n\r\nhello\r\n"

// ours is what our Deliverer makes of a row.
func (b *daneBed) ours(t *testing.T, r resolver.Resolver, i int) string {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(b.ca.Cert)
	d := &outbound.Deliverer{
		RootCAs: roots,
		Client:  smtp.Client{Hostname: "out.signed", Timeouts: smtp.Timeouts{TLS: 5 * time.Second, Command: 5 * time.Second}},
	}
	plan := (&outbound.Planner{Resolver: r}).Plan(t.Context(), b.rows[i].domain())
	got := d.Deliver(t.Context(), plan, &outbound.Message{
		From: mailbox(t, "waxseal@out.signed"), To: []smtp.Recipient{{Path: mailbox(t, "b@"+b.rows[i].domain())}},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(daneMessage)), nil },
	})
	return outcome(string(got.Result), b.witness.of("waxseal", b.rows[i].domain()), got.Authenticated && got.Delivered)
}

func outcome(result, witness string, authenticated bool) string {
	if authenticated {
		witness += " authenticated"
	}
	return result + " " + witness
}

func mailbox(t testing.TB, s string) smtp.Path {
	t.Helper()
	p, err := smtp.ParsePath("<" + s + ">")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// submitRows hands Postfix a message for each row.
func submitRows(t *testing.T, rows []daneRow) {
	t.Helper()
	k := openPostfix(t)
	defer k.Quit(context.Background())
	for i := range rows {
		tx := &smtp.Transaction{From: mailbox(t, "postfix@out.signed"), To: []smtp.Recipient{{Path: mailbox(t, "b@"+rows[i].domain())}}}
		d, err := k.Send(t.Context(), tx, strings.NewReader(daneMessage))
		if err != nil || !d.Recipients[0].Delivered() {
			t.Fatalf("%s: %v %+v", rows[i].name, err, d)
		}
	}
}

var (
	postfixStatus = regexp.MustCompile(`smtp\[(\d+)\]: .*to=<b@([^>]+)>, .*status=(\w+) (.*)`)
	postfixTrust  = regexp.MustCompile(`smtp\[(\d+)\]: (\w+) TLS connection established`)
)

// postfixResults are what Postfix calls in its log what became of a message.
var postfixResults = map[string]outbound.Result{"sent": outbound.Delivered, "deferred": outbound.Deferred, "bounced": outbound.Refused}

// theirs reads from Postfix's log what it made of each row, by domain, and why.
func (b *daneBed) theirs(log string) map[string][2]string {
	trust := map[string]string{} // of the last handshake, by process
	got := map[string][2]string{}
	for line := range strings.Lines(log) {
		if m := postfixTrust.FindStringSubmatch(line); m != nil {
			trust[m[1]] = m[2]
		}
		if m := postfixStatus.FindStringSubmatch(line); m != nil {
			sure := m[3] == "sent" && trust[m[1]] == "Verified"
			got[m[2]] = [2]string{outcome(string(postfixResults[m[3]]), b.witness.of("postfix", m[2]), sure), m[4]}
			delete(trust, m[1])
		}
	}
	return got
}

// differences reads the rows in which Postfix is known to do something else, and
// what: name, what Postfix does, reason.
func differences(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) != 3 || f[2] == "" {
			t.Fatalf("%s: want situation, outcome and reason: %q", file, line)
		}
		m[f[0]] = f[1]
	}
	return m
}

// Postfix with smtp_tls_security_level = dane and we do the same in each situation,
// or what testdata/postfix_dane.tsv says.
func TestPostfixDANE(t *testing.T) {
	program(t, "postfix")
	program(t, "unbound")
	if !alone(t) {
		return
	}
	b := newDANEBed(t)
	serveWorld(t, b.world, b.anchor)
	p := startPostfix(t, "")
	submitRows(t, b.rows)
	r := validating(t, b.world, b.anchor)
	p.await(t, "the verdicts of Postfix", func(log string) bool { return len(b.theirs(log)) == len(b.rows) })
	theirs, other := b.theirs(p.lines(t)), differences(t, "testdata/postfix_dane.tsv")
	names := make([]string, len(b.rows))
	for i := range b.rows {
		names[i] = b.rows[i].name
	}
	runRows(t, "postfix", "DANE", names, func(t *testing.T, i int) {
		row := &b.rows[i]
		same(t, "ours", b.ours(t, r, i), row.want)
		want, differs := other[row.name]
		if !differs {
			want = row.want
		}
		delete(other, row.name)
		if got := theirs[row.domain()]; got[0] != want || differs && want == row.want {
			t.Errorf("Postfix: got %s, want %s %s", got[0], want, got[1])
		}
	})
	for name := range other {
		t.Errorf("postfix_dane.tsv: there is no situation %s", name)
	}
}
