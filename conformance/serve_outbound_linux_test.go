package conformance

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/smtp"
)

const (
	policyMap    = "127.0.0.1:8461"
	oursAsk      = "127.0.0.1:5301" // the world as waxseal sees it; unbound asks rootServer
	evilHost     = "127.0.2.250"
	policiesHost = "127.0.2.251"
)

// channelServices are one smtp for each level that Postfix falls back to, and one
// that asks for the map with attributes for newer versions.
const channelServices = `pickup unix n - n 60 1 pickup
smtpmay unix - - n - - smtp -o smtp_tls_security_level=may
smtpdane unix - - n - - smtp -o smtp_tls_security_level=dane
smtprpt unix - - n - - smtp -o smtp_tls_security_level=may -o smtp_tls_policy_maps=socketmap:inet:` + policyMap + `:policy-tlsrpt
`

// channelSettings let a process of Postfix send once: it keeps the policies that it
// was told for as long as it lives.
const channelSettings = `smtp_tls_policy_maps = socketmap:inet:` + policyMap + `:policy
smtp_tls_CAfile = /etc/postfix/ca.pem
sender_dependent_default_transport_maps = regexp:/etc/postfix/transports
max_use = 1
`

// channelBed is the world with a server for each row, and the forgers in it.
type channelBed struct {
	t            *testing.T
	rows         []channelRow
	party        *party
	gates        map[string]*gate
	policies     *policyHost
	evilCert     *tls.Certificate
	honest, evil witness
	ours, theirs forgery
	world        *zonesign.World
	anchor       string
	postfix      *postfix
	serving      *serving
	state        string           // directory
	names        *zonefile.Server // that waxseal asks
}

// forge forges what both waxseal and Postfix's resolver see.
func (b *channelBed) forge(name string, t resolver.Type, change func(m *dns.Msg)) {
	b.ours.set(name, t, change)
	b.theirs.set(name, t, change)
}

// strip has an attacker who lets no STARTTLS through.
func (b *channelBed) strip(r *channelRow) { b.gates[r.name].set(mailServer(&b.evil, nil)) }

// impersonate has an attacker with a certificate of his own for the host's name.
func (b *channelBed) impersonate(r *channelRow) {
	b.gates[r.name].set(mailServer(&b.evil, b.party.stranger.issue(b.t, certificateFor(r.host()))))
}

func newChannelBed(t *testing.T) *channelBed {
	b := &channelBed{t: t, rows: channelRows(), party: newParty(t), gates: map[string]*gate{}}
	const head = "$TTL 0\n@ SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 0\n"
	zones := map[string]*strings.Builder{"signed": {}, "plain": {}}
	var policyNames []string
	for i := range b.rows {
		r, z := &b.rows[i], zones[b.rows[i].zone]
		fmt.Fprintf(z, "%s. MX 10 %s.\n%s. A %s\n", r.domain(), r.host(), r.host(), address(i))
		if r.tlsa != nil {
			fmt.Fprintf(z, "_25._tcp.%s. TLSA %s\n", r.host(), r.tlsa(b.party))
		} else if !r.plain {
			fmt.Fprintf(z, "_mta-sts.%s. TXT \"v=STSv1; id=1\"\nmta-sts.%[1]s. A %s\n", r.domain(), policiesHost)
			policyNames = append(policyNames, "mta-sts."+r.domain())
		}
		b.gates[r.name] = serveGate(t, address(i))
	}
	fmt.Fprintf(zones["plain"], "mx.evil.plain. A %s\n", evilHost)
	b.evilCert = b.party.ca.issue(t, certificateFor("mx.evil.plain"))
	serveGate(t, evilHost).set(mailServer(&b.evil, b.evilCert))
	b.policies = &policyHost{
		honest: b.party.ca.issue(t, certificateFor(policyNames...)),
		other:  b.party.stranger.issue(t, certificateFor(policyNames...)),
	}
	b.policies.serve(t, policiesHost)
	b.world, _, b.anchor = newWorld(t, head+zones["signed"].String(), head+zones["plain"].String())
	b.heal()
	return b
}

// heal takes all attackers away.
func (b *channelBed) heal() {
	b.ours.clear()
	b.theirs.clear()
	for i := range b.rows {
		r := &b.rows[i]
		b.policies.set(r.domain(), false, "")
		cert := b.party.ee
		switch {
		case r.plain:
			cert = nil
		case r.tlsa == nil || r.name[:2] == "ta":
			cert = b.party.ca.issue(b.t, certificateFor(r.host()))
		}
		b.gates[r.name].set(mailServer(&b.honest, cert))
	}
}

