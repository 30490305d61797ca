package dmarc

import (
	"context"
	"errors"
	"fmt"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/resolver"
)

// Limits of the DNS tree walk.
const (
	MaxQueries = 8 // lookups of one walk (RFC 9989, Section 4.10)

	// walkLabels is how many labels the second name of a walk has at most (RFC
	// 9989, Section 4.10, step 4).
	walkLabels = 7
)

// Found says what a step of a walk found at its name.
type Found string

// What a step finds.
const (
	FoundRecord  Found = "record"
	FoundNone    Found = "none"
	FoundSeveral Found = "several records" // all discarded (Section 4.10, step 2)
	FoundError   Found = "error"           // the lookup failed
)

// Step is one lookup of a walk.
type Step struct {
	Name   string          `json:"name"` // the name asked, with _dmarc
	Found  Found           `json:"found"`
	Status resolver.Status `json:"status"`
	Reason string          `json:"reason,omitempty"`
}

// probe is the lookup of the record of one domain. It is asked once per
// evaluation, however many walks pass through it.
type probe struct {
	Step
	domain domain.Name
	record *Record // set with FoundRecord
	text   string  // of the record
	exists bool    // the name asked exists, so the domain above it does too

	done   chan struct{} // closed when answer and err are set; nil if they are
	answer *resolver.Answer
	err    error
}

// targets appends the domains that a walk from start asks, in order.
func targets(dst []domain.Name, start domain.Name) []domain.Name {
	dst = append(dst, start)
	next := start.Parent()
	if start.Labels() > walkLabels+1 {
		next = start.Last(walkLabels) // RFC 9989, Section 4.10, step 4
	}
	for ; next != ""; next = next.Parent() {
		dst = append(dst, next)
	}
	return dst
}

// ask starts the lookups for a walk from start, side by side. Those that the
// walk will not reach are the price for waiting one round trip instead of many.
func (p *Pending) ask(ctx context.Context, start domain.Name) {
	var buf [MaxQueries]domain.Name
	for _, d := range targets(buf[:0], start) {
		p.probe(ctx, d)
	}
}

// find returns the probe of d if it was asked already.
func (p *Pending) find(d domain.Name) *probe {
	for _, q := range p.probes {
		if q.domain == d {
			return q
		}
	}
	return nil
}

// probe returns the probe of d, having started it if nobody had.
func (p *Pending) probe(ctx context.Context, d domain.Name) *probe {
	if q := p.find(d); q != nil {
		return q
	}
	q := p.newProbe()
	q.domain, q.Name = d, "_dmarc."+string(d)
	p.probes = append(p.probes, q)
	switch {
	case len(q.Name) > domain.MaxName:
		// Such a name cannot exist, so there is no record and no failure.
		q.Found, q.Reason = FoundNone, "the name would be too long for the DNS"
	case p.peek(q):
		p.settle(q)
	default:
		q.done = make(chan struct{})
		go func() {
			defer close(q.done)
			q.answer, q.err = p.lookup(ctx, q.Name)
		}()
	}
	return q
}

// newProbe takes a probe from a block, so that a walk costs one allocation.
func (p *Pending) newProbe() *probe {
	const block = 4
	if len(p.free) == 0 {
		p.free = make([]probe, block)
	}
	q := &p.free[0]
	p.free = p.free[1:]
	return q
}

func (p *Pending) peek(q *probe) (ok bool) {
	if k, can := p.ev.Resolver.(resolver.Peeker); can {
		q.answer, ok = k.Peek(q.Name, resolver.TypeTXT)
	}
	return ok
}

// lookup keeps a panic of a resolver inside this message.
func (p *Pending) lookup(ctx context.Context, name string) (a *resolver.Answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			a, err = nil, fmt.Errorf("lookup panicked: %v", r)
		}
	}()
	return p.ev.Resolver.Lookup(ctx, name, resolver.TypeTXT)
}

// wait returns q with its lookup finished, or failed because ctx ended.
func (p *Pending) wait(ctx context.Context, q *probe) *probe {
	if q.Found != "" {
		return q
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		select {
		case <-q.done: // what is known is used even when time is up
		default:
			q.Found, q.Reason = FoundError, resolver.ReasonOf(ctx.Err())
			return q
		}
	}
	p.settle(q)
	return q
}

