package conformance

import (
	"strings"
	"testing"

	"github.com/waxseal/waxseal/dkim"
)

// oddRow is a message of the bank in an odd shape. It is delivered as it was signed,
// which is as it was sent unless sent says otherwise.
type oddRow struct {
	name, signed, sent string
}

func (b *filterBed) oddRows(t *testing.T) []oddRow {
	t.Helper()
	strict := func(text string) string {
		return sign(t, &dkim.Signer{Keys: b.bank, Header: dkim.Simple, Body: dkim.Simple}, text)
	}
	const author = "boss@bank.signed"
	lines := strict(letter(author, "", "one\r\n\r\n two \r\n...\r\n"))
	return []oddRow{
		{name: "empty-body", signed: strict(letter(author, "", ""))},
		{name: "no-body", signed: strict(strings.TrimSuffix(letter(author, "", ""), "\r\n"))},
		{name: "blank-lines", signed: strict(letter(author, "", "\r\n\r\n\r\n"))},
		{name: "dots", signed: strict(letter(author, "", ".\r\n..\r\n.x\r\n\r\n.\r\n...\r\n"))},
		{name: "eight-bit", signed: strict(letter(author, "", "gr\xc3\xbc\xc3\x9fe, gr\xfc\xdfe\r\n"))},
		{name: "control-characters", signed: strict(letter(author, "", "\x01\x7f\t\x0b\r\n"))},
		{name: "header-of-59-kB", signed: strict(letter(author, largeField(59_000), "hello\r\n"))},
		{name: "odd-fields", signed: strict("X-None:\r\nX-Space: \r\nX-No:space\r\nX-Tab:\tx\t\r\nX-Fold:\r\n a\r\n\t b \r\nX-LONG-name_!#$: 1\r\n" + letter(author, "", "hello\r\n"))},
		{name: "one-field-many-times", signed: strict(strings.Repeat("X-Same: x\r\n", 300) + letter(author, "", "hello\r\n"))},
		// Postfix takes a bare LF for the end of a line and passes on CRLF, to the filter
		// as to the next server.
		{name: "bare-lf", signed: lines, sent: strings.ReplaceAll(lines, "one\r\n\r\n two \r\n", "one\n\n two \n")},
		{name: "bare-lf-in-header", signed: lines, sent: strings.Replace(lines, "Subject: A letter\r\n", "Subject: A letter\n", 1)},
		{name: "bare-lf-everywhere", signed: lines, sent: strings.ReplaceAll(lines, "\r\n", "\n")},
		{name: "mbox-line", signed: strict(letter(author, "", "From me\r\n"))},
	}
}

// largeField is a header field of about so many bytes.
func largeField(size int) string {
	line := strings.Repeat("x", 70) + "\r\n "
	return "X-Large: " + strings.Repeat(line, size/len(line)) + "end\r\n"
}

// cutsField has a field of 100 kB. Postfix cuts it, with a filter and without one;
// what it lets the filter judge is what it delivers.
func (b *filterBed) cutsField(t *testing.T) {
	text := sign(t, &dkim.Signer{Keys: b.bank, Fields: []string{"From", "X-Large"}}, letter("boss@bank.signed", largeField(100_000), "hello\r\n"))
	talk(t, bankIP, barePort).send("joe@bank.signed", text)
	want := withoutTrace(b.next(t).Text)
	talk(t, bankIP, enforcePort).send("joe@bank.signed", text)
	got := b.next(t).Text
	results, rest := opened(t, got)
	same(t, "results", results, "spf=pass spf=pass dkim=fail dkim=fail arc=none dmarc=pass")
	sameText(t, "rest", rest, want)
	same(t, "OpenDKIM", openDKIMVerdicts(t, b.opendkim, got), verdicts{"rsa": "fail", "ed": "fail"})
}

// receivesOdd sends the message twice on one connection.
func (b *filterBed) receivesOdd(t *testing.T, row oddRow) {
	sent := row.sent
	if sent == "" {
		sent = row.signed
	}
	k := talk(t, bankIP, enforcePort)
	for range 2 {
		reply := k.send("joe@bank.signed", sent)
		same(t, "logged", b.logged(t, queued(t, reply)), "192.0.2.1 mx.bank.signed <joe@bank.signed> tls= spf=pass dmarc=pass accept")
		text := b.next(t).Text
		results, rest := opened(t, text)
		same(t, "results", results, "spf=pass spf=pass dkim=pass dkim=pass arc=none dmarc=pass")
		sameText(t, "rest", rest, row.signed)
		b.elsewhere(t, text, "bank.signed/rsa bank.signed/ed")
	}
}
