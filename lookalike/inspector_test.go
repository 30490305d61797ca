package lookalike

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

func TestFindingJSON(t *testing.T) {
	fs := tester().Inspect(input(t, "From: =?utf-8?q?J=D0=B0ne_Doe?= <x@evil.test>"))
	got, err := json.MarshalIndent(fs[1], "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "id": "NAME-VIP",
 "severity": "high",
 "score": 50,
 "text": "The sender's name reads as \"Jane Doe\", but \"x@evil.test\" is no address of this person.",
 "evidence": {
  "field": "From",
  "address": "x@evil.test",
  "shown": "Jаne Doe",
  "start": 0,
  "end": 9,
  "code_points": [
   "U+0430"
  ],
  "normalized": "jаne doe",
  "skeleton": "jane doe",
  "protected": "Jane Doe",
  "method": "skeleton",
  "not_exempt": "the address is none of the person's"
 }
}`
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("got (-) want (+):\n%s", diff)
	}
	line := `field From; address "x@evil.test"; shows "J\u0430ne Doe" at 0; characters U+0430; reads as "jane doe"; ` +
		`protected "Jane Doe"; found by skeleton; not exempt: the address is none of the person's`
	if diff := cmp.Diff(fs[1].Evidence.String(), line); diff != "" {
		t.Errorf("got (-) want (+):\n%s", diff)
	}
}

func TestAssess(t *testing.T) {
	for _, r := range []struct {
		name     string
		findings []Finding
		score    int
		action   Action
	}{
		{"nothing", nil, 0, None},
		{"medium", []Finding{{ID: NameBrand, Severity: Medium, Score: 20}, {ID: ReplyFree, Severity: Medium, Score: 20}}, 40, None},
		{"high", []Finding{{ID: NameVIP, Severity: High, Score: 50}, {ID: NameMixed, Severity: Medium, Score: 20}}, 70, Warn},
		{"high-and-low", []Finding{{ID: NameVIP, Severity: High, Score: 50}, {ID: ReplyOrg, Severity: Low, Score: 5}}, 55, Warn},
		{"two-groups", []Finding{{ID: ReplyFree, Severity: Medium, Score: 20}, {ID: NameVIP, Severity: High, Score: 50}}, 70, Quarantine},
		{"two-high", []Finding{{ID: DomainSkeleton, Severity: High, Score: 50}, {ID: NameVIP, Severity: High, Score: 50}}, 100, Quarantine},
	} {
		t.Run(r.name, func(t *testing.T) {
			if score, action := Assess(r.findings); score != r.score || action != r.action {
				t.Errorf("got %d %s, want %d %s", score, action, r.score, r.action)
			}
		})
	}
}

// The lists can be replaced, and emptied.
func TestLists(t *testing.T) {
	in := input(t, "From: PayPal <x@acme.onmicrosoft.com>\nReply-To: y@gmail.com\nDMARC: none\nDKIM: amazonses.com")
	in.Recipients = nil
	for _, r := range []struct {
		name string
		p    *Inspector
		want string
	}{
		{"zero", &Inspector{}, "NAME-BRAND medium PayPal (exact); DOM-TENANT info onmicrosoft.com; REPLY-FREE medium; AUTH-SHARED medium amazonses.com"},
		{"empty", &Inspector{
			Protected: Protected{Brands: []Brand{}}, Freemail: []domain.Name{}, SharedSenders: []domain.Name{},
			Tenants: []domain.Name{}, Notifiers: []string{},
		}, "REPLY-ORG low"},
		{"own", &Inspector{
			Protected: Protected{Brands: []Brand{{Name: "Pay", Domains: []domain.Name{"pay.test"}}}}, Freemail: []domain.Name{"free.test"},
			Tenants: []domain.Name{"test"}, SharedSenders: []domain.Name{"sender.test"},
		}, "REPLY-ORG low"},
		{
			"brand-alias", &Inspector{Protected: Protected{Aliases: [][]domain.Name{{"paypal.com", "acme.onmicrosoft.com"}}}},
			"DOM-TENANT info onmicrosoft.com; REPLY-FREE medium; AUTH-SHARED medium amazonses.com",
		},
	} {
		t.Run(r.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Join(found(r.p.Inspect(in)), "; "), r.want); diff != "" {
				t.Errorf("got (-) want (+):\n%s", diff)
			}
		})
	}
}

