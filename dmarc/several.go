package dmarc

import (
	"context"
	"fmt"

	"github.com/waxseal/waxseal/message"
)

// MaxAuthorDomains is how many different author domains are evaluated (RFC
// 9989, Section 11.5 leaves the number to the receiver).
const MaxAuthorDomains = 4

// authors collects the different author domains.
func (p *Pending) authors(author *message.Author) {
	p.crowded = len(author.Addresses) >= message.MaxAuthors // there may be more
	p.partial = p.crowded
next:
	for i := range author.Addresses {
		d := author.Addresses[i].Domain
		if d == "" {
			p.partial = true // a null domain or a literal: not all can be evaluated
			continue
		}
		for _, seen := range p.domains {
			if seen == d {
				continue next
			}
		}
		if len(p.domains) == MaxAuthorDomains {
			p.partial, p.crowded = true, true
			return
		}
		p.domains = append(p.domains, d)
	}
}

// unusable is the outcome for a message without any author domain (RFC 9989,
// Section 5.3.1: validation is not possible).
func (p *Pending) unusable() Evaluation {
	problem := p.problem
	if problem == "" {
		problem = message.NoMailbox
	}
	return Evaluation{
		Result: PermError, Discovery: TreeWalk, Disposition: PolicyNone,
		Reason: "no author domain: " + p.describe(problem),
	}
}

func (p *Pending) describe(problem message.Problem) string {
	if p.detail == "" {
		return string(problem)
	}
	return string(problem) + ": " + p.detail
}

// certain reports whether the addresses are those of one readable From field.
// Then a message that passes for all of them passes, however From is written:
// they are all that any reader may take for the author. A repeated or malformed
// From leaves nothing of which alignment can be told (RFC 9989, Section 4.4).
func (p *Pending) certain() bool {
	return !p.partial && p.problem != message.SeveralFields && p.problem != message.Unparseable
}

// flag tells in the reason what is wrong with From, and takes a result back where
// it might vouch for an author that was not looked at.
func (p *Pending) flag(e *Evaluation) {
	if p.problem == "" && !p.partial {
		return
	}
	problem := p.problem
	if problem == "" {
		problem = message.SeveralAuthors
	}
	switch {
	case e.Result == Pass && !p.certain(), p.crowded && e.Result != TempError && e.Disposition == PolicyNone:
		// The author behind a crowd of others, whose domains ask for nothing, could
		// be the one that matters.
		e.Result = PermError
	}
	e.Reason = p.describe(problem) + "; " + e.Reason
}

// several evaluates each author domain and lets the strictest outcome decide
// (RFC 9989, Section 11.5).
func (p *Pending) several(ctx context.Context, ids []Identifier) Evaluation {
	authors := make([]Evaluation, len(p.domains))
	worst := 0
	for i, d := range p.domains {
		authors[i] = p.evaluate(ctx, d, ids)
		if severity(&authors[i]) > severity(&authors[worst]) {
			worst = i
		}
	}
	e := authors[worst]
	if len(authors) > 1 {
		e.Authors = authors
		e.Reason = fmt.Sprintf("%d author domains, %s decides: %s", len(authors), e.From, e.Reason)
	}
	if p.partial {
		e.Reason = "not all authors can be evaluated; " + e.Reason
	}
	p.flag(&e)
	return e
}

// severity orders outcomes: a failure that asks for something, then one that a
// failed lookup may hide, then the others; a pass counts only if all pass.
func severity(e *Evaluation) int {
	switch e.Result {
	case Fail:
		if e.Disposition != PolicyNone {
			return 10 + e.Disposition.rank()
		}
		return 5
	case TempError:
		return 8
	case PermError:
		return 4
	case None:
		return 3
	}
	return 0
}
