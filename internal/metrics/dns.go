package metrics

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// canceled is the outcome of a lookup for which nobody waits any more.
const canceled = "canceled"

func (s *Set) defineDNS(d *definer) {
	outcomes := []string{canceled, "panic"}
	for _, st := range []resolver.Status{resolver.Secure, resolver.Insecure, resolver.Indeterminate, resolver.Bogus} {
		outcomes = append(outcomes, st.String())
	}
	// A bogus answer is an error whose word is that of its status.
	for _, r := range []resolver.Reason{
		resolver.Timeout, resolver.ServerFailed, resolver.Unreachable, resolver.Limit, resolver.BadReply, resolver.InvalidName, resolver.NoDNSSEC,
	} {
		outcomes = append(outcomes, outcomeWord(r))
	}
	v := d.counters("waxseal_dns_lookups_total",
		"DNS lookups that no cache could answer, by the DNSSEC status of the answer or by why there was none.",
		Label{"outcome", outcomes})
	s.lookups = newTally(v, outcomes)
	s.lookupTime = d.histogram("waxseal_dns_lookup_seconds", "Time of those lookups, with all that their proof needed.")
}

// outcomeWord is a reason as the value of a label.
func outcomeWord(r resolver.Reason) string {
	switch r {
	case resolver.ServerFailed:
		return "servfail"
	case resolver.Unreachable:
		return "unreachable"
	case resolver.Limit:
		return "limit"
	case resolver.BadReply:
		return "bad_reply"
	case resolver.InvalidName:
		return "invalid_name"
	case resolver.NoDNSSEC:
		return "no_dnssec"
	}
	return strings.ReplaceAll(string(r), " ", "_")
}

// Resolver counts the lookups of another one, which it stands in front of: between a
// cache and what the cache asks.
type Resolver struct {
	Resolver resolver.Resolver // required
	Set      *Set
	// Answered is told when an answer came; nil means that nobody is.
	Answered func(at time.Time)
}

// Lookup implements resolver.Resolver.
func (r *Resolver) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	begin := time.Now()
	returned := false
	defer func() {
		if !returned {
			r.Set.lookup("panic", time.Since(begin))
			r.Set.Panic(InLookup)
		}
	}()
	a, err := r.Resolver.Lookup(ctx, name, t)
	returned = true
	end := time.Now()
	r.Set.lookup(outcomeOf(a, err), end.Sub(begin))
	if err == nil && r.Answered != nil {
		r.Answered(end)
	}
	return a, err
}

func (s *Set) lookup(outcome string, took time.Duration) {
	if s != nil {
		s.lookups.Inc(outcome)
		s.lookupTime.Observe(took.Seconds())
	}
}

func outcomeOf(a *resolver.Answer, err error) string {
	if err == nil {
		return a.Status.String()
	}
	var e *resolver.Error
	switch {
	case errors.As(err, &e):
		return outcomeWord(e.Reason)
	case errors.Is(err, context.DeadlineExceeded):
		return string(resolver.Timeout)
	}
	return canceled
}