// settle draws from the answer what the walk needs.
func (p *Pending) settle(q *probe) {
	if q.err != nil {
		q.Status = resolver.StatusOf(nil, q.err)
		q.Found, q.Reason = failure(q.err)
		return
	}
	q.Status = q.answer.Status
	q.exists = exists(q.answer)
	n, strange := 0, false
	for _, txt := range q.answer.TXT() {
		// RFC 9989, Section 4.10, step 2: what does not start with the version
		// is discarded first, then records of which there are several.
		if _, ok := cutVersion(txt); ok {
			n++
			q.text = txt
		} else if looksLikeRecord(txt) {
			strange = true
		}
	}
	switch {
	case n == 1:
		q.Found, q.record = FoundRecord, p.ev.Records.parse(q.text)
	case n > 1:
		q.Found, q.text = FoundSeveral, ""
		q.Reason = fmt.Sprintf("%d policy records at one name: all are discarded", n)
	default:
		q.Found = FoundNone
		if strange {
			q.Reason = "a TXT record looks like a policy record and does not begin with v=DMARC1"
		}
	}
}

// failure says what a failed lookup means to a walk: nothing can be known, but
// for a name that cannot be asked there is nothing to know.
func failure(err error) (Found, string) {
	var e *resolver.Error
	if errors.As(err, &e) && e.Reason == resolver.InvalidName {
		return FoundNone, resolver.ReasonOf(err)
	}
	return FoundError, resolver.ReasonOf(err)
}

// exists reports whether the name asked exists (RFC 9989, Section 3.2.13). An
// alias exists even if what it points to does not (RFC 6604, Section 2).
func exists(a *resolver.Answer) bool {
	return !a.NXDomain() || len(a.Records) > 0
}

// walk is the outcome of one DNS tree walk.
type walk struct {
	start  domain.Name
	org    domain.Name // the organizational domain; empty if failed is set
	first  *probe      // that of start
	apex   *probe      // the record of org; nil if org has none
	psd    *probe      // the record with psd=y above org; nil if there is none
	failed *probe      // the lookup without which the walk cannot be concluded
	status resolver.Status
	steps  [MaxQueries]*probe
	n      int
}

// walk performs the tree walk of RFC 9989, Section 4.10 from start and selects
// the organizational domain (Section 4.10.2).
func (p *Pending) walk(ctx context.Context, start domain.Name) (w walk) {
	p.ask(ctx, start)
	w.start, w.status = start, resolver.Secure
	var shortest *probe
	var buf [MaxQueries]domain.Name
	for _, d := range targets(buf[:0], start) {
		q := p.wait(ctx, p.find(d))
		w.steps[w.n] = q
		w.n++
		w.status = w.status.Worse(q.Status)
		if q.Found == FoundError {
			w.failed = q
			break
		}
		if q.Found != FoundRecord {
			continue
		}
		shortest = q
		if q.record.PSD != Undeclared { // steps 2 and 6: stop
			break
		}
	}
	w.first = w.steps[0]
	if w.failed == nil {
		w.choose(p, shortest)
	}
	return w
}

// choose selects the organizational domain. The walk stops at the first record
// with psd=y or psd=n, so only the last record found can have either.
func (w *walk) choose(p *Pending, last *probe) {
	switch {
	case last == nil:
		w.org = w.start
	case last.record.PSD == PublicSuffix && last.domain != w.start:
		w.org = w.start.Last(last.domain.Labels() + 1)
		w.psd = last
		if q := p.find(w.org); q != nil && w.has(q) && q.Found == FoundRecord {
			w.apex = q
		}
	default: // psd=n, or the record with the fewest labels
		w.org, w.apex = last.domain, last
	}
}

func (w *walk) has(q *probe) bool {
	for _, s := range w.steps[:w.n] {
		if s == q {
			return true
		}
	}
	return false
}

// evidence returns the steps in order.
func (w *walk) evidence() []Step {
	steps := make([]Step, w.n)
	for i, q := range w.steps[:w.n] {
		steps[i] = q.Step
	}
	return steps
}
