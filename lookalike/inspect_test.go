package lookalike

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

// tester is the Inspector of a company that the tests are about.
func tester() *Inspector {
	return &Inspector{Protected: Protected{
		Domains: []domain.Name{"waxworks.example", "waxworks.org"},
		People: []Person{
			{Names: []string{"Jane Doe", "Janie Doe"}, Addresses: []string{"jane@waxworks.example", "jdoe@gmail.com"}},
			{Names: []string{"John Roe"}, Addresses: []string{"john@waxworks.example"}},
			{Names: []string{"John Roe"}, Addresses: []string{"roe@corp.test"}},
			{Names: []string{"Ilya Miller"}, Addresses: []string{"ilya@waxworks.example"}},
			{Names: []string{"José Núñez"}, Addresses: []string{"jose@waxworks.example"}},
			{Names: []string{"Иван Петров"}, Addresses: []string{"ivan@waxworks.example"}},
		},
		Aliases: [][]domain.Name{{"partner.example", "partner.test"}},
	}}
}

// input makes the Input of a message to ann@waxworks.example from the lines of
// its header. A line "DMARC:" is the result, "DKIM:" and "SPF:" are identifiers
// that passed: the domain, then perhaps "aligned" and a mechanism.
func input(t testing.TB, lines string) Input {
	t.Helper()
	in := Input{Recipients: []string{"ann@waxworks.example", "ann@gmail.com"}}
	var raw strings.Builder
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		words := strings.Fields(value)
		switch name {
		case "DMARC":
			in.DMARC = value
		case "DKIM", "SPF":
			id := Identifier{Method: strings.ToLower(name), Domain: domain.Name(words[0]), Result: "pass"}
			for _, w := range words[1:] {
				if w == "aligned" {
					id.Aligned = true
				} else {
					id.Mechanism = w
				}
			}
			in.Identifiers = append(in.Identifiers, id)
		default:
			raw.WriteString(line + "\r\n")
		}
	}
	h, err := message.ParseHeader([]byte(raw.String()))
	if err != nil {
		t.Fatal(err)
	}
	in.ReadHeader(h)
	return in
}

// found lists the findings as "ID severity: shown" and what was protected.
func found(fs []Finding) []string {
	var out []string
	for _, f := range fs {
		s := string(f.ID) + " " + string(f.Severity)
		if f.Evidence.Protected != "" {
			s += " " + f.Evidence.Protected
		}
		if f.Evidence.Method != "" {
			s += " (" + f.Evidence.Method + ")"
		}
		out = append(out, s)
	}
	return out
}

type row struct {
	name  string
	lines string
	want  string // the findings, joined by "; "
}

func run(t *testing.T, rows []row) {
	t.Helper()
	p := tester()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			in := input(t, r.lines)
			fs := p.Inspect(in)
			if diff := cmp.Diff(strings.Join(found(fs), "; "), r.want); diff != "" {
				t.Errorf("%s: got (-) want (+):\n%s", r.lines, diff)
			}
			checkFindings(t, in, fs)
		})
	}
}

// checkFindings holds what is true of every finding.
func checkFindings(t *testing.T, in Input, fs []Finding) {
	t.Helper()
	if len(fs) > MaxFindings {
		t.Errorf("%d findings", len(fs))
	}
	for _, f := range fs {
		e := f.Evidence
		if f.Score != f.Severity.Score() || f.Text == "" || !strings.HasSuffix(f.Text, ".") {
			t.Errorf("%s: score %d, text %q", f.ID, f.Score, f.Text)
		}
		if e.NotExempt == "" && f.ID.Group() != "FROM" {
			t.Errorf("%s: nothing says why it is not exempt", f.ID)
		}
		for _, r := range f.Text + e.String() {
			if r < ' ' || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 || r == 0x200b {
				t.Errorf("%s: %U goes to the screen: %q", f.ID, r, f.Text)
			}
		}
		if e.Start < 0 || e.End < e.Start || len(e.CodePoints) > MaxCodePoints {
			t.Errorf("%s: evidence %+v", f.ID, e)
		}
		if f.ID.Group() == "NAME" {
			ok := false
			for _, a := range in.Author.Addresses {
				ok = ok || e.End <= len(a.Display) && a.Display[e.Start:e.End] == e.Shown
			}
			if !ok {
				t.Errorf("%s: %q does not stand at %d", f.ID, e.Shown, e.Start)
			}
		}
	}
}

