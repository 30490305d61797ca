package resolver

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Follow asks q, and goes on with the name that an alias leads to for as long as
// the part does not answer for it. The parts are in the order of the chain. The
// error is that of ask, or a *Error.
func Follow(ctx context.Context, q Question, ask func(context.Context, Question) (*Part, error)) ([]*Part, error) {
	var parts []*Part
	asked := map[string]bool{}
	links := 0
	for next := q; ; {
		p, err := ask(ctx, next)
		if err != nil {
			return nil, atAlias(q, next, err)
		}
		parts = append(parts, p)
		if links += p.Links; links > MaxLinks {
			return nil, tooManyLinks(q)
		}
		if p.Done {
			return parts, nil
		}
		asked[next.Name] = true
		if asked[p.Target] {
			return nil, loopError(q, p.Target)
		}
		next.Name = p.Target
	}
}

// atAlias makes an error about the target of an alias one about q.
func atAlias(q, at Question, err error) error {
	var e *Error
	if at == q || !errors.As(err, &e) {
		return err
	}
	whole := *e
	whole.Name = q.Name
	whole.Detail = strings.TrimSuffix("at its alias "+at.Name+": "+e.Detail, ": ")
	return &whole
}

// NewAnswer puts an answer to q together from the parts that Follow gave. Status
// is that of the whole; now is when the replies came.
func NewAnswer(q Question, parts []*Part, status Status, now time.Time) *Answer {
	last := parts[len(parts)-1]
	a := &Answer{Name: q.Name, Type: q.Type, Status: status, RCode: last.RCode, Records: last.Records}
	ttl := last.TTL
	if len(parts) > 1 {
		a.Records = nil
		for _, p := range parts {
			a.Records = append(a.Records, p.Records...)
			ttl = min(ttl, p.TTL)
		}
	}
	if ttl > 0 {
		a.Expires = now.Add(ttl)
	}
	return a
}
