package dmarc

import (
	"context"

	"github.com/waxseal/waxseal/domain"
)

// Method is an authentication mechanism (RFC 9989, Section 4.3).
type Method string

// The mechanisms.
const (
	SPF  Method = "spf"
	DKIM Method = "dkim"
)

// The identities of SPF that Identifier.Identity tells apart (RFC 7208,
// Sections 2.3 and 2.4).
const (
	MailFrom = "mailfrom"
	HELO     = "helo"
)

// maxWalks is how many different domains of identifiers are walked: MAIL FROM
// and ten signatures. Only those at or below the organizational domain of the
// author need a walk, so that a stranger cannot reach it with domains of his own.
const maxWalks = 11

// Identifier is a domain that SPF or DKIM looked at, and what came of it.
type Identifier struct {
	Method Method `json:"method"`

	// Identity is MailFrom or HELO for SPF. Any other word never aligns.
	Identity string `json:"identity,omitempty"`

	// NullSender tells that MAIL FROM was empty. Only then can a HELO identity
	// align, because it stands in for MAIL FROM (RFC 7208, Section 2.4).
	NullSender bool `json:"null_sender,omitempty"`

	Domain   string `json:"domain"` // that of MAIL FROM, or d= of the signature
	Selector string `json:"selector,omitempty"`
	Result   string `json:"result"` // the word of RFC 8601; only "pass" can align
}

// Alignment tells of one identifier whether it aligns with the author domain.
type Alignment struct {
	Identifier
	OrgDomain domain.Name `json:"org_domain,omitempty"` // where it was needed
	Aligned   bool        `json:"aligned"`              // with result "pass"
	Reason    string      `json:"reason"`

	// undecided is the lookup that failed, or of the identifier itself, without
	// which nobody can say whether it aligns.
	undecided string
}

const (
	resultPass      = "pass"
	resultTempError = "temperror"
)

// alignments checks every identifier against the author domain of w.
func (p *Pending) alignments(ctx context.Context, w *walk, policy *Record, ids []Identifier) []Alignment {
	if len(ids) == 0 {
		return nil
	}
	out := make([]Alignment, len(ids))
	for i := range ids {
		a := &out[i]
		a.Identifier = ids[i]
		switch {
		case a.Result != resultPass && a.Result != resultTempError:
			a.Reason = "only an identifier that passed can align"
		case !a.usable():
			a.Reason = "the HELO identity counts only when MAIL FROM is empty"
			if a.Identity != HELO {
				a.Reason = "not an identity that DMARC uses"
			}
		default:
			p.align(ctx, w, policy, a)
			a.weigh()
		}
	}
	return out
}

// usable reports whether DMARC relies on this identity (RFC 9989, Sections
// 4.4.1 and 4.4.2).
func (id *Identifier) usable() bool {
	switch id.Method {
	case DKIM:
		return true
	case SPF:
		return id.Identity == MailFrom || id.Identity == HELO && id.NullSender
	}
	return false
}

// align sets Aligned as if the identifier had passed.
func (p *Pending) align(ctx context.Context, w *walk, policy *Record, a *Alignment) {
	d, err := domain.Parse(a.Domain)
	mode := policy.DKIMAlignment
	if a.Method == SPF {
		mode = policy.SPFAlignment
	}
	switch {
	case a.Domain == "" && a.Result == resultTempError:
		a.undecided = string(a.Method) + " gave temperror for a domain that is not known"
	case err != nil:
		a.Reason = "not a domain name"
	case d == w.start:
		a.Aligned, a.OrgDomain = true, w.org
		a.Reason = "is the author domain"
	case mode == Strict:
		a.Reason = "is not the author domain, and the policy asks for strict alignment"
	case d.Last(1) != w.start.Last(1):
		a.Reason = "has no ancestor in common with the author domain"
	case w.failed != nil:
		a.undecided = lookupFailed(w.failed)
	case !d.IsSubdomainOf(w.org):
		// The organizational domain of d is d or an ancestor of d, so this needs
		// no lookup, and strangers' names are never asked for.
		a.Reason = "is not below the organizational domain " + string(w.org)
	default:
		p.alignRelaxed(ctx, w, a, d)
	}
}

func (p *Pending) alignRelaxed(ctx context.Context, w *walk, a *Alignment, d domain.Name) {
	if p.find(d) == nil {
		if p.walks == maxWalks {
			a.Reason = "too many different domains to walk"
			return
		}
		p.walks++
	}
	v := p.walk(ctx, d)
	switch {
	case v.failed != nil:
		a.undecided = lookupFailed(v.failed)
		return
	case v.org == w.org:
		a.Aligned = true
		a.Reason = "has the same organizational domain"
		w.status = w.status.Worse(v.status)
	default:
		a.Reason = "has another organizational domain"
	}
	a.OrgDomain = v.org
}

// weigh brings in the identifier's own result.
func (a *Alignment) weigh() {
	if a.Result == resultTempError && a.Aligned {
		a.undecided = string(a.Method) + " of " + a.Domain + " gave temperror"
	}
	if a.undecided != "" {
		a.Aligned, a.Reason = false, a.undecided
	}
}

func lookupFailed(q *probe) string {
	return "lookup of " + q.Name + " failed: " + q.Reason
}