func TestNameAddr(t *testing.T) {
	run(t, []row{
		{"recipient", `From: "boss@waxworks.example" <x@evil.test>`, "NAME-ADDR-RCPT high waxworks.example"},
		{"own-other", `From: "boss@mail.waxworks.org" <x@evil.test>`, "NAME-ADDR-RCPT high mail.waxworks.org"},
		{"recipient-free", `From: "Ann@gmail.com" <x@evil.test>`, "NAME-ADDR-RCPT high gmail.com"},
		{"free-provider", `From: "bob@gmail.com" <x@evil.test>`, "NAME-ADDR medium gmail.com"},
		{"other", `From: "ceo@acme.test" <x@evil.test>`, "NAME-ADDR medium acme.test"},
		{"encoded", "From: =?utf-8?q?service=40acme=2Etest?= <x@evil.test>", "NAME-ADDR medium acme.test"},
		{"wide-at", "From: =?utf-8?b?Y2Vv77ygYWNtZS50ZXN0?= <x@evil.test>", "NAME-ADDR medium acme.test"},
		{"comment", "From: x@evil.test (ceo@acme.test)", "NAME-ADDR medium acme.test"},
		{"itself", `From: "x@evil.test" <x@evil.test>`, ""},
		{"same-org", `From: "x@mail.acme.test" <x@acme.test>`, ""},
		{"alias", `From: "x@partner.test" <x@partner.example>`, ""},
		{"own-alias", `From: "x@waxworks.org" <x@waxworks.example>`, ""},
		{"list-via", "From: \"ceo@acme.test via crew\" <crew@lists.test>\nList-Id: <crew.lists.test>", ""},
		{"list-without-via", "From: \"ceo@acme.test\" <crew@lists.test>\nList-Id: <crew.lists.test>", "NAME-ADDR medium acme.test"},
		{"via-without-list", `From: "ceo@acme.test via crew" <crew@lists.test>`, "NAME-ADDR medium acme.test"},
		{"calendar", "From: \"ceo@acme.test (Google Calendar)\" <calendar-notification@google.com>\nReply-To: ceo@acme.test\nDMARC: pass", "REPLY-ORG low"},
		{
			"calendar-forged", "From: \"ceo@acme.test (Google Calendar)\" <calendar-notification@google.com>\nReply-To: ceo@acme.test\nDMARC: fail",
			"NAME-ADDR medium acme.test; REPLY-ORG low",
		},
		{"no-host", `From: "me @ home" <x@evil.test>`, ""},
		{"no-domain", `From: "a@b" <x@evil.test>`, ""},
		{"own-authenticated", "From: \"ceo@acme.test\" <ann@waxworks.example>\nDMARC: pass", ""},
	})
}

func TestNameDomain(t *testing.T) {
	run(t, []row{
		{"other", `From: Big-Bank.com <x@evil.test>`, "NAME-DOMAIN medium big-bank.com"},
		{"below", `From: "www.bank.co.uk service" <x@evil.test>`, "NAME-DOMAIN medium bank.co.uk"},
		{"recipient", `From: "waxworks.example mail" <x@evil.com>`, ""}, // .example is in no list
		{"recipient-listed", `From: "waxworks.org mail" <x@evil.com>`, "NAME-RCPT medium waxworks.org"},
		{"same-label", `From: "Acme.com" <x@acme.de>`, "NAME-DOMAIN low acme.com"},
		{"same-org", `From: "Acme.com" <x@mail.acme.com>`, ""},
		{"initials", `From: "J.Co" <x@evil.test>`, ""},
		{"no-suffix", `From: "fo- private Node.js" <x@evil.test>`, ""},
		{"local-part", `From: "chen.li" <chen.li@evil.test>`, ""},
		{"technology", `From: "ASP.NET Weekly" <x@evil.test>`, ""},
		{"suffix-alone", `From: "co.uk" <x@evil.test>`, ""},
		{"in-address", `From: "a@bank.com" <x@evil.test>`, "NAME-ADDR medium bank.com"},
		{"own-name", `From: Waxworks IT Support <x@evil.test>`, "NAME-RCPT medium waxworks (exact)"},
		{
			"own-name-hidden", "From: =?utf-8?q?W=D0=B0xworks_Support?= <x@evil.test>",
			"NAME-MIXED medium; NAME-RCPT medium waxworks (skeleton)",
		},
		{"own-name-alone", `From: Notes for Waxworks <x@evil.test>`, ""},
		{"own-name-own-domain", `From: Waxworks IT Support <it@waxworks.example>`, ""},
	})
}

