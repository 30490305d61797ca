package conformance

import (
	"bytes"
	"fmt"
	"strings"
)

// corpusHeader has what the canonicalizations treat: folding, runs of white
// space, a name in capitals, an empty value, bytes outside ASCII and a field that
// stands there twice.
const corpusHeader = "Received: from a.example.org by b.example.org;\r\n\tMon, 2 Mar 2026 10:00:00 +0000\r\n" +
	"Received: from c.example.org by a.example.org;\r\n    Mon, 2 Mar 2026 09:59:59 +0000\r\n" +
	"FROM: \"J. Doe\"  <joe@" + peerDomain + ">\r\n" +
	"To:\tann@example.net,\r\n\t bob@example.net \r\n" +
	"Subject:   gr\xc3\xbc\xc3\x9fe \t from\r\n  \t here\t\r\n" +
	"Date:Mon, 2 Mar 2026 10:00:00 +0000\r\n" +
	"Message-ID: <corpus.1@peers.example.org>\r\n" +
	"X-Empty:\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: text/plain;\r\n charset=utf-8\r\n"

// sample is a header or a body with a name that skips.tsv can hold.
type sample struct{ name, text string }

// corpusBodies returns the bodies that every canonicalization is tried on.
func corpusBodies() []sample {
	return []sample{
		{"plain", "Hello,\r\n\r\nworld.\r\n"},
		{"empty", ""},
		{"one-crlf", "\r\n"},
		{"blank-lines", "\r\n\r\n\r\n"},
		{"no-final-crlf", "Hello,\r\nworld."},
		{"no-crlf", "Hello, world."},
		{"trailing-blank-lines", "Hello\r\n\r\n\r\n\r\n"},
		{"leading-blank-lines", "\r\n\r\nHello\r\n"},
		{"trailing-wsp", "Hello \t\r\n\tworld  \t of \t mail\t\r\n \r\nend\t \r\n"},
		{"wsp-lines-at-end", "Hello\r\n \t\r\n\t\r\n  \r\n"},
		{"wsp-lines-alone", " \t\r\n\t\r\n"},
		{"wsp-at-end-no-crlf", "Hello\r\nworld \t"},
		{"wsp-alone-no-crlf", " \t"},
		{"utf-8", "Gr\xc3\xbc\xc3\x9fe aus K\xc3\xb6ln \xe2\x82\xac\r\n"},
		{"latin-1", "Gr\xfc\xdfe \xa0\r\n\xff\xfe \xa0\r\n"},
		{"controls", "a\f\r\n\vb \f \r\nc\x00d\x00\r\n\x1f\x7f\r\n"},
		{"dots", ".\r\n..\r\n. .\r\n"},
		{"long-line", strings.Repeat("0123456789 ", 10_000) + "\r\n"},
		{"1-mb", megabyte()},
	}
}

// oddHeaders are headers that canonicalizations may differ about.
func oddHeaders() []sample {
	const from = "From: joe@" + peerDomain + "\r\n"
	return []sample{
		{"folded-after-colon", from + "Subject:\r\n folded\r\n"},
		{"folded-in-white-space", from + "Subject: a\r\n \r\n \t\r\n b\r\n"},
		{"white-space-value", from + "Subject: \t \r\n"},
		{"no-value", from + "Subject:\r\nDate:\r\n"},
		{"space-before-colon", from + "Subject : a\r\n"},
		{"tab-before-colon", from + "Subject\t: a\r\n"},
		{"capitals", "FROM: joe@" + peerDomain + "\r\nsUBJECT: a\r\n"},
		{"vertical-white-space", from + "Subject: \va\f \v\r\n"},
		{"nbsp", from + "Subject: \xc2\xa0a\xc2\xa0\r\nTo: \xa0x@example.net\xa0\r\n"},
		{"latin-1", from + "Subject: gr\xfc\xdfe\r\n"},
		{"colons", from + "Subject: : a : b:\r\n"},
		{"several-of-a-name", from + "To: a@example.net\r\nSubject: 1\r\nTo: b@example.net\r\nSubject: 2\r\nto: c@example.net\r\n"},
		{"long-line", from + fmt.Sprintf("Subject: %0990d\r\n", 1)},
		{"other-signature", from + "DKIM-Signature: v=1; a=rsa-sha256; d=other.example.org; s=other; h=from; bh=AA==; b=AAAA\r\nSubject: a\r\n"},
	}
}

// megabyte returns a body of 1 MB whose lines end in and have runs of white space.
func megabyte() string {
	var b bytes.Buffer
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "line %d%s of  the\tbody%s\r\n", i, strings.Repeat(" ", i%7), strings.Repeat("\t ", i%3))
		if i%50 == 0 {
			b.WriteString("\r\n \r\n")
		}
	}
	return b.String()
}

// tampering is one change to a signed message that no signature may survive.
type tampering struct {
	name   string
	change func(msg string) string
}

// tamperings are those for a message: fewer for a large one, with which the peers
// are slow.
func tamperings(msg string) []tampering {
	replace := func(what, with string) func(string) string {
		return func(msg string) string { return strings.Replace(msg, what, with, 1) }
	}
	all := []tampering{
		{"body-ends-otherwise", func(msg string) string { return msg + "x\r\n" }},
		{"body-begins-otherwise", replace("\r\n\r\n", "\r\n\r\nx\r\n")},
		{"field-changed", replace("<joe@", "<jim@")},
		{"field-removed", replace("Date:Mon, 2 Mar 2026 10:00:00 +0000\r\n", "")},
		{"field-added", replace("FROM:", "From: <eve@example.net>\r\nFROM:")},
	}
	const large = 1 << 19
	if len(msg) > large {
		return all[:1]
	}
	return all
}
