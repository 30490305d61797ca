package spf

import (
	"net/netip"
	"strconv"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// The outcomes of a step besides the results of check_host().
const (
	Match   = "match"
	NoMatch = "no match"
	Found   = "found"
)

// maxSteps is how many steps of a record are kept; after that only terms that
// match or ask DNS.
const maxSteps = 1000

// Step is one step of a check: the search for a record, the term "v=spf1", or a
// term of that record.
type Step struct {
	Term    string   `json:"term"`             // as written
	Domain  string   `json:"domain,omitempty"` // of v=spf1, include and redirect: whose record it is
	Outcome string   `json:"outcome"`          // Match, NoMatch, Found, or a Result that ends the check
	Result  Result   `json:"result,omitempty"` // of include and redirect: what the record gave
	Lookups []Lookup `json:"lookups,omitempty"`
	Steps   []Step   `json:"steps,omitempty"` // of include and redirect
}

// Lookup is a lookup in a trace.
type Lookup struct {
	Name   string          `json:"name"`
	Type   resolver.Type   `json:"type"`
	Status resolver.Status `json:"status"`
	RCode  string          `json:"rcode,omitempty"`  // empty if there was no answer
	Values []string        `json:"values,omitempty"` // at most ten
	Reason string          `json:"reason,omitempty"` // why there was no answer
}

// trace collects steps. Its methods do nothing while it is off.
type trace struct {
	on    bool
	steps []Step
	asked []Lookup // since the last step
}

// add ends a step that owns the lookups made since the last one.
func (t *trace) add(s Step) {
	s.Lookups, t.asked = t.asked, nil
	t.steps = append(t.steps, s)
}

func (t *trace) term(text string, matched bool) {
	if !matched && len(t.asked) == 0 && len(t.steps) >= maxSteps {
		return
	}
	outcome := NoMatch
	if matched {
		outcome = Match
	}
	t.add(Step{Term: text, Outcome: outcome})
}

// failed ends the check in a term.
func (t *trace) failed(term string, r Result) {
	if t.on {
		t.add(Step{Term: term, Outcome: string(r)})
	}
}

func (t *trace) fetched(domain string, r Result) {
	outcome := Found
	if r != "" {
		outcome = string(r)
	}
	t.add(Step{Term: version, Domain: domain, Outcome: outcome})
}

// outer is what was collected before an include or redirect.
type outer struct {
	steps []Step
	asked []Lookup
}

func (t *trace) enter() outer {
	if !t.on {
		return outer{}
	}
	saved := outer{t.steps, t.asked}
	t.steps, t.asked = nil, nil
	return saved
}

func (t *trace) leave(saved outer, term, domain string, r Result, outcome string) {
	if !t.on {
		return
	}
	s := Step{Term: term, Domain: domain, Outcome: outcome, Result: r, Steps: t.steps}
	t.steps, t.asked = saved.steps, saved.asked
	t.add(s)
}

func (t *trace) lookup(name string, typ resolver.Type, a *resolver.Answer, err error) {
	l := Lookup{Name: name, Type: typ, Status: resolver.StatusOf(a, err)}
	if err != nil {
		l.Reason = failure(err)
	} else {
		l.RCode = a.RCode.String()
		l.Values = values(a)
	}
	t.asked = append(t.asked, l)
}

// values returns the first ten records of the type asked for, for people.
func values(a *resolver.Answer) []string {
	switch a.Type {
	case resolver.TypeTXT:
		return first(a.TXT(), shortText)
	case resolver.TypeMX:
		return first(a.MX(), func(m resolver.MX) string {
			return strconv.Itoa(int(m.Preference)) + " " + m.Host
		})
	case resolver.TypePTR:
		return first(a.Names(), func(s string) string { return s })
	}
	return first(a.Addrs(), netip.Addr.String)
}

func first[V any](vs []V, text func(V) string) []string {
	const most = 10
	var ss []string
	for _, v := range vs[:min(len(vs), most)] {
		ss = append(ss, text(v))
	}
	if len(vs) > most {
		ss = append(ss, "and "+strconv.Itoa(len(vs)-most)+" more")
	}
	return ss
}

func shortText(s string) string {
	const most = 2048
	if len(s) > most {
		s = s[:most] + "..."
	}
	for i := 0; i < len(s); i++ {
		if !ascii.IsPrint(s[i]) && s[i] != ' ' {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}