func TestNameVIP(t *testing.T) {
	run(t, []row{
		{"plain", `From: Jane Doe <ceo.mail@gmail.com>`, "NAME-VIP high Jane Doe (exact)"},
		{"case", `From: JANE DOE <x@evil.test>`, "NAME-VIP high Jane Doe (exact)"},
		{"reversed", `From: "Doe, Jane" <x@evil.test>`, "NAME-VIP high Jane Doe (exact)"},
		{"nick", `From: Janie Doe <x@evil.test>`, "NAME-VIP high Janie Doe (exact)"},
		{"namesake", `From: John Roe <john2@evil.test>`, "NAME-VIP high John Roe (exact)"},
		{"namesake-known", "From: John Roe <roe@corp.test>\nDMARC: pass", ""},
		{"title", `From: "Jane Doe (CEO)" <x@evil.test>`, "NAME-VIP high Jane Doe (exact)"},
		{"title-before", `From: "Dr. Jane Doe, Acme" <x@evil.test>`, "NAME-VIP high Jane Doe (exact)"},
		{"dash", `From: "Jane Doe - Waxworks" <x@evil.test>`, "NAME-VIP high Jane Doe (exact)"},
		{"middle", `From: Jane Q. Doe <x@evil.test>`, "NAME-VIP high Jane Doe (exact)"},
		{"initial", `From: J. Doe <x@evil.test>`, "NAME-VIP medium Jane Doe (initial)"},
		{"confusable", "From: =?utf-8?q?J=D0=B0ne_Doe?= <x@evil.test>", "NAME-MIXED medium; NAME-VIP high Jane Doe (skeleton)"},
		{"capital-i", `From: llya MiIIer <x@evil.test>`, "NAME-VIP high Ilya Miller (skeleton)"},
		{"diacritics", `From: Jose Nunez <x@evil.test>`, "NAME-VIP high José Núñez (exact)"},
		{"cyrillic", "From: =?utf-8?b?0JjQstCw0L0g0J/QtdGC0YDQvtCy?= <x@evil.test>", "NAME-VIP high Иван Петров (exact)"},
		{"other-family", `From: Jane Doe Smith <x@evil.test>`, ""},
		{"other-given", `From: Mary Jane Doe <x@evil.test>`, ""},
		{"other-person", `From: John Doe <x@evil.test>`, ""},
		{"barred", `From: "Jane / Doe" <x@evil.test>`, ""},
		{"own-address", `From: Jane Doe <jane@waxworks.example>`, ""},
		{"own-address-authenticated", "From: Jane Doe <Jane@waxworks.example>\nDMARC: pass", ""},
		{"own-address-forged", "From: Jane Doe <jane@waxworks.example>\nDMARC: fail", "NAME-VIP high Jane Doe (exact)"},
		{"private-authenticated", "From: Jane Doe <jdoe@gmail.com>\nDMARC: pass", ""},
		{"private-by-dkim", "From: Jane Doe <jdoe@gmail.com>\nDMARC: none\nDKIM: gmail.com", ""},
		{"private-unauthenticated", `From: Jane Doe <jdoe@gmail.com>`, "NAME-VIP high Jane Doe (exact)"},
		{"colleague", "From: Jane Doe <jane2@waxworks.example>\nDMARC: pass", ""},
		{"list-via", "From: Jane Doe via crew <crew@lists.test>\nList-Id: <crew.lists.test>", ""},
	})
}

