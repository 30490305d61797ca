package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/dkim"
)

// TestFilterSessions says to Postfix what clients say beside one plain message, and
// looks at what waxseal serve has made of it and what comes out.
func TestFilterSessions(t *testing.T) {
	b := filterAlone(t, protocolDoors()...)
	if b == nil {
		return
	}
	t.Run("connection", b.manyMessages)
	t.Run("starttls", b.overTLS)
	t.Run("pipelining", b.pipelines)
	t.Run("bdat", b.chunks)
	t.Run("xclient", b.overridesClient)
	t.Run("utf8", b.receivesUTF8)
	for _, row := range b.oddRows(t) {
		t.Run("odd/"+row.name, func(t *testing.T) { b.receivesOdd(t, row) })
	}
	t.Run("odd/cut-field", b.cutsField)
	for _, version := range milterVersions {
		t.Run("version/"+version, func(t *testing.T) { b.speaksVersion(t, version) })
	}
	t.Run("default-action", b.withoutFilter)
	b.nothing(t)
}

// genuine is a message that the bank has signed.
func (b *filterBed) genuine(t *testing.T) string {
	t.Helper()
	return sign(t, &dkim.Signer{Keys: b.bank}, letter("boss@bank.signed", "", "hello\r\n"))
}

// logged is what the log of the filter that enforces says of a message: what the
// client was and what became of it.
func (b *filterBed) logged(t *testing.T, queueID string) string {
	t.Helper()
	l := b.enforce.line(t, queueID)
	return fmt.Sprint(l["client"], " ", l["helo"], " <", l["mail_from"], "> tls=", l["tls"], " spf=", l["spf"], " dmarc=", l["dmarc"], " ", l["action"])
}

// manyMessages has on one connection what RSET, refusals and new greetings leave.
func (b *filterBed) manyMessages(t *testing.T) {
	k := talk(t, bankIP, enforcePort)
	good, bad := b.genuine(t), letter("ann@out.signed", "", "pay\r\n")
	deliver := func(from, want string) {
		t.Helper()
		same(t, "logged", b.logged(t, queued(t, k.send(from, good))), want)
		_, rest := opened(t, b.next(t).Text)
		sameText(t, "rest", rest, good)
	}
	refuse := func(from, text, want string) {
		t.Helper()
		same(t, "reply", cutReply(k.send(from, text), want), want)
	}
	const bank = "192.0.2.1 mx.bank.signed <%s> tls= spf=%s dmarc=pass accept"
	deliver("one@bank.signed", fmt.Sprintf(bank, "one@bank.signed", "pass"))
	k.envelope("two@mild.signed", "ann")
	k.must("250", "RSET")
	deliver("three@plain.signed", fmt.Sprintf(bank, "three@plain.signed", "fail"))
	refuse("four@plain.signed", bad, "550 5.7.26 DMARC policy of out.signed")
	deliver("five@bank.signed", fmt.Sprintf(bank, "five@bank.signed", "pass"))
	k.must("500 5.5.2", "NONSENSE")
	k.must("250", "MAIL FROM:<six@bank.signed>")
	k.must("550 5.1.1", "RCPT TO:<nobody@rcpt.signed>")
	k.must("554 5.5.1", "DATA")
	k.must("250", "RCPT TO:<ann@rcpt.signed>")
	same(t, "logged", b.logged(t, queued(t, k.data(good))), fmt.Sprintf(bank, "six@bank.signed", "pass"))
	same(t, "to", b.next(t).To, []string{"ann@rcpt.signed"})
	refuse("seven@bank.signed", letter("boss@down.signed", "", "pay\r\n"), "451 4.7.26 DMARC of down.signed")
	deliver("", fmt.Sprintf(bank, "", "pass"))
	k.must("250", "EHLO mx.rcpt.signed")
	deliver("nine@bank.signed", "192.0.2.1 mx.rcpt.signed <nine@bank.signed> tls= spf=pass dmarc=pass accept")
	k.envelope("ten@bank.signed", "ann")
	k.must("250", "HELO mx.bank.signed") // ends what was begun
	deliver("eleven@bank.signed", fmt.Sprintf(bank, "eleven@bank.signed", "pass"))
	k.must("221", "QUIT")
}

func (b *filterBed) overTLS(t *testing.T) {
	k := talk(t, bankIP, enforcePort)
	k.envelope("zero@plain.signed", "ann")
	k.must("250", "RSET")
	k.startTLS()
	for range 2 {
		same(t, "logged", b.logged(t, queued(t, k.send("one@bank.signed", b.genuine(t)))),
			"192.0.2.1 mx.bank.signed <one@bank.signed> tls=TLSv1.3 spf=pass dmarc=pass accept")
		b.next(t)
	}
	// What was said over TLS is not said of the next client.
	same(t, "logged", b.logged(t, queued(t, talk(t, bankIP, enforcePort).send("two@bank.signed", b.genuine(t)))),
		"192.0.2.1 mx.bank.signed <two@bank.signed> tls= spf=pass dmarc=pass accept")
	b.next(t)
}

