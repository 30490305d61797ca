package dmarc

import (
	"fmt"

	"github.com/waxseal/waxseal/domain"
)

// Reading7489 is what a receiver that still follows RFC 7489 concludes from the
// same message: it takes the organizational domain from the public suffix list,
// reads pct, and knows neither np, psd nor t.
type Reading7489 struct {
	Result       Result      `json:"result"`
	OrgDomain    domain.Name `json:"org_domain"`
	RecordDomain domain.Name `json:"record_domain"`
	Policy       Policy      `json:"policy"` // the one that applies; empty without a record
	Percent      int         `json:"pct"`
	Disposition  Policy      `json:"disposition"` // for the messages that pct selects
	Text         string      `json:"text"`        // the difference in one sentence
}

// reading7489 returns the RFC 7489 reading where it differs from e, else nil. It
// asks nothing: nil also where the walk did not come by the names it needs.
func (p *Pending) reading7489(e *Evaluation, ids []Identifier) *Reading7489 {
	r := Reading7489{Result: None, OrgDomain: e.From.Organizational(), Disposition: PolicyNone, Percent: fullPercent}
	q, ok := p.record7489(e.From, r.OrgDomain)
	if !ok {
		return nil
	}
	if q != nil && q.record.legacy.usable {
		l := &q.record.legacy
		r.RecordDomain, r.Policy, r.Percent = q.domain, l.policy, l.percent
		if q.domain != e.From && l.subdomain != "" {
			r.Policy = l.subdomain
		}
		r.Result = Pass
		if !aligned7489(e.From, r.OrgDomain, q.record, ids) {
			r.Result, r.Disposition = Fail, r.Policy
		}
	}
	sampled := r.Disposition != PolicyNone && r.Percent != fullPercent
	if r.Result == e.Result && r.Disposition == e.Disposition && r.OrgDomain == e.OrgDomain && !sampled &&
		(r.RecordDomain == e.RecordDomain || r.Result == None) {
		return nil
	}
	switch {
	case sampled:
		r.Text = fmt.Sprintf("an RFC 7489 reader applies %s to %d%% of such messages and %s to the others", r.Disposition, r.Percent, r.Disposition.Lower())
	case r.Result != e.Result:
		r.Text = r.explainResult(e, p.find(e.From))
	default:
		r.Text = r.explain(e)
	}
	return &r
}

// record7489 is policy discovery by RFC 7489, Section 6.6.3: the author domain,
// then the organizational domain; several records end it. ok is false if a name
// was not asked.
func (p *Pending) record7489(author, org domain.Name) (q *probe, ok bool) {
	for _, d := range [...]domain.Name{author, org} {
		q := p.find(d)
		switch {
		case q == nil || q.Found == "" || q.Found == FoundError:
			return nil, false
		case q.Found == FoundRecord:
			return q, true
		case q.Found == FoundSeveral:
			return nil, true
		}
	}
	return nil, true
}

func aligned7489(author, org domain.Name, rec *Record, ids []Identifier) bool {
	for i := range ids {
		id := &ids[i]
		if id.Result != resultPass || !id.usable() {
			continue
		}
		d, err := domain.Parse(id.Domain)
		if err != nil {
			continue
		}
		mode := rec.DKIMAlignment
		if id.Method == SPF {
			mode = rec.SPFAlignment
		}
		if d == author || mode == Relaxed && d.IsSubdomainOf(org) && d.Organizational() == org {
			return true
		}
	}
	return false
}

// explainResult says why the result is another one.
func (r *Reading7489) explainResult(e *Evaluation, own *probe) string {
	switch {
	case r.RecordDomain == "" && own.Found == FoundSeveral:
		return fmt.Sprintf("an RFC 7489 reader says none, because several records at %s end its search", own.Name)
	case r.RecordDomain == "" && e.From == r.OrgDomain:
		return fmt.Sprintf("an RFC 7489 reader says none, because it looks for a record only at %s", e.From)
	case r.RecordDomain == "":
		return fmt.Sprintf("an RFC 7489 reader says none, because it looks for a record only at %s and %s", e.From, r.OrgDomain)
	case e.Record != nil && e.Record.NoPolicy:
		return fmt.Sprintf("an RFC 7489 reader says %s, because it does not know the invalid np that keeps us from using the record", r.Result)
	case r.RecordDomain != e.RecordDomain:
		return fmt.Sprintf("an RFC 7489 reader says %s, because it takes the policy record of %s", r.Result, r.RecordDomain)
	}
	return fmt.Sprintf("an RFC 7489 reader says %s, because by the public suffix list the organizational domain is %s", r.Result, r.OrgDomain)
}

// explain says what differs with the same result.
func (r *Reading7489) explain(e *Evaluation) string {
	switch {
	case r.Disposition != e.Disposition && e.Testing && r.Policy.Lower() == e.Disposition:
		return fmt.Sprintf("an RFC 7489 reader does not know t=y and applies %s", r.Disposition)
	case r.Disposition != e.Disposition && e.Applied == "np" && r.RecordDomain == e.RecordDomain:
		return fmt.Sprintf("an RFC 7489 reader does not know np and applies %s", r.Disposition)
	case r.Disposition != e.Disposition:
		return fmt.Sprintf("an RFC 7489 reader applies %s, the policy that it reads at %s", r.Disposition, r.RecordDomain)
	case r.RecordDomain != e.RecordDomain:
		return fmt.Sprintf("an RFC 7489 reader takes the policy record of %s", r.RecordDomain)
	}
	return fmt.Sprintf("an RFC 7489 reader takes %s for the organizational domain", r.OrgDomain)
}
