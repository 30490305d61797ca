package conformance

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/authres"
)

// outboundRow is a message that is ours to sign, or only claims to be.
type outboundRow struct {
	name, client, port, user, author string
	want                             string // reply
	signatures                       string // d=/s= of each, from the top
}

func outboundRows() []outboundRow {
	const ok = "250 2.0.0 Ok: queued as "
	const refused = "550 5.7.26 DMARC policy of out.signed rejects this message"
	const both = "out.signed/rsa out.signed/ed"
	return []outboundRow{
		{"user", strangerIP, submissionPort, "ann", "ann@out.signed", ok, both},
		{"user-of-subdomain", strangerIP, submissionPort, "ann", "ann@sub.out.signed", ok, both},
		{"user-of-subdomain-with-key", strangerIP, submissionPort, "ann", "ann@own.out.signed", ok, "own.out.signed/rsa"},
		{"user-below-subdomain-with-key", strangerIP, submissionPort, "ann", "ann@x.own.out.signed", ok, "own.out.signed/rsa"},
		{"user-of-other-domain", strangerIP, submissionPort, "bob", "Bob <bob@other.signed>", ok, "other.signed/rsa"},
		{"user-as-stranger", strangerIP, submissionPort, "ann", "boss@bank.signed", ok, ""},
		{"user-as-parent", strangerIP, submissionPort, "ann", "ann@signed", ok, ""},
		{"user-as-lookalike", strangerIP, submissionPort, "ann", "ann@notout.signed", ok, ""},
		{"user-as-two-authors", strangerIP, submissionPort, "ann", "ann@out.signed, bob@other.signed", ok, ""},
		{"user-as-two-of-one", strangerIP, submissionPort, "ann", "ann@out.signed, eve@sub.out.signed", ok, both},
		{"trusted-network", trustedIP, enforcePort, "", "ann@out.signed", ok, both},
		{"trusted-network-as-stranger", trustedIP, enforcePort, "", "boss@bank.signed", ok, ""},
		{"trusted-network-monitor", trustedIP, monitorPort, "", "ann@out.signed", ok, both},
		{"loopback", postfixHost, enforcePort, "", "ann@out.signed", ok, both},
		// Macros that Postfix is told to give to nobody come all the same if asked for, by
		// Postfix's leave also in version 2.
		{"user-macros-off", strangerIP, clearPort, "ann", "ann@out.signed", ok, both},
		{"user-macros-off-v2", strangerIP, mutePort, "ann", "ann@out.signed", ok, both},
		{"stranger-macros-off", strangerIP, clearPort, "", "ann@out.signed", refused, ""},
		{"stranger-macros-off-v2", strangerIP, mutePort, "", "ann@out.signed", refused, ""},
		{"trusted-network-macros-off-v2", trustedIP, mutePort, "", "ann@out.signed", ok, both},
		{"stranger", strangerIP, enforcePort, "", "ann@out.signed", refused, ""},
	}
}

var signedAs = regexp.MustCompile(`\bd=([^;\s]+);\s+s=([^;\s]+);`)

// signatures returns d=/s= of the DKIM-Signature fields, all of which must be at the
// top, and what comes after them and after the Received field of Postfix.
func signatures(t *testing.T, text string) (all, rest string) {
	t.Helper()
	h := readMessage(t, text).Header
	var names []string
	top := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		top += len(f.Raw)
		if f.Is("Received") {
			break
		}
		m := signedAs.FindSubmatch(f.Value())
		if !f.Is("DKIM-Signature") || m == nil {
			t.Fatalf("above Received: %q", f.Raw)
		}
		names = append(names, string(m[1])+"/"+string(m[2]))
	}
	return strings.Join(names, " "), text[top:]
}

// elsewhere holds that others verify the signatures that signatures has named.
func (b *filterBed) elsewhere(t *testing.T, text, signatures string) {
	t.Helper()
	if signatures == "" {
		return
	}
	want := verdicts{}
	for _, s := range strings.Fields(signatures) {
		_, selector, _ := strings.Cut(s, "/")
		want[selector] = "pass"
	}
	same(t, "OpenDKIM", openDKIMVerdicts(t, b.opendkim, text), want)
	same(t, "dkimpy", b.dkimpy.verify(t, text), want)
}

// TestFilterOutbound sends mail of ours through Postfix: of users, of trusted
// networks, from this host, and Postfix's own.
func TestFilterOutbound(t *testing.T) {
	b := filterAlone(t)
	if b == nil {
		return
	}
	for _, row := range outboundRows() {
		t.Run(row.name, func(t *testing.T) {
			k := talk(t, row.client, row.port)
			if row.user != "" {
				k.authenticate(row.user)
			}
			text := letter(row.author, "Authentication-Results: other.signed; dmarc=fail\r\n", "hello\r\n")
			reply := k.send("ann@out.signed", text)
			same(t, "reply", cutReply(reply, row.want), row.want)
			if reply[0] != '2' {
				return
			}
			got := b.next(t).Text
			as, rest := signatures(t, got)
			same(t, "signatures", as, row.signatures)
			sameText(t, "rest", rest, text)
			b.elsewhere(t, got, as)
		})
	}
	t.Run("wrong-password", func(t *testing.T) {
		k := talk(t, strangerIP, submissionPort)
		k.must("535 5.7.8", "AUTH PLAIN AGFubgB3cm9uZw==")
		k.must("250", "MAIL FROM:<ann@out.signed>")
		k.must("554 5.7.1", "RCPT TO:<ann@rcpt.signed>")
	})
	t.Run("results-in-our-name", b.sendsResults)
	t.Run("user-over-tls", b.sendsOverTLS)
	t.Run("utf8", b.sendsUTF8)
	t.Run("sendmail", b.sendsLocally)
	t.Run("bounce", b.sendsBounce)
	b.nothing(t)
}