// pipelines sends two messages, a refused one and the farewell without waiting more
// often than it must (RFC 2920).
func (b *filterBed) pipelines(t *testing.T) {
	k := talk(t, bankIP, enforcePort)
	good := b.genuine(t)
	const envelope = "MAIL FROM:<joe@bank.signed>\r\nRCPT TO:<ann@rcpt.signed>\r\nDATA\r\n"
	k.write(envelope)
	var replies []string
	for _, text := range []string{good, letter("ann@out.signed", "", "pay\r\n"), good} {
		for range 3 {
			replies = append(replies, k.reply()[:3])
		}
		k.write(stuffed(text) + ".\r\nRSET\r\n" + envelope)
		replies = append(replies, k.reply()[:3], k.reply()[:3])
	}
	same(t, "replies", strings.Join(replies, " "), "250 250 354 250 250 250 250 354 550 250 250 250 354 250 250")
	for range 2 {
		_, rest := opened(t, b.next(t).Text)
		sameText(t, "rest", rest, good)
	}
}

// chunks sends messages with BDAT (RFC 3030), cut at odd places.
func (b *filterBed) chunks(t *testing.T) {
	k := talk(t, bankIP, enforcePort)
	good := sign(t, &dkim.Signer{Keys: b.bank, Header: dkim.Simple, Body: dkim.Simple}, letter("boss@bank.signed", "", ".\r\n..\r\nhello\r\n.\r\n"))
	for _, size := range []int{1, 7, 100, len(good)} {
		k.envelope("joe@bank.signed", "ann")
		for rest := good; rest != ""; {
			n := min(size, len(rest))
			k.write(fmt.Sprintf("BDAT %d\r\n%s", n, rest[:n]))
			k.reply()
			rest = rest[n:]
		}
		same(t, "logged", b.logged(t, queued(t, k.say("BDAT 0 LAST"))), "192.0.2.1 mx.bank.signed <joe@bank.signed> tls= spf=pass dmarc=pass accept")
		text := b.next(t).Text
		_, rest := opened(t, text)
		sameText(t, "rest", rest, good)
		b.elsewhere(t, text, "bank.signed/rsa bank.signed/ed")
	}
	k.envelope("joe@bank.signed", "ann")
	bad := letter("ann@out.signed", "", "pay\r\n")
	k.write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(bad), bad))
	same(t, "refused", k.reply()[:10], "550 5.7.26")
}

// overridesClient is a proxy that tells Postfix, which believes it, who its clients
// are. The filter must see them and not the proxy, whose own mail it would sign.
func (b *filterBed) overridesClient(t *testing.T) {
	k := talk(t, trustedIP, enforcePort)
	k.must("220", "XCLIENT NAME=[UNAVAILABLE] ADDR="+strangerIP+" HELO=mx.bank.signed")
	k.must("250", "EHLO mx.bank.signed")
	const refused = "550 5.7.26 DMARC policy of out.signed"
	same(t, "stranger", cutReply(k.send("ann@out.signed", letter("ann@out.signed", "", "pay\r\n")), refused), refused)
	k = talk(t, trustedIP, enforcePort) // whom XCLIENT has named may not name others
	k.must("220", "XCLIENT NAME=mx.bank.signed ADDR=IPV6:2001:db8::1 HELO=mx.bank.signed")
	k.must("250", "EHLO mx.bank.signed")
	same(t, "IPv6", b.logged(t, queued(t, k.send("joe@bank.signed", letter("joe@bank.signed", "", "hello\r\n")))),
		"2001:db8::1 mx.bank.signed <joe@bank.signed> tls= spf=pass dmarc=pass accept")
	opened(t, b.next(t).Text)
	// Nobody else may.
	s := talk(t, strangerIP, enforcePort)
	same(t, "refused", s.say("XCLIENT ADDR=" + trustedIP)[:3], "550")
}

// receivesUTF8 has an author, a sender and a recipient that need SMTPUTF8.
func (b *filterBed) receivesUTF8(t *testing.T) {
	k := talk(t, bankIP, enforcePort)
	k.must("250", "MAIL FROM:<jürgen@bücher.signed> SMTPUTF8 BODY=8BITMIME")
	k.must("250", "RCPT TO:<größe@rcpt.signed>")
	text := letter("Jürgen <jürgen@bücher.signed>", "Comments: grüße\r\n", "grüße\r\n")
	same(t, "logged", b.logged(t, queued(t, k.data(text))), "192.0.2.1 mx.bank.signed <jürgen@bücher.signed> tls= spf=pass dmarc=pass accept")
	got := b.next(t)
	results, rest := opened(t, got.Text)
	same(t, "arrived", []string{results, rest, got.To[0]}, []string{"spf=pass spf=pass dkim=none arc=none dmarc=pass", text, "größe@rcpt.signed"})
}
