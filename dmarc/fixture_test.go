package dmarc

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// zone answers from zone text. A name exists if it or something below it has a
// record. Lookups of the names in fail end with that reason.
type zone struct {
	fail map[string]resolver.Reason

	mu     sync.Mutex
	sets   map[string][]dns.RR
	exists map[string]bool
	asked  []string
	known  map[resolver.Question]*resolver.Answer
}

func newZone(t testing.TB, text string) *zone {
	t.Helper()
	z := &zone{
		sets: map[string][]dns.RR{}, exists: map[string]bool{},
		known: map[resolver.Question]*resolver.Answer{}, fail: map[string]resolver.Reason{},
	}
	zp := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+text), ".", "")
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		name := resolver.CanonicalName(rr.Header().Name)
		z.sets[name] = append(z.sets[name], rr)
		for d := domain.Name(name); d != ""; d = d.Parent() {
			z.exists[string(d)] = true
		}
	}
	if err := zp.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

func (z *zone) Lookup(ctx context.Context, name string, typ resolver.Type) (*resolver.Answer, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	name = resolver.CanonicalName(name)
	z.asked = append(z.asked, name)
	if reason, ok := z.fail[name]; ok {
		return nil, &resolver.Error{Reason: reason, Name: name, Type: typ}
	}
	a := &resolver.Answer{Name: name, Type: typ, Status: resolver.Insecure}
	for target := name; ; {
		next := ""
		for _, rr := range z.sets[target] {
			if c, ok := rr.(*dns.CNAME); ok {
				a.Records, next = append(a.Records, rr), resolver.CanonicalName(c.Target)
			} else if resolver.Type(rr.Header().Rrtype) == typ {
				a.Records = append(a.Records, rr)
			}
		}
		if next == "" {
			if !z.exists[target] {
				a.RCode = resolver.NXDomain
			}
			z.known[resolver.Question{Name: name, Type: typ}] = a
			return a, nil
		}
		target = next
	}
}

// cached is a zone that answers what it was asked before without waiting.
type cached struct{ *zone }

func (c cached) Peek(name string, t resolver.Type) (*resolver.Answer, bool) {
	a, ok := c.known[resolver.Question{Name: name, Type: t}]
	return a, ok
}

func author(addrs ...string) message.Author {
	a := message.Author{Fields: 1}
	for _, s := range addrs {
		a.Addresses = append(a.Addresses, message.Address{Local: "a", Domain: domain.Name(s)})
	}
	if len(addrs) > 1 {
		a.Problem = message.SeveralAuthors
	}
	return a
}

// ids reads identifiers such as "spf:example.com", "dkim:example.com=fail",
// "helo:example.com", "nullhelo:example.com".
func ids(s string) []Identifier {
	var out []Identifier
	for f := range strings.FieldsSeq(s) {
		method, d, _ := strings.Cut(f, ":")
		d, result, ok := strings.Cut(d, "=")
		if !ok {
			result = "pass"
		}
		id := Identifier{Method: SPF, Identity: MailFrom, Domain: d, Result: result}
		switch method {
		case "dkim":
			id.Method, id.Identity, id.Selector = DKIM, "", "s"
		case "helo":
			id.Identity = HELO
		case "nullhelo":
			id.Identity, id.NullSender = HELO, true
		case "other":
			id.Identity = ""
		}
		out = append(out, id)
	}
	return out
}

// summary is what the tables compare: result, organizational domain, record
// domain, disposition (applied tag), aligned mechanisms.
func summary(e *Evaluation) string {
	s := string(e.Result) + " org=" + string(e.OrgDomain) + " rec=" + string(e.RecordDomain) +
		" " + string(e.Disposition)
	if e.Result == Fail {
		s += "(" + e.Applied + ")"
	}
	if e.SPFAligned {
		s += " spf"
	}
	if e.DKIMAligned {
		s += " dkim"
	}
	return s
}
