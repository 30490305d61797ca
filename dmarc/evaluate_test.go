package dmarc

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// row is one message against one zone.
type row struct {
	name string
	zone string
	from string
	ids  string
	want string
	fail string // names whose lookup times out
}

func run(t *testing.T, rows []row) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			z := newZone(t, tt.zone)
			for n := range strings.FieldsSeq(tt.fail) {
				z.fail[n] = resolver.Timeout
			}
			ev := &Evaluator{Resolver: z}
			e := ev.Evaluate(context.Background(), author(strings.Fields(tt.from)...), ids(tt.ids))
			if got := summary(&e); got != tt.want {
				t.Errorf("got  %s\nwant %s\nreason: %s", got, tt.want, e.Reason)
			}
			// What was asked once is known: the same result without a goroutine.
			known := &Evaluator{Resolver: &resolver.Cache{Resolver: z}, Records: &RecordCache{}}
			known.Evaluate(context.Background(), author(strings.Fields(tt.from)...), ids(tt.ids))
			again := known.Evaluate(context.Background(), author(strings.Fields(tt.from)...), ids(tt.ids))
			if summary(&again) != summary(&e) || again.Reason != e.Reason {
				t.Errorf("from the cache: got %s, want %s", summary(&again), summary(&e))
			}
		})
	}
}

const simple = `
_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@example.com"
mail.example.com.   A 192.0.2.1
a.mail.example.com. A 192.0.2.1
`

