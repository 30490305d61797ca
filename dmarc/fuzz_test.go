package dmarc

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/resolver"
)

// texts answers TXT lookups from texts as they are.
type texts map[string][]string

func (m texts) Lookup(_ context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	a := &resolver.Answer{Name: name, Type: t, RCode: resolver.NXDomain, Status: resolver.Insecure}
	for _, s := range m[name] {
		if s == "timeout" {
			return nil, &resolver.Error{Reason: resolver.Timeout, Name: name, Type: t}
		}
		a.RCode = resolver.NoError
		s = strings.ReplaceAll(s, `\`, `\\`)
		a.Records = append(a.Records, &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT}, Txt: []string{s}})
	}
	return a, nil
}

// organizational is RFC 9989, Section 4.10.2 once more, written straight from
// its steps; "" if a lookup fails.
func (m texts) organizational(start domain.Name) domain.Name {
	labels := strings.Split(string(start), ".")
	subject, shortest := labels, ""
	for n := 1; len(subject) > 0; n++ {
		name := strings.Join(subject, ".")
		var found []Record
		if len(name)+len("_dmarc.") <= domain.MaxName {
			for _, s := range m["_dmarc."+name] {
				if s == "timeout" {
					return ""
				}
				if rec, err := ParseRecord(s); err == nil {
					found = append(found, rec)
				}
			}
		}
		if len(found) == 1 {
			if found[0].PSD == PublicSuffix && n > 1 {
				return domain.Name(strings.Join(labels[len(labels)-len(subject)-1:], "."))
			}
			shortest = name
			if found[0].PSD != Undeclared {
				break
			}
		}
		if len(subject) > 8 {
			subject = subject[len(subject)-7:]
		} else {
			subject = subject[1:]
		}
	}
	if shortest == "" {
		return start
	}
	return domain.Name(shortest)
}

func FuzzEvaluate(f *testing.F) {
	f.Add("a.example.com", "b.example.com", "pass", "v=DMARC1; p=reject", "", "v=DMARC1; p=none; psd=y")
	f.Add("a.b.c.d.e.f.g.h.example.com", "example.com", "temperror", "v=DMARC1;p=x", "v=DMARC1; np=reject; p=none|v=DMARC1", "timeout")
	f.Add("x.example", "x.example", "pass", "v=DMARC1; p=quarantine; t=y; psd=n; adkim=s", "v=spf1", "v=DMARC1; psd=y; sp=reject")
	f.Fuzz(func(t *testing.T, from, id, result, own, parent, top string) {
		d, err := domain.Parse(from)
		if err != nil {
			return
		}
		m := texts{}
		for name, s := range map[domain.Name]string{d: own, d.Parent(): parent, d.Last(1): top, "b." + d.Parent(): top} {
			if s != "" && len(s) < 300 {
				m["_dmarc."+string(name)] = strings.Split(s, "|")
			}
		}
		in := []Identifier{{Method: DKIM, Domain: id, Result: result}, {Method: SPF, Identity: HELO, Domain: from, Result: "pass"}}
		e := (&Evaluator{Resolver: m}).Evaluate(context.Background(), author(string(d)), in)
		if _, err := json.Marshal(e); err != nil {
			t.Fatal(err)
		}
		if len(e.Walk) == 0 || len(e.Walk) > MaxQueries || e.Reason == "" || e.SPFAligned {
			t.Errorf("%d steps, reason %q, spf %v", len(e.Walk), e.Reason, e.SPFAligned)
		}
		org := m.organizational(d)
		if e.OrgDomain != org && (org != "" || e.Result != Pass) {
			t.Errorf("got org %q, want %q", e.OrgDomain, org)
		}
		if (e.Disposition != PolicyNone) && e.Result != Fail || (e.Result == Pass) != e.DKIMAligned {
			t.Errorf("%s with %s, aligned %v", e.Result, e.Disposition, e.DKIMAligned)
		}
		if e.Result == Pass {
			i, err := domain.Parse(id)
			same := i == d || org != "" && m.organizational(i) == org
			if err != nil || result != "pass" || !same {
				t.Errorf("%q passed for %q, org %q and %q", id, d, m.organizational(i), org)
			}
		}
	})
}