func TestNameBrand(t *testing.T) {
	run(t, []row{
		{"brand", `From: PayPal Service <x@evil.test>`, "NAME-BRAND medium PayPal (exact)"},
		{"two-words", `From: Wells Fargo <x@evil.test>`, "NAME-BRAND medium Wells Fargo (exact)"},
		{"grown-together", `From: WellsFargo <x@evil.test>`, "NAME-BRAND medium Wells Fargo (exact)"},
		{"own-domain", `From: PayPal <service@mail.paypal.com>`, ""},
		{"country", `From: PayPal <service@paypal.de>`, ""},
		{"freemail-of-brand", `From: Microsoft Support <x@outlook.com>`, "NAME-BRAND medium Microsoft (exact)"},
		{"colleague", "From: PayPal Payments <pay@waxworks.example>\nDMARC: pass", ""},
		{"list-via", "From: Ann PayPal via crew <crew@lists.test>\nList-Id: <crew.lists.test>", ""},
		{"word-alone", `From: Amazon <x@evil.test>`, "NAME-BRAND medium Amazon (exact)"},
		{"word-service", `From: Amazon Prime <x@evil.test>`, "NAME-BRAND medium Amazon (exact)"},
		{"word-other", `From: Apple Valley School <x@evil.test>`, ""},
		{"surname", `From: Chase Hutchins <x@evil.test>`, ""},
		{"surname-first", `From: David Norton <x@evil.test>`, ""},
		{"surname-service", `From: Norton Antivirus <x@evil.test>`, "NAME-BRAND medium Norton (exact)"},
		{"inside-word", `From: Supaypal <x@evil.test>`, ""},

		{"cyrillic", "From: =?utf-8?b?0JzQtXRh0Jxhc2s=?= <x@evil.test>", "NAME-MIXED medium; NAME-BRAND-CONF high MetaMask (skeleton)"}, // МеtaМask
		{"capital-i", `From: Trust WaIIet <x@evil.test>`, "NAME-BRAND-CONF high Trust Wallet (skeleton)"},
		{"zero", `From: Micr0soft <x@evil.test>`, "NAME-BRAND-CONF high Microsoft (skeleton)"},
		{"rn", `From: rnicrosoft <x@evil.test>`, "NAME-BRAND-CONF high Microsoft (skeleton)"},
		{"vv", `From: VValmart <x@evil.test>`, "NAME-BRAND-CONF high Walmart (skeleton)"},
		{"leet", `From: N37flix <x@evil.test>`, "NAME-BRAND-CONF high Netflix (leet)"},
		{"dollar", `From: U$P$ Delivery <x@evil.test>`, ""}, // too short to be sure of
		{"dollar-long", `From: Coinba$e <x@evil.test>`, "NAME-BRAND-CONF high Coinbase (leet)"},
		{"bar", `From: PayPa| <x@evil.test>`, "NAME-BRAND-CONF high PayPal (skeleton)"},
		{"spelled", `From: C o i n b a s e <x@evil.test>`, "NAME-BRAND-CONF high Coinbase (spacing)"},
		{"spelled-dots", `From: P.a.y.P.a.l support <x@evil.test>`, "NAME-BRAND-CONF high PayPal (spacing)"},
		{"cut", `From: Face Book <x@evil.test>`, "NAME-BRAND-CONF high Facebook (spacing)"},
		{"syriac-marks", "From: =?utf-8?b?QdyxbdyxYdyxetyxb9yxbg==?= <x@evil.test>", "NAME-BRAND-CONF high Amazon (skeleton)"},
		{"soft-hyphen", "From: =?utf-8?q?Pay=C2=ADPal?= <x@evil.test>", "NAME-INVIS high; NAME-BRAND-CONF high PayPal (skeleton)"},
		{"math", "From: =?utf-8?b?8J2Qj/CdkJrwnZCy8J2Qj/CdkJrwnZCl?= <x@evil.test>", "NAME-STYLED low; NAME-BRAND-CONF high PayPal (skeleton)"},
		{"small-capitals", "From: =?utf-8?b?4bSY4bSAyo/htJjhtIDKnw==?= <x@evil.test>", "NAME-STYLED low; NAME-BRAND-CONF high PayPal (skeleton)"},
		{"diacritics", "From: =?utf-8?q?P=C3=A0yp=C3=A0l?= <x@evil.test>", "NAME-BRAND medium PayPal (exact)"},
		{"in-disguise-at-home", "From: =?utf-8?q?Pay=C2=ADPal?= <x@paypal.com>", "NAME-INVIS high"},
		{"word-of-a-language", "From: =?utf-8?b?0YHQvtGB0L4g0LbRg9C6?= <x@evil.test>", ""}, // сосо жук
		{"spelled-other", `From: A B C D E <x@evil.test>`, ""},
		{"same-letters", `From: Paula Payne <x@evil.test>`, ""},
	})
}