func TestPolicyDiscovery(t *testing.T) {
	psd := `
_dmarc.bank.example. TXT "v=DMARC1; p=reject; sp=quarantine; np=none; psd=y"
here.bank.example.   A 192.0.2.1
`
	run(t, []row{
		{name: "author-domain", zone: simple, from: "example.com", want: "fail org=example.com rec=example.com reject(p)"},
		{name: "org-domain-sp", zone: simple, from: "mail.example.com", want: "fail org=example.com rec=example.com quarantine(sp)"},
		{name: "sp-absent", zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject"`, from: "mail.example.com", want: "fail org=example.com rec=example.com reject(sp)"},
		{name: "author-before-org", zone: simple + `_dmarc.mail.example.com. TXT "v=DMARC1; p=none; sp=reject"`, from: "mail.example.com", want: "fail org=example.com rec=mail.example.com none(p)"},
		{name: "intermediate-not-used", zone: simple + `_dmarc.mail.example.com. TXT "v=DMARC1; p=none"`, from: "a.mail.example.com", want: "fail org=example.com rec=example.com quarantine(sp)"},
		{name: "psd-only", zone: psd, from: "here.bank.example", want: "fail org=here.bank.example rec=bank.example quarantine(sp)"},
		{name: "psd-only-np", zone: psd, from: "gone.bank.example", want: "fail org=gone.bank.example rec=bank.example none(np)"},
		{name: "psd-itself", zone: psd, from: "bank.example", want: "fail org=bank.example rec=bank.example reject(p)"},
		{name: "org-before-psd", zone: psd + `_dmarc.here.bank.example. TXT "v=DMARC1; p=none"`, from: "m.here.bank.example", want: "fail org=here.bank.example rec=here.bank.example none(sp)"},
		{name: "psd-below-org-without-record", zone: psd, from: "x.here.bank.example", want: "fail org=here.bank.example rec=bank.example none(np)"},
		{name: "tld-record", zone: `_dmarc.com. TXT "v=DMARC1; p=reject; psd=y"`, from: "example.com", want: "fail org=example.com rec=com reject(sp)"},
		{name: "no-record", zone: `example.com. A 192.0.2.1`, from: "mail.example.com", ids: "spf:mail.example.com", want: "none org=mail.example.com rec= none"},
		{name: "single-label", zone: `_dmarc.localhost. TXT "v=DMARC1; p=reject"`, from: "localhost", want: "fail org=localhost rec=localhost reject(p)"},
		{name: "long-name", zone: simple, from: strings.Repeat("a.", 120) + "example.com", want: "fail org=example.com rec=example.com quarantine(sp)"},
	})
}

func TestInvalidPolicy(t *testing.T) {
	at := func(rec string) string { return "a.example.com. A 192.0.2.1\n_dmarc.example.com. TXT \"" + rec + "\"" }
	const none = "none org=example.com rec=example.com none"
	run(t, []row{
		{name: "p-missing-rua", zone: at("v=DMARC1; rua=mailto:a@example.com"), from: "example.com", want: "fail org=example.com rec=example.com none(p)"},
		{name: "p-missing", zone: at("v=DMARC1"), from: "example.com", want: none},
		{name: "p-missing-bad-rua", zone: at("v=DMARC1; rua=a@example.com"), from: "example.com", want: none},
		{name: "p-missing-sp-kept", zone: at("v=DMARC1; sp=reject; rua=mailto:a@example.com"), from: "a.example.com", want: "fail org=example.com rec=example.com reject(sp)"},
		{name: "p-invalid-rua", zone: at("v=DMARC1; p=refuse; rua=mailto:a@example.com"), from: "example.com", want: "fail org=example.com rec=example.com none(p)"},
		{name: "p-invalid", zone: at("v=DMARC1; p=refuse"), from: "example.com", want: none},
		{name: "sp-invalid-rua", zone: at("v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com"), from: "example.com", want: "fail org=example.com rec=example.com none(p)"},
		{name: "sp-invalid", zone: at("v=DMARC1; p=reject; sp=x"), from: "example.com", want: none},
		{name: "np-invalid-rua", zone: at("v=DMARC1; p=reject; np=x; rua=mailto:a@example.com"), from: "a.example.com", want: "fail org=example.com rec=example.com none(sp)"},
		{name: "np-invalid", zone: at("v=DMARC1; p=reject; np=x"), from: "example.com", ids: "spf:example.com", want: none},
		{name: "p-twice", zone: at("v=DMARC1; p=none; p=reject; rua=mailto:a@example.com"), from: "example.com", want: "fail org=example.com rec=example.com none(p)"},
	})
}

func TestSeveralRecords(t *testing.T) {
	two := `
_dmarc.mail.example.com. TXT "v=DMARC1; p=none"
_dmarc.mail.example.com. TXT "v=DMARC1; p=reject; psd=n"
`
	run(t, []row{
		{name: "walk-continues", zone: simple + two, from: "mail.example.com", want: "fail org=example.com rec=example.com quarantine(sp)"},
		{name: "nothing-above", zone: two, from: "mail.example.com", want: "none org=mail.example.com rec= none"},
		{name: "other-txt-ignored", zone: simple + `_dmarc.mail.example.com. TXT "v=spf1 -all"
_dmarc.mail.example.com. TXT "v=DMARC1; p=none"
_dmarc.mail.example.com. TXT "v=DMARC2; p=none"
_dmarc.mail.example.com. TXT "p=reject; v=DMARC1"`, from: "mail.example.com", want: "fail org=example.com rec=mail.example.com none(p)"},
		{name: "strings-joined", zone: `_dmarc.example.com. TXT "v=DMA" "RC1; p=quar" "antine"`, from: "example.com", want: "fail org=example.com rec=example.com quarantine(p)"},
		{name: "alias", zone: "_dmarc.example.com. CNAME p.example.net.\np.example.net. TXT \"v=DMARC1; p=reject\"", from: "example.com", want: "fail org=example.com rec=example.com reject(p)"},
	})
}

func TestNonExistent(t *testing.T) {
	np := `
_dmarc.example.com.   TXT "v=DMARC1; p=none; sp=quarantine; np=reject"
here.example.com.     A 192.0.2.1
x.empty.example.com.  A 192.0.2.1
dangling.example.com. CNAME nowhere.example.net.
_dmarc.txt.example.com. TXT "not a record"
`
	const rec = " org=example.com rec=example.com "
	run(t, []row{
		{name: "nxdomain", zone: np, from: "gone.example.com", want: "fail" + rec + "reject(np)"},
		{name: "below-nxdomain", zone: np, from: "a.gone.example.com", want: "fail" + rec + "reject(np)"},
		{name: "nodata", zone: np, from: "here.example.com", want: "fail" + rec + "quarantine(sp)"},
		{name: "empty-non-terminal", zone: np, from: "empty.example.com", want: "fail" + rec + "quarantine(sp)"},
		{name: "dangling-alias", zone: np, from: "dangling.example.com", want: "fail" + rec + "quarantine(sp)"},
		{name: "below-dmarc-label", zone: np, from: "txt.example.com", want: "fail" + rec + "quarantine(sp)"},
		{name: "org-itself", zone: np, from: "example.com", want: "fail" + rec + "none(p)"},
		{name: "np-falls-to-sp", zone: simple, from: "gone.example.com", want: "fail" + rec + "quarantine(sp)"},
		{name: "np-falls-to-p", zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject"`, from: "gone.example.com", want: "fail" + rec + "reject(sp)"},
		{name: "existence-unknown", zone: np, from: "gone.example.com", fail: "gone.example.com", want: "temperror" + rec + "none"},
		{name: "not-asked-when-pass", zone: np, from: "gone.example.com", fail: "gone.example.com", ids: "dkim:example.com", want: "pass" + rec + "none dkim"},
	})
}

func TestTesting(t *testing.T) {
	zone := func(rec string) string { return "_dmarc.example.com. TXT \"v=DMARC1; " + rec + "\"" }
	const rec = "fail org=example.com rec=example.com "
	run(t, []row{
		{name: "reject", zone: zone("p=reject; t=y"), from: "example.com", want: rec + "quarantine(p)"},
		{name: "quarantine", zone: zone("p=quarantine; t=y"), from: "example.com", want: rec + "none(p)"},
		{name: "none", zone: zone("p=none; t=y"), from: "example.com", want: rec + "none(p)"},
		{name: "sp", zone: zone("p=none; sp=reject; t=y"), from: "a.example.com", want: rec + "quarantine(sp)"},
		{name: "n", zone: zone("p=reject; t=n"), from: "example.com", want: rec + "reject(p)"},
		{name: "pct-ignored", zone: zone("p=reject; pct=0; rf=afrf; ri=86400"), from: "example.com", want: rec + "reject(p)"},
	})
}

func TestAlignment(t *testing.T) {
	strict := `_dmarc.example.com. TXT "v=DMARC1; p=reject; adkim=s; aspf=s"`
	const pass, fail = "pass org=example.com rec=example.com none", "fail org=example.com rec=example.com reject(p)"
	sub := "_dmarc.example.com. TXT \"v=DMARC1; p=reject\"\n_dmarc.dept.example.com. TXT \"v=DMARC1; p=none; psd=n\""
	run(t, []row{
		// RFC 9989, Appendix B.1.
		{name: "B.1.1-spf-strict", zone: simple, from: "example.com", ids: "spf:example.com", want: pass + " spf"},
		{name: "B.1.1-spf-relaxed", zone: simple, from: "example.com", ids: "spf:child.example.com", want: pass + " spf"},
		{name: "B.1.1-spf-none", zone: simple, from: "child.example.com", ids: "spf:example.net", want: "fail org=example.com rec=example.com quarantine(sp)"},
		{name: "B.1.2-dkim-strict", zone: simple, from: "example.com", ids: "dkim:example.com", want: pass + " dkim"},
		{name: "B.1.2-dkim-relaxed", zone: simple, from: "child.example.com", ids: "dkim:example.com", want: pass + " dkim"},
		{name: "B.1.2-dkim-none", zone: simple, from: "child.example.com", ids: "dkim:example.net", want: "fail org=example.com rec=example.com quarantine(sp)"},
		{name: "siblings", zone: simple, from: "news.example.com", ids: "dkim:foo.example.com", want: pass + " dkim"},
		{name: "both", zone: simple, from: "example.com", ids: "spf:b.example.com dkim:example.com", want: pass + " spf dkim"},
		{name: "one-of-several", zone: simple, from: "example.com", ids: "dkim:example.net dkim:example.com=fail dkim:a.example.com", want: pass + " dkim"},
		{name: "case-and-dot", zone: simple, from: "example.com", ids: "dkim:EXAMPLE.com.", want: pass + " dkim"},
		{name: "u-label", zone: `_dmarc.xn--bcher-kva.example. TXT "v=DMARC1; p=reject"`, from: "xn--bcher-kva.example", ids: "dkim:bücher.example", want: "pass org=xn--bcher-kva.example rec=xn--bcher-kva.example none dkim"},
		{name: "not-a-suffix-match", zone: simple, from: "example.com", ids: "dkim:badexample.com", want: fail},
		{name: "no-identifiers", zone: simple, from: "example.com", want: fail},
		{name: "strict-same", zone: strict, from: "example.com", ids: "spf:example.com dkim:example.com", want: pass + " spf dkim"},
		{name: "strict-sub", zone: strict, from: "example.com", ids: "spf:a.example.com dkim:a.example.com", want: fail},
		{name: "strict-spf-only", zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject; aspf=s"`, from: "example.com", ids: "spf:a.example.com dkim:a.example.com", want: pass + " dkim"},
		{name: "only-pass-aligns", zone: simple, from: "example.com", ids: "spf:example.com=softfail spf:example.com=neutral dkim:example.com=policy dkim:example.com=permerror spf:example.com=none", want: fail},
		{name: "psd-n-splits", zone: sub, from: "example.com", ids: "dkim:dept.example.com", want: fail},
		{name: "psd-n-inside", zone: sub, from: "a.dept.example.com", ids: "dkim:b.dept.example.com", want: "pass org=dept.example.com rec=dept.example.com none dkim"},
		{name: "psd-n-parent-does-not-align", zone: sub, from: "dept.example.com", ids: "dkim:example.com", want: "fail org=dept.example.com rec=dept.example.com none(p)"},
		{name: "psd-siblings", zone: `_dmarc.example. TXT "v=DMARC1; p=reject; psd=y"`, from: "a.example", ids: "dkim:b.example", want: "fail org=a.example rec=example reject(sp)"},
		{name: "psd-does-not-align", zone: `_dmarc.example. TXT "v=DMARC1; p=reject; psd=y"`, from: "a.example", ids: "dkim:example", want: "fail org=a.example rec=example reject(sp)"},
	})
}

func TestHELO(t *testing.T) {
	const pass, fail = "pass org=example.com rec=example.com none spf", "fail org=example.com rec=example.com reject(p)"
	run(t, []row{
		{name: "helo-with-sender", zone: simple, from: "example.com", ids: "helo:example.com", want: fail},
		{name: "helo-null-sender", zone: simple, from: "example.com", ids: "nullhelo:mx.example.com", want: pass},
		{name: "helo-beside-failed-mailfrom", zone: simple, from: "example.com", ids: "helo:example.com spf:example.net", want: fail},
		{name: "unknown-identity", zone: simple, from: "example.com", ids: "other:example.com", want: fail},
	})
}

// TestAppendixB4 has the examples of RFC 9989, Appendix B.4.
func TestAppendixB4(t *testing.T) {
	b41 := `
_dmarc.example.com.         TXT "v=DMARC1; p=reject"
_dmarc.signing.example.com. TXT "v=DMARC1; p=none"
`
	b43 := `
_dmarc.bank.example.       TXT "v=DMARC1; p=reject; psd=y"
_dmarc.giant.bank.example. TXT "v=DMARC1; p=reject"
`
	run(t, []row{
		{name: "B.4.1", zone: b41, from: "example.com", ids: "spf:example.com dkim:signing.example.com", want: "pass org=example.com rec=example.com none spf dkim"},
		{name: "B.4.2", zone: b41, from: "a.b.c.d.e.f.g.h.i.j.k.example.com", ids: "spf:example.com dkim:signing.example.com", want: "pass org=example.com rec=example.com none spf dkim"},
		{name: "B.4.3", zone: b43, from: "giant.bank.example", ids: "spf:mail.giant.bank.example dkim:mail.mega.bank.example", want: "pass org=giant.bank.example rec=giant.bank.example none spf"},
		{name: "B.4.3-dkim-alone", zone: b43, from: "giant.bank.example", ids: "dkim:mail.mega.bank.example", want: "fail org=giant.bank.example rec=giant.bank.example reject(p)"},
		// RFC 9989, Section 4.10.2, the three examples at its end.
		{name: "4.10.2-fewest-labels", zone: "_dmarc.mail.example.com. TXT \"v=DMARC1; p=none\"\n_dmarc.example.com. TXT \"v=DMARC1; p=none\"", from: "a.mail.example.com", want: "fail org=example.com rec=example.com none(sp)"},
		{name: "4.10.2-psd-n", zone: "_dmarc.mail.example.com. TXT \"v=DMARC1; p=none; psd=n\"\n_dmarc.example.com. TXT \"v=DMARC1; p=none\"", from: "a.mail.example.com", want: "fail org=mail.example.com rec=mail.example.com none(sp)"},
		{name: "4.10.2-psd-y", zone: `_dmarc.com. TXT "v=DMARC1; p=none; psd=y"`, from: "a.mail.example.com", want: "fail org=example.com rec=com none(sp)"},
		// RFC 9989, Section 5.1.8: the record at the zone cut is never asked for.
		{name: "5.1.8", zone: "_dmarc.example.com. TXT \"v=DMARC1; p=reject\"\n_dmarc.b.c.d.e.f.g.example.com. TXT \"v=DMARC1; p=none; psd=n\"", from: "mail.a.b.c.d.e.f.g.example.com", want: "fail org=example.com rec=example.com reject(sp)"},
	})
}

func TestTempError(t *testing.T) {
	own := `_dmarc.mail.example.com. TXT "v=DMARC1; p=reject"` + simple
	run(t, []row{
		{name: "author", zone: own, from: "mail.example.com", fail: "_dmarc.mail.example.com", ids: "dkim:mail.example.com", want: "temperror org= rec= none"},
		{name: "parent-hides-policy", zone: simple, from: "mail.example.com", fail: "_dmarc.example.com", want: "temperror org= rec= none"},
		{name: "parent-not-needed-same-domain", zone: own, from: "mail.example.com", fail: "_dmarc.example.com", ids: "dkim:mail.example.com", want: "pass org=mail.example.com rec=mail.example.com none dkim"},
		{name: "parent-needed-for-alignment", zone: own, from: "mail.example.com", fail: "_dmarc.com", ids: "dkim:example.com", want: "temperror org= rec=mail.example.com none"},
		{name: "parent-not-needed-nothing-passed", zone: own, from: "mail.example.com", fail: "_dmarc.com", ids: "dkim:example.com=fail", want: "fail org= rec=mail.example.com reject(p)"},
		{name: "beyond-psd-not-needed", zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject; psd=n"`, from: "example.com", fail: "_dmarc.com", ids: "dkim:a.example.com", want: "pass org=example.com rec=example.com none dkim"},
		{name: "identifier-walk", zone: simple, from: "example.com", fail: "_dmarc.a.example.com", ids: "dkim:a.example.com", want: "temperror org=example.com rec=example.com none"},
		{name: "identifier-walk-other-passes", zone: simple, from: "example.com", fail: "_dmarc.a.example.com", ids: "dkim:a.example.com spf:b.example.com", want: "pass org=example.com rec=example.com none spf"},
		{name: "stranger-not-asked", zone: simple, from: "example.com", fail: "_dmarc.evil.com", ids: "dkim:evil.com", want: "fail org=example.com rec=example.com reject(p)"},
		{name: "aligned-spf-temperror", zone: simple, from: "example.com", ids: "spf:example.com=temperror dkim:example.net", want: "temperror org=example.com rec=example.com none"},
		{name: "aligned-dkim-temperror-sub", zone: simple, from: "example.com", ids: "dkim:a.example.com=temperror", want: "temperror org=example.com rec=example.com none"},
		{name: "unaligned-temperror", zone: simple, from: "example.com", ids: "spf:example.net=temperror", want: "fail org=example.com rec=example.com reject(p)"},
		{name: "temperror-beside-pass", zone: simple, from: "example.com", ids: "spf:example.com=temperror dkim:example.com", want: "pass org=example.com rec=example.com none dkim"},
	})
}

func TestInvalidNameIsNoRecord(t *testing.T) {
	z := newZone(t, simple)
	z.fail["_dmarc.a-.example.com"] = resolver.InvalidName
	e := (&Evaluator{Resolver: z}).Evaluate(context.Background(), author("a-.example.com"), nil)
	if got, want := summary(&e), "fail org=example.com rec=example.com quarantine(sp)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAuthors(t *testing.T) {
	zone := simple + `
_dmarc.lenient.example. TXT "v=DMARC1; p=none"
_dmarc.strict.example.  TXT "v=DMARC1; p=reject"
open.example.           A 192.0.2.1
`
	run(t, []row{
		{name: "same-domain-twice", zone: zone, from: "example.com example.com", ids: "dkim:example.com", want: "pass org=example.com rec=example.com none dkim"},
		{name: "all-pass", zone: zone, from: "example.com strict.example", ids: "dkim:example.com dkim:strict.example", want: "pass org=example.com rec=example.com none dkim"},
		{name: "victim-second", zone: zone, from: "lenient.example strict.example", ids: "dkim:lenient.example", want: "fail org=strict.example rec=strict.example reject(p)"},
		{name: "victim-first", zone: zone, from: "strict.example lenient.example", ids: "dkim:lenient.example", want: "fail org=strict.example rec=strict.example reject(p)"},
		{name: "strictest-fails", zone: zone, from: "lenient.example strict.example example.com", want: "fail org=strict.example rec=strict.example reject(p)"},
		{name: "one-without-record", zone: zone, from: "strict.example open.example", ids: "dkim:strict.example", want: "none org=open.example rec= none"},
		{name: "temperror-beside-lenient", zone: zone, from: "lenient.example strict.example", fail: "_dmarc.strict.example", want: "temperror org= rec= none"},
		{name: "temperror-beside-reject", zone: zone, from: "strict.example lenient.example", fail: "_dmarc.lenient.example", want: "fail org=strict.example rec=strict.example reject(p)"},
	})
}

func TestFromProblems(t *testing.T) {
	z := newZone(t, simple)
	good := author("example.com").Addresses
	literal := message.Address{Local: "a", Literal: "[192.0.2.1]"}
	many := author("example.com", "a.example.com", "b.example.com", "c.example.com", "d.example.com").Addresses
	all := "dkim:example.com dkim:a.example.com"
	for _, tt := range []struct {
		name   string
		author message.Author
		ids    string
		want   string
	}{
		{"no-from", message.Author{Problem: message.NoFrom}, all, "permerror | no author domain: no From field"},
		{"unparseable", message.Author{Fields: 1, Problem: message.Unparseable, Detail: "a NUL byte"}, all, "permerror | no author domain: From cannot be parsed: a NUL byte"},
		{"null-domain", message.Author{Fields: 1, Problem: message.NoMailbox, Addresses: []message.Address{{}}}, all, "permerror | no author domain: no mailbox in From"},
		{"literal", message.Author{Fields: 1, Addresses: []message.Address{literal}}, all, "permerror | no author domain: no mailbox in From"},
		{"two-fields-pass", message.Author{Fields: 2, Problem: message.SeveralFields, Addresses: good}, all, "permerror | several From fields; dkim example.com passed and is the author domain"},
		{"two-fields-fail", message.Author{Fields: 2, Problem: message.SeveralFields, Addresses: good}, "", "fail | several From fields; nothing that passed aligns with example.com; example.com asks for reject (p)"},
		{"suspicious", message.Author{Fields: 1, Problem: message.Suspicious, Addresses: good}, all, "pass | From is written so that readers may disagree; dkim example.com passed and is the author domain"},
		{"unparseable-with-address", message.Author{Fields: 1, Problem: message.Unparseable, Addresses: good}, all, "permerror | From cannot be parsed; dkim example.com passed and is the author domain"},
		{"hundred", message.Author{Fields: 1, Problem: message.SeveralAuthors, Addresses: slices.Repeat(good, message.MaxAuthors)}, all, "permerror | several mailboxes in From; not all authors can be evaluated; dkim example.com passed and is the author domain"},
		{"literal-beside", message.Author{Fields: 1, Problem: message.SeveralAuthors, Addresses: append(slices.Clone(good), literal)}, all, "permerror | several mailboxes in From; not all authors can be evaluated; dkim example.com passed and is the author domain"},
		{"too-many", message.Author{Fields: 1, Problem: message.SeveralAuthors, Addresses: many}, all, "permerror | several mailboxes in From; not all authors can be evaluated; 4 author domains, example.com decides: dkim example.com passed and is the author domain"},
		{"too-many-fail", message.Author{Fields: 1, Problem: message.SeveralAuthors, Addresses: many}, "", "fail | several mailboxes in From; not all authors can be evaluated; 4 author domains, example.com decides: nothing that passed aligns with example.com; example.com asks for reject (p)"},
		{"behind-a-crowd", message.Author{Fields: 1, Problem: message.SeveralAuthors, Addresses: author("a.nobody", "b.nobody", "c.nobody", "d.nobody", "example.com").Addresses}, "", "permerror | several mailboxes in From; not all authors can be evaluated; 4 author domains, a.nobody decides: no policy record at a.nobody or above"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := (&Evaluator{Resolver: z}).Evaluate(context.Background(), tt.author, ids(tt.ids))
			if got := string(e.Result) + " | " + e.Reason; got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
