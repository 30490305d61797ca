package resolver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// replies is a Source that gives what is written for a name, parsed: a response
// code, then records, those after a line "--" in the authority section.
type replies map[string]string

func (r replies) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	text, ok := r[q.Name]
	if !ok {
		return nil, &resolver.Error{Reason: resolver.Timeout, Name: q.Name, Type: q.Type}
	}
	rcode, rest, _ := strings.Cut(text, "\n")
	m := new(dns.Msg)
	m.Rcode = dns.StringToRcode[rcode]
	section := &m.Answer
	for l := range strings.SplitSeq(rest, "\n") {
		switch l = strings.TrimSpace(l); l {
		case "":
		case "--":
			section = &m.Ns
		default:
			rr, err := dns.NewRR(l)
			if err != nil {
				return nil, err
			}
			*section = append(*section, rr)
		}
	}
	return &resolver.Reply{Msg: m, Server: "test"}, nil
}

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// outcome returns an answer or an error in a few lines.
func outcome(a *resolver.Answer, err error) string {
	if err != nil {
		return err.Error()
	}
	lines := []string{a.RCode.String()}
	if !a.Expires.IsZero() {
		lines[0] += fmt.Sprint(" ", a.Expires.Sub(at))
	}
	for _, l := range a.Lines() {
		lines = append(lines, strings.Join(strings.Fields(l), " "))
	}
	return strings.Join(lines, "\n")
}

