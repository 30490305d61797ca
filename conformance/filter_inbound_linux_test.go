package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
)

const serveID = "mx.rcpt.signed"

// letter is a message of an author, with fields in front and this body.
func letter(author, fields, body string) string {
	return fields + "From: " + author + "\r\nTo: ann@rcpt.signed\r\nSubject: A letter\r\n" +
		"Date: Mon, 5 Jan 2026 10:00:00 +0000\r\nMessage-ID: <1@signed>\r\n\r\n" + body
}

// forgeries claim to be our results; a lenient reader finds our id in each.
const forgeries = "Authentication-Results: mx.rcpt.signed; dmarc=pass header.from=bank.signed\r\n|" +
	"authentication-RESULTS: MX.Rcpt.Signed; spf=pass\r\n|" +
	"Authentication-Results:\r\n mx.rcpt.signed;\r\n\tdkim=pass\r\n|" +
	"Authentication-Results: (by (us)) mx.rcpt.signed (really) 1; dmarc=pass\r\n|" +
	"Authentication-Results: \"mx.rcpt.signed\"; dmarc=pass\r\n|" +
	"Authentication-Results: \"mx.rcpt.\\signed\"; dmarc=pass\r\n|" +
	"Authentication-Results: mx.rcpt.signed/1; dmarc=pass\r\n|" +
	"Authentication-Results: mx.(x)rcpt.signed; dmarc=pass\r\n|" +
	"Authentication-Results: mx.rcpt.signed 7 ; none\r\n|" +
	"Authentication-Results:mx.rcpt.signed;dmarc=pass\r\n|" +
	"Authentication-Results: mx.rcpt.s(\\))igned; dmarc=pass\r\n|" +
	"Authentication-Results: =?utf-8?q?mx=2Ercpt=2Esigned?=; dmarc=pass\r\n|" +
	"Authentication-Results: =?utf-8?b?bXgucmNwdC5zaWduZWQ7IGRtYXJjPXBhc3M=?=\r\n|" +
	"Authentication-Results : mx.rcpt.signed; dmarc=pass\r\n|" +
	"Authentication-Results\t : mx.rcpt.signed; dmarc=pass\r\n|" +
	"Authentication-Results:  \t mx.rcpt.signed\r\n"

// honest are of others, or of no kind that a reader believes.
const honest = "Authentication-Results: other.signed; dmarc=fail\r\n|" +
	"Authentication-Results: mx.rcpt.signed.evil.signed; dmarc=pass\r\n|" +
	"Authentication-Results: xmx.rcpt.signed; dmarc=pass\r\n|" +
	"X-Authentication-Results: mx.rcpt.signed; dmarc=pass\r\n|" +
	"Subject2: Authentication-Results: mx.rcpt.signed; dmarc=pass\r\n"

// interleaved returns all forgeries with the honest fields in between, and the
// honest ones alone.
func interleaved() (all, kept string) {
	h := strings.Split(honest, "|")
	for i, f := range strings.Split(forgeries, "|") {
		all += f
		if i < len(h) {
			all += h[i]
		}
	}
	return all, strings.ReplaceAll(honest, "|", "")
}

// inboundRow is a message to both doors. What is accepted is delivered as text, or
// as rest where that is not empty.
type inboundRow struct {
	name, client, from, text, rest string
	monitor, enforce               string // reply
	results                        string // what was written into the message
	held                           bool   // in enforce
	signed                         bool   // and verifies elsewhere
}