// start starts name servers, Postfix and waxseal.
func (b *channelBed) start(program string) {
	t := b.t
	theirs, err := zonefile.Serve(rootServer, view{b.world, &b.theirs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	startUnbound(t, b.anchor)
	b.answer()
	b.serve(program)
	write(t, "/etc/postfix/transports", "/^may/ smtpmay:\n/^dane/ smtpdane:\n/^rpt/ smtprpt:\n")
	for _, file := range []string{"ca.pem", "transports"} {
		if err := os.Chmod("/etc/postfix/"+file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.postfix = startPostfix(t, channelSettings, channelServices)
}

// serve starts waxseal as the policy map.
func (b *channelBed) serve(program string) {
	t, dir := b.t, b.t.TempDir()
	if b.state == "" {
		b.state = dir
	}
	write(t, "/etc/postfix/ca.pem", b.party.ca.PEM())
	write(t, filepath.Join(dir, "anchor"), b.anchor)
	b.serving = startServing(t, program, fmt.Sprintf(`hostname = "out.signed"
[dns]
servers = [%q]
trust_anchor = %q
[tls_policy]
listen = %q
ca = "/etc/postfix/ca.pem"
allow_private = true
[state]
directory = %q
`, oursAsk, filepath.Join(dir, "anchor"), policyMap, b.state), policyMap)
}

// answer begins to answer waxseal.
func (b *channelBed) answer() {
	names, err := zonefile.Serve(oursAsk, view{b.world, &b.ours})
	if err != nil {
		b.t.Fatal(err)
	}
	b.names = names
}

// submit hands Postfix a message for each row from each sender.
func (b *channelBed) submit(senders ...string) {
	b.t.Helper()
	k := openPostfix(b.t)
	defer k.Quit(context.Background())
	for _, sender := range senders {
		for i := range b.rows {
			tx := &smtp.Transaction{
				From: mailbox(b.t, sender+"@out.signed"),
				To:   []smtp.Recipient{{Path: mailbox(b.t, sender+"@"+b.rows[i].domain())}},
			}
			d, err := k.Send(b.t.Context(), tx, strings.NewReader(daneMessage))
			if err != nil || !d.Recipients[0].Delivered() {
				b.t.Fatalf("%s: %v %+v", b.rows[i].name, err, d)
			}
		}
	}
}

// channelStatus is what Postfix logs of an attempt.
var channelStatus = regexp.MustCompile(`\[(\d+)\]: .*to=<([^>]+)>, .*dsn=([\d.]+), status=(\w+) \((.*)\)`)

// attempts reads from Postfix's log what it made last of each recipient: how the
// connection was, status and reason.
func (b *channelBed) attempts() map[string][3]string {
	trust, got := map[string]string{}, map[string][3]string{}
	for line := range strings.Lines(b.postfix.lines(b.t)) {
		if m := postfixTrust.FindStringSubmatch(line); m != nil {
			trust[m[1]] = m[2]
		}
		if m := channelStatus.FindStringSubmatch(line); m != nil {
			got[m[2]] = [3]string{trust[m[1]], m[3] + " " + m[4], m[5]}
			delete(trust, m[1])
		}
	}
	return got
}

// await waits until Postfix has tried all messages of the senders.
func (b *channelBed) await(what string, senders ...string) map[string][3]string {
	b.t.Helper()
	return b.awaitEach(what, func(status string) bool { return status != "" }, senders)
}

// awaitSent lets Postfix try all messages of the senders until they are delivered.
func (b *channelBed) awaitSent(what string, senders ...string) map[string][3]string {
	b.t.Helper()
	const again = 2 * time.Second // its resolver remembers failures for some seconds
	var tried time.Time
	return b.awaitEach(what, func(status string) bool {
		if status != "2.0.0 sent" && time.Since(tried) > again {
			run(b.t, "postqueue", "-f")
			tried = time.Now()
		}
		return status == "2.0.0 sent"
	}, senders)
}

func (b *channelBed) awaitEach(what string, done func(status string) bool, senders []string) map[string][3]string {
	b.t.Helper()
	var got map[string][3]string
	b.postfix.await(b.t, what, func(string) bool {
		got = b.attempts()
		for _, sender := range senders {
			for i := range b.rows {
				if !done(got[sender+"@"+b.rows[i].domain()][1]) {
					return false
				}
			}
		}
		return true
	})
	return got
}

// check holds what became of a row's message.
func (b *channelBed) check(t *testing.T, got map[string][3]string, sender string, r *channelRow, want string) {
	t.Helper()
	a := got[sender+"@"+r.domain()]
	how := "tls"
	if r.plain {
		how = "clear"
	}
	if want != "" {
		how = "nothing"
		if !strings.HasPrefix(a[1], "4.") || !strings.Contains(a[1]+" "+a[2], want) {
			t.Errorf("%s: Postfix: got %q, want deferred with %q", sender, a, want)
		}
	} else if a[1] != "2.0.0 sent" || !r.plain && a[0] != "Verified" {
		t.Errorf("%s: Postfix: got %q, want sent over a verified connection", sender, a)
	}
	same(t, sender+": the host saw", b.honest.of(sender, r.domain()), how)
	same(t, sender+": the attacker saw", b.evil.of(sender, r.domain()), "nothing")
}

// TestServeOutbound lets Postfix send by our policy map to domains with DANE and
// with MTA-STS, which are then attacked, and then no more.
func TestServeOutbound(t *testing.T) {
	program(t, "postfix")
	program(t, "unbound")
	waxseal := buildWaxseal(t)
	if !alone(t) {
		return
	}
	b := newChannelBed(t)
	b.start(waxseal)

	b.submit("may1", "dane1")
	got := b.await("the first messages", "may1", "dane1")
	b.each(t, "peace", func(t *testing.T, r *channelRow) {
		b.check(t, got, "may1", r, "")
		b.check(t, got, "dane1", r, "")
	})

	b.serving.stop()
	for i := range b.rows {
		if r := &b.rows[i]; r.attack != nil {
			r.attack(b, r)
		}
	}
	b.serving.start() // with nothing but the policies that it has kept
	b.submit("may2", "dane2")
	got = b.await("the messages under attack", "may2", "dane2")
	b.each(t, "attacked", func(t *testing.T, r *channelRow) {
		b.check(t, got, "may2", r, r.want)
		b.check(t, got, "dane2", r, r.want)
	})

	b.heal()
	b.serving.restart()
	b.names.Close()
	b.submit("may3", "dane3")
	got = b.await("the messages without a resolver", "may3", "dane3")
	b.each(t, "no-resolver", func(t *testing.T, r *channelRow) {
		b.check(t, got, "may3", r, configProblem(r))
		b.check(t, got, "dane3", r, configProblem(r))
	})

	b.serving.stop()
	b.submit("may4", "dane4")
	got = b.await("the messages without waxseal", "may4", "dane4")
	b.each(t, "not-running", func(t *testing.T, r *channelRow) {
		b.check(t, got, "may4", r, configProblem(r))
		b.check(t, got, "dane4", r, configProblem(r))
	})

	b.answer()
	defer b.names.Close()
	b.serving.start() // which has forgotten failures
	waiting := []string{"may2", "dane2", "may3", "dane3", "may4", "dane4"}
	got = b.awaitSent("the messages that waited", waiting...)
	b.each(t, "healed", func(t *testing.T, r *channelRow) {
		for _, sender := range waiting {
			b.check(t, got, sender, r, "")
		}
	})
	b.testAttributes(t)
}

// configProblem is what Postfix says when it learns no policy.
func configProblem(r *channelRow) string {
	if r.name == "ee-mx-spoofed" {
		return "deferred" // its resolver may still remember that the MX was bogus
	}
	return noPolicy
}

func (b *channelBed) each(t *testing.T, name string, check func(t *testing.T, r *channelRow)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for i := range b.rows {
			t.Run(b.rows[i].name, func(t *testing.T) { check(t, &b.rows[i]) })
		}
	})
}

// testAttributes asks for the map whose attributes Postfix knows from 3.10 on.
func (b *channelBed) testAttributes(t *testing.T) {
	b.submit("rpt1")
	got := b.await("the messages by the map with attributes", "rpt1")
	b.each(t, "attributes", func(t *testing.T, r *channelRow) {
		want := ""
		if r.zone == "plain" && !r.plain {
			want = noPolicy
		}
		b.check(t, got, "rpt1", r, want)
	})
}