func TestUnvalidated(t *testing.T) {
	var long strings.Builder
	for i := range resolver.MaxLinks + 1 {
		fmt.Fprintf(&long, "l%d. CNAME l%d.\n", i, i+1)
	}
	var many strings.Builder
	for i := range resolver.MaxRecords + 1 {
		fmt.Fprintf(&many, "many. TXT %d\n", i)
	}
	src := replies{
		"a.":         "unused",
		"plain":      "NOERROR\nplain. 60 A 192.0.2.1\nplain. 30 A 192.0.2.2\nplain. 60 A 192.0.2.1\nother. 1 A 192.0.2.3\nplain. 1 RRSIG A 8 1 60 20300101000000 20200101000000 1 . AA==",
		"chain":      "NOERROR\nB. 50 A 192.0.2.1\nchain. 40 CNAME b.",
		"leave":      "NOERROR\nleave. 20 CNAME plain.",
		"leave2":     "NOERROR\nleave2. 20 CNAME none.\n--\n. NS a.",
		"nodata":     "NOERROR\n--\n. 900 SOA a. b. 1 2 3 4 300",
		"none":       "NXDOMAIN\n--\n. 100 SOA a. b. 1 2 3 4 300",
		"long-none":  "NXDOMAIN\n--\n. 90000 SOA a. b. 1 2 3 4 90000",
		"foreign":    "NXDOMAIN\n--\nexample.org. 100 SOA a. b. 1 2 3 4 300",
		"bare":       "NOERROR",
		"alias-none": "NXDOMAIN\nalias-none. 10 CNAME gone.\n--\n. 100 SOA a. b. 1 2 3 4 300",
		"dangling":   "NOERROR\ndangling. 10 CNAME slow.",
		"dname.d":    "NOERROR\nd. 70 DNAME plain2.\ndname.d. 70 CNAME liar.\nliar. A 192.0.2.66\ndname.plain2. 80 A 192.0.2.1",
		"self":       "NOERROR\nself. CNAME self.",
		"loop1":      "NOERROR\nloop1. CNAME loop2.",
		"loop2":      "NOERROR\nloop2. CNAME loop1.",
		"l0":         "NOERROR\n" + long.String(),
		"many":       "NOERROR\n" + many.String(),
		"servfail":   "SERVFAIL",
		"refused":    "REFUSED",
		"referral":   "NOERROR\n--\nreferral. NS ns.example.",
		"ttl":        "NOERROR\nttl. 4294967295 A 192.0.2.1",
		"day":        "NOERROR\nday. 604800 A 192.0.2.1",
	}
	u := &resolver.Unvalidated{Source: src, Time: func() time.Time { return at }}
	for _, tt := range []struct{ name, want string }{
		{"PLAIN.", "NOERROR 30s\nplain. 60 IN A 192.0.2.1\nplain. 30 IN A 192.0.2.2"},
		{"chain", "NOERROR 40s\nchain. 40 IN CNAME b.\nB. 50 IN A 192.0.2.1"},
		{"leave", "NOERROR 20s\nleave. 20 IN CNAME plain.\nplain. 60 IN A 192.0.2.1\nplain. 30 IN A 192.0.2.2"},
		{"leave2", "NXDOMAIN 20s\nleave2. 20 IN CNAME none."},
		{"nodata", "NOERROR 5m0s"},
		{"none", "NXDOMAIN 1m40s"},
		{"long-none", "NXDOMAIN 1h0m0s"},
		{"foreign", "NXDOMAIN"},
		{"bare", "NOERROR"},
		{"alias-none", "NXDOMAIN 10s\nalias-none. 10 IN CNAME gone."},
		{"dangling", "resolver: dangling A: timeout: at its alias slow"},
		{"dname.d", "NOERROR 1m10s\nd. 70 IN DNAME plain2.\ndname.d. 70 IN CNAME dname.plain2.\ndname.plain2. 80 IN A 192.0.2.1"},
		{"self", "resolver: self A: limit reached: the aliases loop at self"},
		{"loop1", "resolver: loop1 A: limit reached: the aliases loop at loop1"},
		{"l0", "resolver: l0 A: limit reached: more than 11 aliases"},
		{"servfail", "resolver: servfail A: server failure: SERVFAIL from test"},
		{"refused", "resolver: refused A: server failure: REFUSED from test"},
		{"referral", "resolver: referral A: server failure: a referral to the servers of referral. is no answer"},
		{"ttl", "NOERROR\nttl. 4294967295 IN A 192.0.2.1"},
		{"day", "NOERROR 24h0m0s\nday. 604800 IN A 192.0.2.1"},
		{"a..b", "resolver: a..b A: not a name that can be looked up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(outcome(u.Lookup(t.Context(), tt.name, resolver.TypeA)), tt.want); d != "" {
				t.Errorf("got (-), want (+):\n%s", d)
			}
		})
	}
	got := outcome(u.Lookup(t.Context(), "many", resolver.TypeTXT))
	if want := "resolver: many TXT: limit reached: more than 256 records"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnvalidatedEvidence(t *testing.T) {
	m := new(dns.Msg)
	m.Rcode = dns.RcodeServerFailure
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 22, ExtraText: "at \x1b[31m delegation"})
	src := source(func(context.Context, resolver.Question) (*resolver.Reply, error) {
		return &resolver.Reply{Msg: m, Server: "192.0.2.1:53"}, nil
	})
	_, err := (&resolver.Unvalidated{Source: src}).Lookup(t.Context(), "x.example", resolver.TypeMX)
	want := `resolver: x.example MX: server failure: SERVFAIL from 192.0.2.1:53 (No Reachable Authority: at ?[31m delegation)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	var e *resolver.Error
	if !errors.As(err, &e) || e.Answer == nil || e.Answer.RCode != resolver.ServFail || !e.Answer.HasEDE || e.Answer.EDE != 22 {
		t.Errorf("got evidence %+v", e)
	}
}

type source func(context.Context, resolver.Question) (*resolver.Reply, error)

func (s source) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	return s(ctx, q)
}

func TestUnvalidatedZones(t *testing.T) {
	z := zonefile.FromText(`
		example.org.  SOA ns. host. 1 2 3 4 60
		sub.example.org. NS ns.sub.example.org.
		w.example.org. CNAME x.example.org.
		x.example.org. TXT "a" "b"
		`)
	u := &resolver.Unvalidated{Source: z, Status: resolver.Insecure, Time: func() time.Time { return at }}
	for name, want := range map[string]string{
		"w.example.org":  "NOERROR 1h0m0s\nw.example.org. 3600 IN CNAME x.example.org.\nx.example.org. 3600 IN TXT \"a\" \"b\"",
		"no.example.org": "NXDOMAIN 1m0s",
		"a.sub.example.org": "resolver: a.sub.example.org TXT: server failure: " +
			"a referral to the servers of sub.example.org. is no answer",
	} {
		if d := cmp.Diff(outcome(u.Lookup(t.Context(), name, resolver.TypeTXT)), want); d != "" {
			t.Errorf("%s: got (-), want (+):\n%s", name, d)
		}
	}
	a, err := u.Lookup(t.Context(), "w.example.org", resolver.TypeTXT)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"w.example.org","type":"TXT","status":"insecure","rcode":"NOERROR",` +
		`"records":["w.example.org.\t3600\tIN\tCNAME\tx.example.org.","x.example.org.\t3600\tIN\tTXT\t\"a\" \"b\""],"reason":"","chain":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNewQuestion(t *testing.T) {
	label := strings.Repeat("x", 63)
	for _, tt := range []struct{ in, want string }{
		{"Example.ORG.", "example.org"},
		{".", "."},
		{"_25._tcp.mx", "_25._tcp.mx"},
		{`\097.example`, "a.example"},
		{`a\.b.example`, `a\.b.example`},
		{`a\\.example.`, `a\\.example`},
		{"a b.example", `a\ b.example`},
		{"é.example", `\195\169.example`},
		{"*.example", "*.example"},
		{"", "error"},
		{"a..b", "error"},
		{".a", "error"},
		{"..", "error"},
		{label + "x.example", "error"},
		{label + "." + label + "." + label + "." + label[:61], label + "." + label + "." + label + "." + label[:61]},
		{label + "." + label + "." + label + "." + label[:62], "error"},
		{`a\`, "error"},
	} {
		q, err := resolver.NewQuestion(tt.in, resolver.TypeA)
		got := q.Name
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
	for _, typ := range []resolver.Type{0, 41, 250, 252} {
		if _, err := resolver.NewQuestion("example", typ); err == nil {
			t.Errorf("type %s can be asked", typ)
		}
	}
}
