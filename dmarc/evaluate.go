package dmarc

import (
	"context"
	"strings"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// TreeWalk is the discovery method of RFC 9989, as aggregate reports name it
// (RFC 9990, DiscoveryType).
const TreeWalk = "treewalk"

// Evaluator evaluates messages. It is safe for concurrent use.
type Evaluator struct {
	// Resolver answers the lookups. Required. If it is a resolver.Peeker, what
	// it knows already costs no goroutine.
	Resolver resolver.Resolver

	// Records keeps parsed policy records; nil means that each is parsed when met.
	Records *RecordCache
}

// Evaluation is the outcome for one message and why.
type Evaluation struct {
	Result Result `json:"result"`

	From         domain.Name `json:"from"`          // the author domain; empty if there is none
	OrgDomain    domain.Name `json:"org_domain"`    // of From; empty if a lookup failed
	RecordDomain domain.Name `json:"record_domain"` // where the policy record is; empty if there is none

	// The policies of the record with their fallbacks: sp falls back to p, np
	// to sp. Empty without a record. Record has what is published.
	Policy          Policy `json:"policy"`
	SubdomainPolicy Policy `json:"subdomain_policy"`
	NPPolicy        Policy `json:"np_policy"`
	Testing         bool   `json:"testing"` // t=y

	Discovery string `json:"discovery"` // TreeWalk

	// Applied is the tag whose policy is for this author domain: "p", "sp" or
	// "np". Where the message does not fail, nobody asks whether the domain
	// exists, and "sp" stands for both.
	Applied     string    `json:"applied,omitempty"`
	Disposition Policy    `json:"disposition"` // what the domain owner asks for, t=y considered
	Override    *Override `json:"override,omitempty"`

	SPFAligned  bool   `json:"spf_aligned"`
	DKIMAligned bool   `json:"dkim_aligned"`
	Reason      string `json:"reason"`

	DNSSEC      resolver.Status `json:"dnssec"` // of all lookups that led to the result
	RecordText  string          `json:"record,omitempty"`
	Notes       []string        `json:"notes,omitempty"` // what was ignored in the record
	Identifiers []Alignment     `json:"identifiers,omitempty"`
	Walk        []Step          `json:"walk,omitempty"` // from the author domain
	RFC7489     *Reading7489    `json:"rfc7489,omitempty"`

	// Authors has the evaluation of each author domain if there are several;
	// the fields above are then those of the one that decides.
	Authors []Evaluation `json:"authors,omitempty"`

	Record *Record `json:"-"` // shared, must not be changed; nil if there is none
}

// Pending is an evaluation whose lookups are under way. It is for one message
// and one goroutine.
type Pending struct {
	ev      *Evaluator
	problem message.Problem
	detail  string
	domains []domain.Name // the different author domains
	partial bool          // some author has no domain, or there are too many
	crowded bool          // there are too many
	probes  []*probe
	free    []probe
	walks   int // domains of identifiers that were walked

	oneDomain [1]domain.Name // for domains
}

// Begin starts the lookups that the author alone calls for and returns without
// waiting for them. They end with ctx.
func (e *Evaluator) Begin(ctx context.Context, author message.Author) *Pending {
	p := &Pending{ev: e, problem: author.Problem, detail: author.Detail}
	p.domains, p.probes = p.oneDomain[:0], make([]*probe, 0, MaxQueries)
	p.authors(&author)
	for _, d := range p.domains {
		p.ask(ctx, d)
	}
	return p
}

// Expect starts the lookups for an identifier that may turn out to pass, so
// that Conclude need not wait for them. It asks nothing for domains that can
// hardly align and may be left out.
func (p *Pending) Expect(ctx context.Context, identifier string) {
	d, err := domain.Parse(identifier)
	if err != nil || p.find(d) != nil || p.walks == maxWalks {
		return
	}
	for _, author := range p.domains {
		if d.IsSubdomainOf(author.Organizational()) {
			p.walks++
			p.ask(ctx, d)
			return
		}
	}
}

// Conclude waits for the lookups and evaluates the message. A ctx that ends
// makes the result TempError where a lookup was still missing.
func (p *Pending) Conclude(ctx context.Context, ids []Identifier) Evaluation {
	if len(p.domains) == 0 {
		return p.unusable()
	}
	if len(p.domains) == 1 && !p.partial {
		e := p.evaluate(ctx, p.domains[0], ids)
		p.flag(&e)
		return e
	}
	return p.several(ctx, ids)
}

// Evaluate is Begin and Conclude in one.
func (e *Evaluator) Evaluate(ctx context.Context, author message.Author, ids []Identifier) Evaluation {
	return e.Begin(ctx, author).Conclude(ctx, ids)
}

// evaluate is RFC 9989, Sections 5.3.2 to 5.3.5, for one author domain.
func (p *Pending) evaluate(ctx context.Context, author domain.Name, ids []Identifier) Evaluation {
	w := p.walk(ctx, author)
	e := Evaluation{
		From: author, OrgDomain: w.org, Discovery: TreeWalk,
		Disposition: PolicyNone, Walk: w.evidence(),
	}
	q := w.policyRecord()
	switch {
	case q == nil && w.failed != nil:
		e.Result, e.Reason = TempError, lookupFailed(w.failed)
	case q == nil:
		e.Result, e.Reason = None, noRecord(&w)
	case q.record.NoPolicy:
		e.publish(q)
		e.Result = None
		e.Reason = "the record at " + q.Name + " has no valid policy and no rua, so DMARC does not apply"
	default:
		e.publish(q)
		e.Identifiers = p.alignments(ctx, &w, q.record, ids)
		p.conclude(ctx, &w, q, &e)
	}
	e.DNSSEC = w.status
	if e.Result != TempError {
		e.RFC7489 = p.reading7489(&e, ids)
	}
	return e
}

// policyRecord selects the record that applies: that of the author domain, else
// of the organizational domain, else of the public suffix domain (RFC 9989,
// Section 4.10.1). nil if there is none or a failed lookup hides it.
func (w *walk) policyRecord() *probe {
	switch {
	case w.first.Found == FoundRecord:
		return w.first
	case w.failed != nil:
		return nil
	case w.apex != nil:
		return w.apex
	}
	return w.psd
}

func noRecord(w *walk) string {
	for _, q := range w.steps[:w.n] {
		if q.Reason != "" {
			return "no policy record applies; at " + q.Name + ": " + q.Reason
		}
	}
	return "no policy record at " + string(w.start) + " or above"
}

// publish copies what the record says.
func (e *Evaluation) publish(q *probe) {
	e.Record, e.RecordText, e.RecordDomain = q.record, q.text, q.domain
	e.Policy = q.record.Policy
	e.SubdomainPolicy = q.record.SubdomainsPolicy()
	e.NPPolicy = q.record.NonExistentSubdomainsPolicy()
	e.Testing = q.record.Testing
	e.Notes = q.record.Notes
	e.Applied = "p"
	if e.From != q.domain {
		e.Applied = "sp"
	}
}

// conclude draws the result from the alignments.
func (p *Pending) conclude(ctx context.Context, w *walk, q *probe, e *Evaluation) {
	var aligned *Alignment
	undecided := ""
	for i := range e.Identifiers {
		a := &e.Identifiers[i]
		if a.Aligned {
			e.SPFAligned = e.SPFAligned || a.Method == SPF
			e.DKIMAligned = e.DKIMAligned || a.Method == DKIM
			if aligned == nil {
				aligned = a
			}
		} else if undecided == "" {
			undecided = a.undecided
		}
	}
	if w.failed != nil && aligned != nil {
		// The failed lookup had no part in the result: the common domain counts
		// as the organizational domain (RFC 9989, Section 4.10.2).
		e.OrgDomain = e.From
	}
	switch {
	case aligned != nil:
		e.Result = Pass
		e.Reason = string(aligned.Method) + " " + aligned.Domain + " passed and " + aligned.Reason
	case undecided != "":
		// RFC 9989, Section 5.3.6: it can be called neither pass nor fail.
		e.Result, e.Reason = TempError, undecided
	default:
		p.fail(ctx, w, q, e)
	}
}

// fail sets what the policy asks for (RFC 9989, Section 4.10.1).
func (p *Pending) fail(ctx context.Context, w *walk, q *probe, e *Evaluation) {
	policy := e.Policy
	if e.From != q.domain {
		policy = e.SubdomainPolicy
		if e.NPPolicy != e.SubdomainPolicy {
			exist, failed := p.authorExists(ctx, w)
			if failed != "" {
				e.Result, e.Reason = TempError, failed
				return
			}
			if !exist {
				policy, e.Applied = e.NPPolicy, "np"
			}
		}
	}
	e.Result, e.Disposition = Fail, policy
	e.Reason = failReason(e, policy)
	if e.Testing {
		e.Disposition = policy.Lower()
		if policy != PolicyNone {
			e.Reason += ", one step down for t=y"
		}
	}
}

func failReason(e *Evaluation, policy Policy) string {
	var b strings.Builder
	b.Grow(128)
	b.WriteString("nothing that passed aligns with ")
	b.WriteString(string(e.From))
	b.WriteString("; ")
	b.WriteString(string(e.RecordDomain))
	b.WriteString(" asks for ")
	b.WriteString(string(policy))
	b.WriteString(" (")
	b.WriteString(e.Applied)
	b.WriteByte(')')
	return b.String()
}

// authorExists tells whether the author domain exists (RFC 9989, Appendix A.4:
// any record will do, or any below it).
func (p *Pending) authorExists(ctx context.Context, w *walk) (ok bool, failed string) {
	if w.first.exists {
		return true, ""
	}
	name := string(w.start)
	a, known := (*resolver.Answer)(nil), false
	if k, can := p.ev.Resolver.(resolver.Peeker); can {
		a, known = k.Peek(name, resolver.TypeTXT)
	}
	if !known {
		var err error
		if a, err = p.lookup(ctx, name); err != nil {
			return false, "lookup of " + name + " failed, so the policy cannot be told: " + resolver.ReasonOf(err)
		}
	}
	w.status = w.status.Worse(a.Status)
	return exists(a), ""
}