func (b *filterBed) inboundRows(t *testing.T) []inboundRow {
	t.Helper()
	const ok = "250 2.0.0 Ok: queued as "
	bank := sign(t, &dkim.Signer{Keys: b.bank}, letter("boss@bank.signed", "", "hello\r\n"))
	strict := sign(t, &dkim.Signer{Keys: b.bank, Header: dkim.Simple, Body: dkim.Simple}, "X-Odd:no space\r\nX-Two:  two \r\nx-fold: a\r\n\tb\r\n"+letter("boss@bank.signed", "", "hello \r\n\r\n"))
	forged, kept := interleaved()
	passes := "spf=pass spf=pass dkim=pass dkim=pass arc=none dmarc=pass"
	spoofed := letter("boss@bank.signed", "", "pay\r\n")
	return []inboundRow{
		{name: "genuine", client: bankIP, from: "joe@bank.signed", text: bank, monitor: ok, enforce: ok, results: passes, signed: true},
		{name: "genuine-simple", client: bankIP, from: "joe@bank.signed", text: strict, monitor: ok, enforce: ok, results: passes, signed: true},
		{
			name: "forwarded", client: strangerIP, from: "list@plain.signed", text: bank, monitor: ok, enforce: ok,
			results: "spf=fail spf=fail dkim=pass dkim=pass arc=none dmarc=pass", signed: true,
		},
		{name: "spf-alone", client: bankIP, from: "joe@bank.signed", text: spoofed, monitor: ok, enforce: ok, results: "spf=pass spf=pass dkim=none arc=none dmarc=pass"},
		{
			name: "null-sender", client: bankIP, text: bank, monitor: ok, enforce: ok,
			results: "spf=pass dkim=pass dkim=pass arc=none dmarc=pass", signed: true,
		},
		{
			name: "spoofed", client: strangerIP, from: "joe@bank.signed", text: spoofed, monitor: ok,
			enforce: "550 5.7.26 DMARC policy of bank.signed rejects this message: neither SPF (fail, bank.signed) nor DKIM (no signature) passes for a domain aligned with the From address",
			results: "spf=fail spf=fail dkim=none arc=none dmarc=fail",
		},
		{
			name: "changed", client: strangerIP, from: "joe@plain.signed", text: strings.Replace(bank, "hello", "Hello", 1), monitor: ok,
			enforce: "550 5.7.26 DMARC policy of bank.signed rejects this message",
			results: "spf=fail spf=fail dkim=fail dkim=fail arc=none dmarc=fail",
		},
		{
			name: "quarantine", client: strangerIP, from: "joe@mild.signed", text: letter("boss@mild.signed", "", "pay\r\n"), monitor: ok, enforce: ok,
			results: "spf=fail spf=fail dkim=none arc=none dmarc=fail", held: true,
		},
		{
			name: "policy-none", client: strangerIP, from: "joe@plain.signed", text: letter("boss@plain.signed", "", "pay\r\n"), monitor: ok, enforce: ok,
			results: "spf=fail spf=fail dkim=none arc=none dmarc=fail",
		},
		{
			name: "no-policy", client: strangerIP, from: "joe@nobody.signed", text: letter("boss@nobody.signed", "", "buy\r\n"), monitor: ok, enforce: ok,
			results: "spf=none spf=fail dkim=none arc=none dmarc=none",
		},
		{
			name: "dns-down", client: strangerIP, from: "joe@down.signed", text: letter("boss@down.signed", "", "pay\r\n"), monitor: ok,
			enforce: "451 4.7.26 DMARC of down.signed cannot be evaluated now",
			results: "spf=fail spf=fail dkim=none arc=none dmarc=temperror",
		},
		{
			name: "dns-forged", client: strangerIP, from: "joe@forged.signed", text: letter("boss@forged.signed", "", "pay\r\n"), monitor: ok,
			enforce: "451 4.7.26 DMARC of forged.signed cannot be evaluated now",
			results: "spf=fail spf=fail dkim=none arc=none dmarc=temperror",
		},
		{
			name: "two-authors", client: strangerIP, from: "joe@bank.signed", text: letter("a@bank.signed, b@mild.signed", "", "pay\r\n"), monitor: ok,
			enforce: "550 5.7.26 DMARC policy of bank.signed rejects this message", results: "spf=fail spf=fail dkim=none arc=none dmarc=fail",
		},
		{
			// As readers see it who decode encoded-words first.
			name: "encoded-author", client: strangerIP, from: "joe@plain.signed", text: letter("boss@=?utf-8?q?bank.signed?=", "", "pay\r\n"), monitor: ok,
			enforce: "550 5.7.26 DMARC policy of bank.signed rejects this message", results: "spf=fail spf=fail dkim=none arc=none dmarc=fail",
		},
		{
			name: "behind-a-crowd", client: strangerIP, from: "joe@plain.signed", monitor: ok, enforce: ok, held: true,
			text:    letter(strings.Repeat("a@plain.signed,\r\n ", 100)+"boss@bank.signed", "", "pay\r\n"),
			results: "spf=fail spf=fail dkim=none arc=none dmarc=permerror",
		},
		{
			name: "forged-results", client: bankIP, from: "joe@bank.signed", text: forged + bank, rest: kept + bank, monitor: ok, enforce: ok,
			results: passes, signed: true,
		},
		{
			name: "results-in-body", client: bankIP, from: "joe@bank.signed",
			text:    letter("a@bank.signed", "", "Authentication-Results: mx.rcpt.signed; dmarc=pass\r\n\r\nAuthentication-Results: mx.rcpt.signed; dmarc=pass\r\n"),
			monitor: ok, enforce: ok, results: "spf=pass spf=pass dkim=none arc=none dmarc=pass",
		},
		{
			name: "ours-from-outside", client: strangerIP, from: "ann@out.signed", text: letter("ann@out.signed", "", "pay\r\n"), monitor: ok,
			enforce: "550 5.7.26 DMARC policy of out.signed rejects this message", results: "spf=none spf=fail dkim=none arc=none dmarc=fail",
		},
	}
}

