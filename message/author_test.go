package message

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show prints an Author in one line: the addresses, then the problem.
func show(a Author) string {
	var b strings.Builder
	for i, x := range a.Addresses {
		if i > 0 {
			b.WriteString(", ")
		}
		if x.Display != "" {
			fmt.Fprintf(&b, "%s ", x.Display)
		}
		fmt.Fprintf(&b, "<%s@%s%s>", x.Local, x.Domain, x.Literal)
	}
	if a.Problem != "" || a.Detail != "" {
		fmt.Fprintf(&b, " | %s: %s", a.Problem, a.Detail)
	}
	return b.String()
}

var authorTests = []struct{ name, in, want string }{
	// What all readers understand.
	{"plain", "From: a@b.example", "<a@b.example>"},
	{"angle", "From: Ann Bee <a@b.example>", "Ann Bee <a@b.example>"},
	{"tight", "From:Ann<a@b.example>", "Ann <a@b.example>"},
	{"quoted-name", `From: "Bee, Ann \"A\"" <a@b.example>`, `Bee, Ann "A" <a@b.example>`},
	{"via", `From: "'X, Y' via Z" <a@b.example>`, `'X, Y' via Z <a@b.example>`},
	{"dots-in-name", "From: Dr. A. Bee <a@b.example>", "Dr. A. Bee <a@b.example>"},
	{"brackets-in-name", "From: Ann [Team] <a@b.example>", "Ann [Team] <a@b.example>"},
	{"comment-name", "From: a@b.example (Ann (the) Bee)", "Ann Bee <a@b.example>"},
	{"comment-before", "From: (x) Ann (y) Bee <a@b.example> (z)", "Ann Bee <a@b.example>"},
	{"folded", "From: Ann\r\n\tBee\r\n <a@b.example>", "Ann Bee <a@b.example>"},
	{"case", "fROM: A@B.Example", "<A@b.example>"},
	{"dots-in-local", "From: .a..b.@b.example", "<.a..b.@b.example>"},
	{"quoted-local", `From: "a b"@b.example`, "<a b@b.example>"},
	{"literal", "From: a@[192.0.2.1]", "<a@[192.0.2.1]>"},
	{"same-shown", "From: a@b.example <a@b.example>", "a@b.example <a@b.example>"},
	{"same-domain-shown", `From: "info@b.example" <a@b.example>`, "info@b.example <a@b.example>"},
	{"utf8-domain", "From: a@b\u00fccher.example", "<a@xn--bcher-kva.example>"},
	{"utf8-local", "From: gr\u00e5@b.example", "<gr\u00e5@b.example>"},
	{"word-q", "From: =?utf-8?Q?J=C3=BCrgen?= <a@b.example>", "J\u00fcrgen <a@b.example>"},
	{"word-b-two", "From: =?ISO-8859-1?B?SvxyZ2Vu?= =?us-ascii?q?_Bee?= <a@b.example>", "J\u00fcrgen Bee <a@b.example>"},
	{"word-1252", "From: =?windows-1252?Q?=80?= <a@b.example>", "\u20ac <a@b.example>"},
	{"word-quoted", `From: "=?utf-8?Q?J=C3=BCrgen?=" <a@b.example>`, "J\u00fcrgen <a@b.example>"},
	{"word-unknown", "From: =?x-nope?Q?a?= =?utf-8?Q?b?= <a@b.example>", "=?x-nope?Q?a?= b <a@b.example>"},
	{"word-broken", "From: =?utf-8?Q?a <a@b.example>", "=?utf-8?Q?a <a@b.example>"},
	{"word-control", "From: =?utf-8?Q?a=0D=0AX_b=00?= <a@b.example>", "a\ufffd\ufffdX b\ufffd <a@b.example>"},
	{"raw-8-bit-name", "From: J\xfcrgen <a@b.example>", "J\xfcrgen <a@b.example>"},
	{"empty-elements", "From: , a@b.example,,", "<a@b.example>"},

	// Several.
	{"none", "To: a@b.example", " | no From field: the message has no From field"},
	{"two-fields", "From: a@b.example\r\nFrom: c@d.example", "<a@b.example>, <c@d.example> | several From fields: the message has 2 From fields"},
	{"two-authors", "From: a@b.example, Cee <c@d.example>", "<a@b.example>, Cee <c@d.example> | several mailboxes in From: From has 2 mailboxes"},
	{"group", "From: Us: a@b.example, c@d.example;", `<a@b.example>, <c@d.example> | several mailboxes in From: From has 2 mailboxes; the group "Us" is not a mailbox`},
	{"group-one", "From: Us: a@b.example;", `<a@b.example> | From is written so that readers may disagree: the group "Us" is not a mailbox`},
	{"group-open", "From: mailto:a@b.example", `<a@b.example> | From is written so that readers may disagree: the group "mailto" is not a mailbox`},
	{"group-empty", "From: undisclosed:;", ` | no mailbox in From: From has no address with a domain; the group "undisclosed" is not a mailbox`},

	// Nothing.
	{"empty", "From:", " | no mailbox in From: From has no address with a domain"},
	{"null", "From: <>", " | no mailbox in From: From has no address with a domain; the address in angle brackets has no domain"},
	{"null-domain", "From: <a@>", "<a@> | no mailbox in From: From has no address with a domain; the address has no domain"},
	{"word", "From: root", ` | no mailbox in From: From has no address with a domain; "root" is no address`},
	{"word-in-angle", "From: <root>", "<root@> | no mailbox in From: From has no address with a domain; the address in angle brackets has no domain"},
	{"encoded-address", "From: =?utf-8?B?YUBiLmV4YW1wbGU=?=", ` | no mailbox in From: From has no address with a domain; "=?utf-8?B?YUBiLmV4YW1wbGU=?=" is no address`},

	// What readers see differently.
	{"space-colon", "From : a@b.example", "<a@b.example> | From is written so that readers may disagree: white space stands before the colon of From"},
	{"space-before", " From: a@b.example\r\nFrom: c@d.example", `<a@b.example>, <c@d.example> | several From fields: the message has 2 From fields; the field name " From" is From with bytes that nobody sees`},
	{"nul-in-name", "Fr\x00om: a@b.example", `<a@b.example> | From is written so that readers may disagree: the field name "Fr\x00om" is From with bytes that nobody sees`},
	{"zwsp-in-name", "From\u200b: a@b.example", `<a@b.example> | From is written so that readers may disagree: the field name "From\u200b" is From with bytes that nobody sees`},
	{"bare-lf-field", "From: a@b.example\r\nX: y\nFrom: c@d.example", "<a@b.example>, <c@d.example> | several From fields: the message has 2 From fields; a From field stands behind a bare CR or LF"},
	{"bare-cr-field", "X: y\rFrom: c@d.example", "<c@d.example> | From is written so that readers may disagree: a From field stands behind a bare CR or LF"},
	{"bare-lf", "From: a@b.example\n", `<a@b.example> | From is written so that readers may disagree: there is a bare control character, '\n'`},
	{"shown-quoted", `From: "bank@bank.example" <a@b.example>`, `bank@bank.example <a@b.example> | another address is shown beside that of From: the display name shows another address, "bank@bank.example"`},
	{"encoded-beside", "From: =?utf-8?Q?a=40b.example?=, c@d.example", `<c@d.example>, <a@b.example> | From is written so that readers may disagree: "=?utf-8?Q?a=40b.example?=" is no address`},
	{"encoded-several", "From: =?utf-8?Q?a=40b.example=2Cx=40y.example?=, c@d.example", `<c@d.example>, <a@b.example>, <x@y.example> | From is written so that readers may disagree: "=?utf-8?Q?a=40b.example=2Cx=40y.example?=" is no address`},
	{"encoded-domain", "From: a@=?utf-8?Q?b.example?=", `<a@>, <a@b.example>, <a@utf-8qb.example> | From cannot be parsed: "=?utf-8?Q?b.example?=" is not a domain name`},
	{"encoded-domain-part", "From: a@b.=?utf-8?Q?example=40d.example=3E?=", `<a@>, <a@b.example>, <a@d.example>, <a@b>, <a@b.utf-8qexample40d.example3e> | From cannot be parsed: "b.=?utf-8?Q?example=40d.example=3E?=" is not a domain name`},
	{"shown-encoded", "From: =?utf-8?B?YmFua0BiYW5rLmV4YW1wbGU=?= <a@b.example>", `bank@bank.example <a@b.example> | another address is shown beside that of From: the display name shows another address, "bank@bank.example"`},
	{"shown-unquoted", "From: bank@bank.example <a@b.example>", `<bank@bank.example>, bank@bank.example <a@b.example> | From is written so that readers may disagree: "bank@bank.example" stands where the display name belongs`},
	{"shown-comment", "From: (bank@bank.example) a@b.example", `<a@b.example> | another address is shown beside that of From: a comment shows another address, "bank@bank.example"`},
	{"no-angle", "From: Ann Bee a@b.example", `Ann Bee <a@b.example> | From is written so that readers may disagree: the address after "Ann Bee" has no angle brackets`},
	{"two-at", "From: a@b.example@c.example", `<a@b.example>, <a@b.example@c.example> | From is written so that readers may disagree: the address has two @ signs: "a@b.example"`},
	{"two-angle", "From: <a@b.example> <c@d.example>", `<a@b.example>, <c@d.example> | several mailboxes in From: From has 2 mailboxes; there is text behind the address "<a@b.example>"`},
	{"comma-name", "From: Bee, Ann <a@b.example>", `Ann <a@b.example> | From is written so that readers may disagree: "Bee" is no address`},
	{"junk", "From: <a@b.example> junk", `<a@b.example> | From is written so that readers may disagree: there is text behind the address "<a@b.example>"`},
	{"semicolon", "From: a@b.example;", `<a@b.example> | From is written so that readers may disagree: a semicolon stands outside of a group`},
	{"quoted-at", `From: "a@b.example"@c.example`, `<a@b.example@c.example>, <a@b.example> | From is written so that readers may disagree: the local part "a@b.example" has characters that some readers take for syntax`},
	{"quoted-escape", `From: "a\@b.example, \"<"@c.example`, `<a@b.example, "<@c.example>, <a@b.example> | From is written so that readers may disagree: the local part "a@b.example, \"<" has characters that some readers take for syntax`},
	{"encoded-local", "From: <=?utf-8?Q?a=40b.example?=@c.example>", `<=?utf-8?Q?a=40b.example?=@c.example>, <a@b.example> | From is written so that readers may disagree: the local part "=?utf-8?Q?a=40b.example?=" has characters that some readers take for syntax`},
	{"raw-8-bit-local", "From: \xfc@c.example", "<\xfc@c.example> | From is written so that readers may disagree: the local part \"\\xfc\" has characters that some readers take for syntax"},
	{"route", "From: <@x.example,@y.example:a@b.example>", "<a@b.example>, <@x.example>, <@y.example> | From is written so that readers may disagree: the address has a source route"},
	{"obs-local", "From: a . b@c.example", `<a.b@c.example> | From is written so that readers may disagree: white space or a comment splits the local part "a . b"`},
	{"obs-domain", "From: <a@b . (x) example>", `<a@b.example> | From is written so that readers may disagree: white space or a comment splits the domain "b"`},
	{"comment-domain", "From: a@b.example(.c.example)", `.c.example <a@b.example> | From is written so that readers may disagree: a comment touches the domain "b.example"`},
	{"comment-at", "From: a(x)@(y)b.example", "<a@b.example> | From is written so that readers may disagree: white space or a comment stands before the @"},
	{"nul-in-local", "From: a\x00@b.example", `<a` + "\x00" + `@b.example> | From is written so that readers may disagree: there is a bare control character, '\x00'`},

	// What nobody can read.
	{"nul-in-domain", "From: a@b.example\x00.c.example", `<a@>, <a@b.example>, <a@b.example.c.example> | From cannot be parsed: "b.example\x00.c.example" is not a domain name; there is a bare control character, '\x00'`},
	{"nul-behind-domain", "From: <a@b.example\x00>", `<a@>, <a@b.example> | From cannot be parsed: "b.example\x00" is not a domain name; there is a bare control character, '\x00'`},
	{"percent-in-domain", "From: a@c.example%b.example", `<a@>, <a@c.example>, <a@c.exampleb.example> | From cannot be parsed: "c.example%b.example" is not a domain name`},
	{"dots-behind-domain", "From: a@b.example..", `<a@>, <a@b.example> | From cannot be parsed: "b.example.." is not a domain name`},
	{"raw-8-bit-domain", "From: a@\xfc.example", `<a@> | From cannot be parsed: "\xfc.example" is not a domain name`},
	{"open-quote", `From: "Ann <a@b.example>`, `"Ann <a@b.example> | From cannot be parsed: a quoted string is not closed`},
	{"open-comment", "From: (Ann <a@b.example>", `(Ann <a@b.example> | From cannot be parsed: a comment is not closed; '(' stands outside of a quoted string`},
	{"open-angle", "From: Ann <a@b.example", "Ann <a@b.example> | From cannot be parsed: an angle bracket is not closed behind the address"},
	{"open-literal", "From: a@[192.0.2.1", `<a@> | From cannot be parsed: an address literal is not closed; there is text behind the address "a@["`},
	{"list-in-angle", "From: <a@b.example, c@d.example>", `<a@b.example>, <c@d.example> | From cannot be parsed: an angle bracket is not closed behind the address; there is text behind the address "c@d.example"`},
	{"no-local", "From: <@b.example>", "<@b.example>, <@b.example> | From cannot be parsed: an address has no local part; the address has a source route"},
	{"deep-comment", "From: " + strings.Repeat("(", MaxCommentDepth+1) + strings.Repeat(")", MaxCommentDepth+1) + " a@b.example", strings.Repeat("(", MaxCommentDepth+1) + strings.Repeat(")", MaxCommentDepth+1) + ` <a@b.example> | From cannot be parsed: comments are nested more than 100 deep; '(' stands outside of a quoted string`},
}