// The built-in tables are well-formed, and no brand is taken for at home where
// anybody can be.
func TestTables(t *testing.T) {
	all := slices.Concat(Freemail(), SharedSenders(), Tenants())
	seen := map[string]bool{}
	for _, b := range Brands() {
		if seen[b.Name] || len(b.Domains) == 0 {
			t.Errorf("brand %q is there twice or has no domain", b.Name)
		}
		seen[b.Name] = true
		all = append(all, b.Domains...)
		for _, d := range b.Domains {
			if slices.Contains(Tenants(), d) {
				t.Errorf("brand %q: anybody can have a name below %s", b.Name, d)
			}
		}
	}
	for _, d := range all {
		if n, err := domain.Parse(string(d)); err != nil || n != d || d.Labels() < 2 && d != "web.app" {
			t.Errorf("%q is no domain name: %v", d, err)
		}
	}
}

// No brand's own mail raises an alarm, and every brand raises one elsewhere.
func TestBrandsAtHome(t *testing.T) {
	p := tester()
	for _, b := range Brands() {
		for _, d := range b.Domains {
			if slices.Contains(Freemail(), d) {
				continue
			}
			in := Input{Author: author(b.Name+" Support", "x", d)}
			if got := found(p.Inspect(in)); len(got) > 0 {
				t.Errorf("%s from %s: %q", b.Name, d, got)
			}
		}
		in := Input{Author: author(b.Name+" Support", "x", "evil.test")}
		if got := found(p.Inspect(in)); !slices.Contains(got, "NAME-BRAND medium "+b.Name+" (exact)") {
			t.Errorf("%s from elsewhere: %q", b.Name, got)
		}
	}
}

func author(display, local string, d domain.Name) message.Author {
	return message.Author{Fields: 1, Addresses: []message.Address{{Display: display, Local: local, Domain: d}}}
}

func TestConcurrent(t *testing.T) {
	p := tester()
	in := input(t, "From: Jane Doe <x@paypa1.test>")
	want := found(p.Inspect(in))
	fresh := tester()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if diff := cmp.Diff(found(fresh.Inspect(in)), want); diff != "" {
				t.Errorf("got (-) want (+):\n%s", diff)
			}
		})
	}
	wg.Wait()
}

// A stranger's header makes neither endless findings nor endless evidence.
func TestLimits(t *testing.T) {
	for _, r := range []struct{ name, from string }{
		{"mailboxes", strings.Repeat("Jane Doe PayPa1 <x@paypa1.test>, ", 500)},
		{"long-name", strings.Repeat("J\u0430ne Doe C o i n b a s e p@y.test ", 2000) + "<x@evil.test>"},
		{"one-word", strings.Repeat("p\u0430", 100_000) + " <x@evil.test>"},
		{"marks", "P" + strings.Repeat("\u0730\u200b\u202e", 50_000) + " <x@evil.test>"},
		{"labels", "<x@" + strings.Repeat("paypal.", 30) + "test>"},
		{"reply", "x@acme.test\nReply-To: " + strings.Repeat("x@waxw0rks.test, y@gmail.com, ", 5000)},
	} {
		t.Run(r.name, func(t *testing.T) {
			in := input(t, "From: "+r.from)
			fs := tester().Inspect(in)
			checkFindings(t, in, fs)
			b, err := json.Marshal(fs)
			if err != nil || len(b) > MaxFindings*20*MaxName {
				t.Errorf("%d findings in %d bytes, %v", len(fs), len(b), err)
			}
		})
	}
}

func TestReadHeader(t *testing.T) {
	h, err := message.ParseHeader([]byte("From: a@b.test\r\nreply-to: c@d.test, e@f.test\r\nSender: g@h.test\r\nList-Post: NO\r\nAuto-Submitted: auto-replied; x=y\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	var in Input
	in.ReadHeader(h)
	var got []string
	for _, a := range slices.Concat(in.Author.Addresses, in.ReplyTo, in.Sender) {
		got = append(got, addressText(&a))
	}
	want := []string{"a@b.test", "c@d.test", "e@f.test", "g@h.test"}
	if diff := cmp.Diff(got, want); diff != "" || !in.List || !in.AutoSubmitted {
		t.Errorf("list %v, auto-submitted %v; got (-) want (+):\n%s", in.List, in.AutoSubmitted, diff)
	}
}
