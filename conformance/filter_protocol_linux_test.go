package conformance

import (
	"strings"
	"testing"

	"github.com/waxseal/waxseal/dkim"
)

// The versions of the milter protocol that Postfix can be told to speak; the door of
// each has the port of its name.
var milterVersions = [...]string{"2", "3", "4", "6"}

const versionPort = "200"

// defaultActions are the settings of milter_default_action; the door of each has
// the port 2101 on, and no filter behind it.
var defaultActions = [...]string{"accept", "tempfail", "reject", "quarantine"}

const actionPort = "210"

// protocolDoors are doors at which Postfix speaks to the filter in other ways.
func protocolDoors() []string {
	var doors []string
	for _, v := range milterVersions {
		doors = append(doors, door(versionPort+v, "smtpd_milters = inet:"+enforceMilter, "milter_protocol = "+v))
	}
	for i, a := range defaultActions {
		doors = append(doors, door(actionPort+string(rune('1'+i)), "smtpd_milters = inet:"+deadMilter, "milter_default_action = "+a))
	}
	return doors
}

// speaksVersion sends what simple canonicalization and the places of header fields
// depend on.
func (b *filterBed) speaksVersion(t *testing.T, version string) {
	forged, kept := interleaved()
	strict := func(fields string) string {
		return sign(t, &dkim.Signer{Keys: b.bank, Header: dkim.Simple, Body: dkim.Simple}, fields+letter("boss@bank.signed", "", " hello \r\n\r\n"))
	}
	usual := strict("X-Two:  spaces \r\nX-Fold: a\r\n\tb\r\n  c\r\nX-Start:\r\n here\r\n")
	odd := strict("X-No:space\r\n")
	k := talk(t, bankIP, versionPort+version)
	for _, row := range []struct{ name, sent, want string }{
		{"usual", usual, usual},
		{"forged-results", forged + usual, kept + usual},
		{"no-space", odd, odd},
	} {
		same(t, "logged", b.logged(t, queued(t, k.send("joe@bank.signed", row.sent))),
			"192.0.2.1 mx.bank.signed <joe@bank.signed> tls= spf=pass dmarc=pass accept")
		text := b.next(t).Text
		results, rest := opened(t, text)
		same(t, row.name+": results", results, "spf=pass spf=pass dkim=pass dkim=pass arc=none dmarc=pass")
		sameText(t, row.name+": rest", rest, row.want)
		b.elsewhere(t, text, "bank.signed/rsa bank.signed/ed")
		const refused = "550 5.7.26 DMARC policy of out.signed"
		same(t, row.name+": spoofed", cutReply(k.send("joe@bank.signed", letter("ann@out.signed", "", "pay\r\n")), refused), refused)
	}
	trusted := talk(t, trustedIP, versionPort+version)
	trusted.send("ann@out.signed", letter("ann@out.signed", "", "hello\r\n"))
	text := b.next(t).Text
	as, _ := signatures(t, text)
	same(t, "signatures", as, "out.signed/rsa out.signed/ed")
	b.elsewhere(t, text, as)
}

// withoutFilter is what Postfix does while nobody filters.
func (b *filterBed) withoutFilter(t *testing.T) {
	for i, row := range []struct{ action, mail, reply string }{
		{"accept", "250 2.1.0", "250 2.0.0"},
		{"tempfail", "451 4.7.1", ""},
		{"reject", "550 5.5.0", ""},
		{"quarantine", "250 2.1.0", "250 2.0.0"},
	} {
		t.Run(row.action, func(t *testing.T) {
			k := talk(t, bankIP, actionPort+string(rune('1'+i)))
			same(t, "MAIL", k.say("MAIL FROM:<joe@bank.signed>")[:9], row.mail)
			if row.reply == "" {
				return
			}
			k.must("250", "RCPT TO:<ann@rcpt.signed>")
			text := b.genuine(t)
			reply := k.data(text)
			same(t, "reply", reply[:9], row.reply)
			if row.action == "quarantine" {
				b.release(t, queued(t, reply))
			}
			got := b.next(t).Text
			if strings.Contains(got, serveID) {
				t.Errorf("judged:\n%s", got)
			}
			sameText(t, "rest", withoutTrace(got), text)
		})
	}
}