func TestAuthor(t *testing.T) {
	for _, tt := range authorTests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := ParseHeader([]byte(tt.in + "\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(show(h.Author()), tt.want); diff != "" {
				t.Errorf("got (-) want (+):\n%s", diff)
			}
		})
	}
}

func TestParseAddressList(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"two", "Ann <a@b.example>, Us: c@d.example;", "Ann <a@b.example>, <c@d.example>"},
		{"route", "<@x.example:a@b.example>, \"a@b.example\"@c.example", "<a@b.example>, <a@b.example@c.example>"},
		{"broken", "<a@b.example, c@d.example", "<a@b.example>, <c@d.example> message: malformed address list: an angle bracket is not closed behind the address"},
		{"many", strings.Repeat("a@b.example,", MaxAddresses+1), strings.Repeat("<a@b.example>, ", MaxAddresses-1) + "<a@b.example> message: too many addresses: limit 1000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list, err := ParseAddressList([]byte(tt.in))
			got := show(Author{Addresses: list})
			if err != nil {
				got += " " + err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzAuthor(f *testing.F) {
	for _, tt := range authorTests {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ParseHeader(in)
		if err != nil {
			return
		}
		a := h.Author()
		if (a.Problem == "") != (a.Detail == "") {
			t.Errorf("problem %q without its detail %q", a.Problem, a.Detail)
		}
		if a.Problem == "" && (len(a.Addresses) != 1 || a.Fields != 1) {
			t.Errorf("no problem said of %d addresses in %d fields", len(a.Addresses), a.Fields)
		}
		for _, x := range a.Addresses {
			if !bytes.Contains(h.Raw, x.Raw) {
				t.Errorf("%q is not part of the header", x.Raw)
			}
		}
	})
}

// What is nested, repeated or never closed: a quadratic reader takes minutes.
func TestHostileAuthor(t *testing.T) {
	for _, unit := range []string{
		"(", ")", "(a", "\"", "\\\"", "\"\\", "<", "<@", "<@a,", "@", "a@", "a@b", "a@b,", "a@b<", "a@b(x@y)", "a@b (", ":", "a:", ";", ".", " .", "a .",
		"=?", "=?a?q?", "=?a?q?b?=", "=?windows-1252?q?b?= ", "a@[", "a@\u00fc", "\"a@b.c\"<a@d>", "()", "(@)", "a b ", "<a@b", "\x00", "\n", "\nFrom:a@b", "a@xn--",
	} {
		in := "From: " + strings.Repeat(unit, MaxFieldBytes/2/len(unit)) + "\r\n"
		h, err := ParseHeader([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if a := h.Author(); a.Problem == "" {
			t.Errorf("%q: no problem said", unit)
		}
	}
}

// Display names full of encoded-words whose character set nobody knows cost
// seconds when each of them was compared with all sets that there are.
func BenchmarkUnknownCharsets(b *testing.B) {
	field := "From: " + strings.Repeat("=?x-nope?q?a?= ", 1000) + "<a@b.example>\r\n"
	h, err := ParseHeader([]byte(field))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(field)))
	for b.Loop() {
		h.Author()
	}
}

func BenchmarkAuthor(b *testing.B) {
	h, err := ParseHeader([]byte("Received: from x\r\n by y; z\r\nSubject: s\r\nFrom: \"Ann Bee\" <a@mail.example.com>\r\nTo: <c@d.example>\r\n"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Author()
	}
}
