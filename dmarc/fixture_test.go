package dmarc

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// zone answers from zone text and notes what it was asked.
type zone struct {
	resolver.Unvalidated
	fail map[string]resolver.Reason // the lookups that fail, by name

	mu    sync.Mutex
	asked []string
}

func newZone(t testing.TB, text string) *zone {
	t.Helper()
	zones := &zonefile.Zones{Fail: map[string]resolver.Reason{}}
	if err := zones.Add(strings.NewReader(text), "test.zone"); err != nil {
		t.Fatal(err)
	}
	return &zone{Unvalidated: resolver.Unvalidated{Source: zones, Status: resolver.Insecure}, fail: zones.Fail}
}

func (z *zone) Lookup(ctx context.Context, name string, typ resolver.Type) (*resolver.Answer, error) {
	z.mu.Lock()
	z.asked = append(z.asked, name)
	z.mu.Unlock()
	return z.Unvalidated.Lookup(ctx, name, typ)
}

// askedNames returns the sorted names of the TXT lookups so far.
func (z *zone) askedNames() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	names := slices.Clone(z.asked)
	slices.Sort(names)
	return names
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