func TestNameCharacters(t *testing.T) {
	run(t, []row{
		{"zero-width", "From: =?utf-8?b?QW4=?= =?utf-8?b?4oCLbg==?= <x@evil.test>", "NAME-INVIS high"},
		{"tags", "From: =?utf-8?b?QW5u86CBgfOggYI=?= <x@evil.test>", "NAME-INVIS high"},
		{"flag", "From: =?utf-8?b?8J+PtPOgga3zoIGl86CBtPOgga7zoIG/IEFubg==?= <x@evil.test>", ""},
		{"family-emoji", "From: =?utf-8?b?8J+RqOKAjfCfkanigI3wn5GnIEFubg==?= <x@evil.test>", ""},
		{"heart", "From: =?utf-8?b?4p2k77iPIEFubg==?= <x@evil.test>", ""},
		{"persian", "From: =?utf-8?b?2YXbjOKAjNiu2YjYp9mH2YU=?= <x@evil.test>", ""},
		{"latin-joiner", "From: =?utf-8?b?QW7igIxu?= <x@evil.test>", "NAME-INVIS high"},
		{"hebrew-mark", "From: =?utf-8?b?16nXnNeV150gIeKAjw==?= <x@evil.test>", ""},
		{"latin-mark", "From: =?utf-8?b?QW5u4oCP?= <x@evil.test>", "NAME-INVIS high"},
		{"override", "From: =?utf-8?b?QW7igK5u?= <x@evil.test>", "NAME-BIDI high"},
		{"isolate", "From: =?utf-8?b?QW7igaZu?= <x@evil.test>", "NAME-BIDI high"},
		{"hebrew-isolate", "From: =?utf-8?b?4oGn16nXnNeV1d2B4oGp?= <x@evil.test>", "NAME-BIDI low"},
		{"cyrillic-in-latin", "From: =?utf-8?b?QdC9bg==?= <x@evil.test>", "NAME-MIXED medium"},
		{"two-words", "From: =?utf-8?b?QW5uINCQ0L3QvdCw?= <x@evil.test>", ""},
		{"hyphen", "From: =?utf-8?b?SVQt0L7RgtC00LXQuw==?= <x@evil.test>", ""},
		{"japanese", "From: =?utf-8?b?SlRC5peF6KGM44K144O844OT44K5?= <x@evil.test>", ""},
		{"fullwidth-japanese", "From: =?utf-8?b?77yq77y077yi5peF6KGM?= <x@evil.test>", ""},
		{"fullwidth", "From: =?utf-8?b?77yh772O772O?= <x@evil.test>", "NAME-STYLED low"},
		{"one-styled", "From: =?utf-8?b?QW5uIPCdkIA=?= <x@evil.test>", ""},
		{"umlauts", "From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <x@evil.test>", ""},
		{"vietnamese", "From: =?utf-8?b?Tmd1eeG7hW4gVsSDbiBBbmg=?= <x@evil.test>", ""},
		{"micro", "From: =?utf-8?q?=C2=B5Torrent?= <x@evil.test>", ""},
	})
}

