package dnssec

import (
	"context"

	"github.com/waxseal/waxseal/resolver"
)

// Elsewhere is a Source that can ask other servers than those whose replies were
// bogus: often one of several has an old copy of the zone.
type Elsewhere interface {
	// FetchElsewhere is Fetch that avoids the servers, named as in Reply.Server,
	// as long as there are others.
	FetchElsewhere(ctx context.Context, q resolver.Question, avoid []string) (*resolver.Reply, error)
}

// fetch asks the source, for the second time if there are servers to avoid.
func (v *Validator) fetch(ctx context.Context, q resolver.Question, avoid []string) (*resolver.Reply, error) {
	v.stats.fetches.Add(1)
	if e, ok := v.Source.(Elsewhere); ok && len(avoid) > 0 {
		return e.FetchElsewhere(ctx, q, avoid)
	}
	return v.Source.Fetch(ctx, q)
}

// canRetry reports whether the source has more than one opinion.
func (v *Validator) canRetry() bool {
	_, ok := v.Source.(Elsewhere)
	return ok
}

// runTwice runs the lookup, and once more with other servers if it ends bogus.
// Both are on one budget.
func (l *lookup) runTwice(ctx context.Context) (*resolver.Answer, error) {
	a, err := l.run(ctx)
	if !isBogusError(err) || !l.v.canRetry() || len(l.servers) == 0 {
		return a, err
	}
	again := newLookup(l.v, l.asked, resolver.Type(l.typ))
	again.now, again.checker.now = l.now, l.now
	again.work, again.avoid = l.work, l.servers
	if b, secondErr := again.run(ctx); secondErr == nil {
		l.work = again.work
		return b, nil
	}
	l.work = again.work
	return nil, err
}

// runTwice is the same for a zone.
func (s *survey) runTwice(ctx context.Context) (*cut, error) {
	c, err := s.run(ctx)
	if err != nil || c.kind != bogusZone || !s.v.canRetry() || len(s.servers) == 0 {
		return c, err
	}
	again := *s
	again.avoid, again.servers = s.servers, nil
	if b, err := again.run(ctx); err == nil {
		return b, nil
	}
	return c, nil
}