// opened takes a delivered message apart: our results, which must be at the very
// top, above the Received field of Postfix, and the rest as it was sent.
func opened(t *testing.T, text string) (results, rest string) {
	t.Helper()
	const enough = 64 << 10 // a header may be over the limits
	h := readMessage(t, text[:min(len(text), enough)]).Header
	ours := authres.Find(h, serveID)
	if len(ours) != 1 || len(h.Fields) < 2 || !h.Fields[0].Is(authres.FieldName) || !h.Fields[1].Is("Received") {
		t.Fatalf("delivered with %d fields of ours, not on top and above Received:\n%.2000s", len(ours), text)
	}
	var words []string
	for _, r := range ours[0].Results {
		words = append(words, r.Method+"="+r.Value)
	}
	top := len(h.Fields[0].Raw) + len(h.Fields[1].Raw)
	return strings.Join(words, " "), text[top:]
}

// TestFilterInbound sends genuine and forged mail through Postfix to waxseal serve
// in monitor and in enforce, and looks at what comes out behind it.
func TestFilterInbound(t *testing.T) {
	b := filterAlone(t)
	if b == nil {
		return
	}
	for _, row := range b.inboundRows(t) {
		want := row.rest
		if want == "" {
			want = row.text
		}
		check := func(t *testing.T, port, reply string, held bool) {
			got := talk(t, row.client, port).send(row.from, row.text)
			same(t, "reply", cutReply(got, reply), reply)
			if !strings.HasPrefix(reply, "250") {
				return
			}
			if held {
				b.release(t, queued(t, got))
			}
			text := b.next(t).Text
			results, rest := opened(t, text)
			same(t, "results", results, row.results)
			sameText(t, "rest", rest, want)
			if row.signed {
				b.elsewhere(t, text, "bank.signed/rsa bank.signed/ed")
			}
		}
		t.Run(row.name+"/monitor", func(t *testing.T) { check(t, monitorPort, row.monitor, false) })
		t.Run(row.name+"/enforce", func(t *testing.T) { check(t, enforcePort, row.enforce, row.held) })
	}
	b.nothing(t)
}

// release lets a message out of the queue in which quarantine has put it.
func (b *filterBed) release(t *testing.T, id string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("/var/spool/postfix/hold", id)); err != nil {
		t.Fatalf("not held: %v", err)
	}
	run(t, "postsuper", "-H", id)
	run(t, "postqueue", "-i", id)
}