func TestDomain(t *testing.T) {
	run(t, []row{
		{"skeleton-digit", `From: x@waxw0rks.test`, "DOM-SKEL high waxworks.example (skeleton)"},
		{"skeleton-idn", "From: x@w\u0430xworks.test", "DOM-MIXED medium; DOM-SKEL high waxworks.example (skeleton)"},
		{"skeleton-brand", `From: x@paypa1.test`, "DOM-SKEL high paypal.com (skeleton)"},
		{"skeleton-rn", `From: x@rnicrosoft.com`, "DOM-SKEL high microsoft.com (skeleton)"},
		{"skeleton-diacritic", "From: x@paypàl.com", "DOM-SKEL high paypal.com (skeleton)"},
		{"short-letters", `From: x@att.test`, ""},
		{"edit-missing", `From: x@waxwrks.test`, "DOM-EDIT1 medium waxworks.example (edit)"},
		{"edit-more", `From: x@waxwoorks.test`, "DOM-EDIT1 medium waxworks.example (edit)"},
		{"edit-other", `From: x@waxworms.test`, "DOM-EDIT1 medium waxworks.example (edit)"},
		{"edit-swap", `From: x@waxwokrs.test`, "DOM-EDIT1 medium waxworks.example (edit)"},
		{"edit-first", `From: x@axworks.test`, "DOM-EDIT1 medium waxworks.example (edit)"},
		{"edit-two", `From: x@waxworm.test`, ""},
		{"edit-short", `From: x@uspss.test`, ""},
		{"edit-word", `From: x@amazin.horse`, ""},
		{"combo", `From: x@waxworks-login.test`, "DOM-COMBO medium waxworks.example (combination)"},
		{"combo-other", `From: x@waxworks-news.test`, "DOM-COMBO low waxworks.example (combination)"},
		{"combo-short", `From: x@ups-tracking.test`, "DOM-COMBO medium ups.com (combination)"},
		{"combo-short-other", `From: x@dhl-museum.test`, ""},
		{"combo-surname", `From: x@chase-hutchins.test`, ""},
		{"combo-grown", `From: x@paypalsecurity.test`, "DOM-COMBO medium paypal.com (combination)"},
		{"combo-grown-before", `From: x@securepaypal.test`, "DOM-COMBO medium paypal.com (combination)"},
		{"combo-labs", `From: x@walmartlabs.com`, ""},
		{"combo-ledger", `From: x@ledgersmb.org`, ""},
		{"edit-hyphen", `From: x@pay-pal.test`, "DOM-EDIT1 medium paypal.com (edit)"},
		{"combo-hyphens", `From: x@p-ay-pal.test`, "DOM-COMBO medium paypal.com (spacing)"},
		{"sub-full", `From: x@paypal.com.evil.test`, "DOM-SUB high paypal.com (exact)"},
		{"sub-label", `From: x@paypal.evil.test`, "DOM-SUB low paypal.com (exact)"},
		{"sub-product", `From: x@azure.humbug.test`, ""},
		{"tld-product", `From: x@office.test`, ""},
		{"sub-word", `From: x@amazon.evil.test`, ""},
		{"tld", `From: x@waxworks.test`, "DOM-TLD low waxworks.example (exact)"},
		{"tld-word", `From: x@apple.test`, ""},
		{"own", `From: x@mail.waxworks.org`, ""},
		{"brand", `From: x@service.paypal.com`, ""},
		{"googlemail", `From: x@googlemail.com`, ""},
		{"whole-script", "From: x@сосо.com", "DOM-MIXED low"},
		{"whole-script-suffix", "From: x@сосо.рф", ""},
		{"russian", "From: x@почта.com", ""},
		{"german", "From: x@bücher.com", ""},
		{"tenant", `From: x@acme.onmicrosoft.com`, "DOM-TENANT info onmicrosoft.com"},
		{"tenant-platform", `From: x@onmicrosoft.com`, ""},
	})
}