// sendsResults has results in our name in mail of ours. A user's are taken out. What a
// host of ours sends has been judged, so it has come from outside: it is not signed.
func (b *filterBed) sendsResults(t *testing.T) {
	forged, kept := interleaved()
	text := letter("ann@out.signed", "", "hello\r\n")
	// Postfix takes away the white space before a colon.
	seen := strings.NewReplacer(" : ", ": ", "\t : ", ": ").Replace(forged)
	for _, row := range []struct{ name, client, port, user, rest, signatures string }{
		{"user", strangerIP, submissionPort, "ann", kept + text, "out.signed/rsa out.signed/ed"},
		{"host", trustedIP, enforcePort, "", seen + text, ""},
	} {
		k := talk(t, row.client, row.port)
		if row.user != "" {
			k.authenticate(row.user)
		}
		k.send("ann@out.signed", forged+text)
		got := b.next(t).Text
		as, rest := signatures(t, got)
		same(t, row.name+": signatures", as, row.signatures)
		sameText(t, row.name+": rest", rest, row.rest)
		b.elsewhere(t, got, as)
	}
}

// sendsOverTLS says who has authenticated, for each message of a connection and for
// no other one.
func (b *filterBed) sendsOverTLS(t *testing.T) {
	k := talk(t, strangerIP, submissionPort)
	k.startTLS()
	k.authenticate("ann")
	for range 2 {
		line := b.enforce.line(t, queued(t, k.send("ann@out.signed", letter("ann@out.signed", "", "hello\r\n"))))
		same(t, "logged", []any{line["msg"], line["user"], line["tls"]}, []any{"signed", "ann", "TLSv1.3"})
		as, _ := signatures(t, b.next(t).Text)
		same(t, "signatures", as, "out.signed/rsa out.signed/ed")
	}
	line := b.enforce.line(t, queued(t, talk(t, bankIP, enforcePort).send("ann@bank.signed", b.genuine(t))))
	same(t, "logged", []any{line["msg"], line["user"], line["tls"]}, []any{"checked", nil, ""})
	b.next(t)
}

// sendsUTF8 has an author and a subject that need SMTPUTF8 (RFC 6531).
func (b *filterBed) sendsUTF8(t *testing.T) {
	k := talk(t, strangerIP, submissionPort)
	k.authenticate("ann")
	k.must("250", "MAIL FROM:<größe@out.signed> SMTPUTF8 BODY=8BITMIME")
	k.must("250", "RCPT TO:<größe@rcpt.signed>")
	text := letter("größe@out.signed", "Comments: grüße\r\n", "grüße\r\n")
	k.must("", "DATA")
	k.write(stuffed(text))
	same(t, "reply", k.say(".")[:4], "250 ")
	got := b.next(t)
	as, rest := signatures(t, got.Text)
	same(t, "arrived", []string{got.From, strings.Join(got.To, " "), as, rest},
		[]string{"größe@out.signed", "größe@rcpt.signed", "out.signed/rsa out.signed/ed", text})
	b.elsewhere(t, got.Text, as)
}

// sendsLocally submits with sendmail(1), which leaves much for Postfix to add.
func (b *filterBed) sendsLocally(t *testing.T) {
	for _, row := range []struct{ name, text, signatures string }{
		{"whole", letter("ann@out.signed", "", "hello\r\n"), "out.signed/rsa out.signed/ed"},
		{"bare-name", "From: ann\nTo: ann@rcpt.signed\n\nhello\n", "out.signed/rsa out.signed/ed"},
		{"no-from", "To: ann@rcpt.signed\n\nhello\n", "out.signed/rsa out.signed/ed"},
		{"no-header", "\nhello\n", "out.signed/rsa out.signed/ed"},
		{"stranger", letter("boss@bank.signed", "", "hello\r\n"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			cmd := exec.Command(program(t, "sendmail"), "-f", "ann@out.signed", "ann@rcpt.signed")
			cmd.Stdin = strings.NewReader(row.text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := b.next(t).Text
			as, _ := signatures(t, got)
			same(t, "signatures", as, row.signatures)
			b.elsewhere(t, got, as)
		})
	}
}

// sendsBounce has Postfix return a message. Its notice is ours and is not judged.
func (b *filterBed) sendsBounce(t *testing.T) {
	k := talk(t, trustedIP, enforcePort)
	k.envelope("joe@rcpt.signed", "gone")
	k.data(letter("joe@rcpt.signed", "", "hello\r\n"))
	got := b.next(t)
	as, _ := signatures(t, got.Text)
	same(t, "notice", []string{got.From, strings.Join(got.To, " "), as}, []string{"", "joe@rcpt.signed", "out.signed/rsa out.signed/ed"})
	if h := readMessage(t, got.Text).Header; len(authres.Find(h, serveID)) != 0 {
		t.Errorf("judged:\n%s", got.Text)
	}
	b.elsewhere(t, got.Text, as)
}