func TestReplyTo(t *testing.T) {
	run(t, []row{
		{"same", "From: x@acme.test\nReply-To: y@mail.acme.test", ""},
		{"alias", "From: x@partner.test\nReply-To: y@partner.example", ""},
		{"look", "From: x@northwind.test\nReply-To: y@n0rthwind.test", "REPLY-LOOK high northwind.test (skeleton)"},
		{"look-edit", "From: x@northwind.test\nReply-To: y@northwnd.test", "REPLY-LOOK high northwind.test (edit)"},
		{"look-own", "From: x@acme.test\nReply-To: y@vvaxworks.test", "REPLY-LOOK high waxworks.example (skeleton)"},
		{"look-own-edit", "From: x@acme.test\nReply-To: y@waxwork.test", "REPLY-LOOK high waxworks.example (edit)"},
		{"free", "From: x@acme.test\nReply-To: y@gmail.com", "REPLY-FREE medium"},
		{"free-from-free", "From: x@yahoo.com\nReply-To: y@gmail.com", "REPLY-ORG low"},
		{"free-list", "From: x@acme.test\nReply-To: y@gmail.com\nList-Id: <crew.acme.test>", ""},
		{"free-program", "From: x@acme.test\nReply-To: y@gmail.com\nAuto-Submitted: auto-generated", ""},
		{"free-person", "From: x@acme.test\nReply-To: y@gmail.com\nAuto-Submitted: no", "REPLY-FREE medium"},
		{"free-form", "From: noreply@acme.test\nReply-To: y@gmail.com\nDMARC: pass", ""},
		{"free-form-forged", "From: noreply@acme.test\nReply-To: y@gmail.com\nDMARC: fail", "REPLY-FREE medium"},
		{"free-own-form", "From: web@waxworks.example\nReply-To: y@gmail.com\nDMARC: pass", ""},
		{"org", "From: x@acme.test\nReply-To: y@other.test", "REPLY-ORG low"},
		{"org-recipient", "From: x@acme.test\nReply-To: y@waxworks.example", ""},
		{"several", "From: x@acme.test\nReply-To: y@acme.test, z@gmail.com", "REPLY-FREE medium"},
		{"two-fields", "From: x@acme.test\nReply-To: y@acme.test\nReply-To: z@gmail.com", "REPLY-FREE medium"},
	})
}

func TestFrom(t *testing.T) {
	run(t, []row{
		{"none", "To: a@b.test", "FROM-NONE high"},
		{"empty-group", "From: nobody:;", "FROM-NONE high"},
		{"fields", "From: x@acme.test\nFrom: y@acme.test", "FROM-MULTI high"},
		{"mailboxes", "From: x@acme.test, y@acme.test", "FROM-MULTI high"},
		{"mailboxes-sender", "From: x@acme.test, y@acme.test\nSender: x@acme.test\nDMARC: pass", "FROM-MULTI low"},
		{"mailboxes-forged-sender", "From: x@acme.test, y@acme.test\nSender: x@acme.test", "FROM-MULTI high"},
		{"mailboxes-other-sender", "From: x@acme.test, y@acme.test\nSender: x@evil.test", "FROM-MULTI high"},
		{"ambiguous", "From: ceo@acme.test <x@evil.test>", "FROM-AMBIG high; NAME-ADDR medium acme.test"},
		{"route", "From: <@acme.test:x@evil.test>", "FROM-AMBIG high"},
		{"shown", `From: "x@acme.test" <x@mail.acme.test>`, ""},
		{"one", "From: Ann <x@acme.test>", ""},
	})
}

func TestAuthShared(t *testing.T) {
	const base = "From: x@acme.test\n"
	run(t, []row{
		{"own-signature", base + "DMARC: pass\nDKIM: acme.test aligned", ""},
		{"spf-of-service", base + "DMARC: pass\nSPF: bounce.acme.test aligned include:sendgrid.net", "AUTH-SHARED info sendgrid.net"},
		{"spf-of-service-below", base + "DMARC: pass\nSPF: acme.test aligned include:u1.wl.SendGrid.net", "AUTH-SHARED info sendgrid.net"},
		{"spf-own-servers", base + "DMARC: pass\nSPF: acme.test aligned ip4:192.0.2.1", ""},
		{"service-alone", base + "DMARC: none\nDKIM: amazonses.com\nSPF: amazonses.com", "AUTH-SHARED info amazonses.com"},
		{"both", base + "DMARC: pass\nDKIM: acme.test aligned\nDKIM: amazonses.com", "AUTH-SHARED info amazonses.com"},
		{"spf-and-own-signature", base + "DMARC: pass\nDKIM: acme.test aligned\nSPF: acme.test aligned include:sendgrid.net", ""},
		{
			"beside-another", "From: PayPal <x@acme.test>\nDMARC: pass\nDKIM: acme.test aligned\nDKIM: amazonses.com",
			"NAME-BRAND medium PayPal (exact); AUTH-SHARED medium amazonses.com",
		},
	})
}
