package resolver

import (
	"context"
	"errors"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/panics"
)

// flight is one lookup that several callers may wait for.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int // guarded by the shard's lock

	// Set before done is closed.
	answer   *Answer
	err      error
	panicked *panics.Panic
}

// join waits for the outcome of q, looking it up if nobody does yet.
func (c *Cache) join(ctx context.Context, s *shard, q Question) (*Answer, error) {
	s.mu.Lock()
	if e := s.entries[q]; e != nil && c.now().Before(e.expires) {
		s.mu.Unlock()
		return e.outcome()
	}
	f := s.flights[q]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), MaxLookup)
		f.cancel = cancel
		s.flights[q] = f
		go c.fly(own, s, q, f)
	}
	f.waiting++
	s.mu.Unlock()
	select {
	case <-f.done:
		f.panicked.Throw() // to where the caller's own recover is
		return f.answer, f.err
	case <-ctx.Done():
		s.leave(q, f)
		return nil, ctx.Err()
	}
}

// leave gives up waiting; the last one out ends the lookup.
func (s *shard) leave(q Question, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	f.cancel()
	if s.flights[q] == f {
		delete(s.flights, q) // who comes now must not wait for a cancelled one
	}
}

// fly looks q up and stores the outcome.
func (c *Cache) fly(ctx context.Context, s *shard, q Question, f *flight) {
	defer f.cancel()
	defer close(f.done)
	defer func() {
		f.panicked = panics.Of(recover())
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.flights[q] == f {
			delete(s.flights, q)
		}
		now := c.now()
		if e := newEntry(q, f, now); e != nil {
			s.put(e, now)
		}
	}()
	f.answer, f.err = c.Resolver.Lookup(ctx, q.Name, q.Type)
	if errors.Is(f.err, context.DeadlineExceeded) && ctx.Err() != nil {
		f.err = &Error{Reason: Timeout, Name: q.Name, Type: q.Type, Detail: "no answer within " + MaxLookup.String()}
	}
}

// newEntry returns what is to be remembered of a flight; nil for nothing.
func newEntry(q Question, f *flight, now time.Time) *entry {
	if f.panicked != nil {
		return nil
	}
	if f.err == nil {
		if f.answer.Expires.IsZero() || !now.Before(f.answer.Expires) {
			return nil
		}
		return &entry{q: q, answer: f.answer, expires: f.answer.Expires, size: f.answer.size()}
	}
	keep := failureTTL(f.err)
	if keep == 0 {
		return nil
	}
	e := &entry{q: q, err: f.err, expires: now.Add(keep), size: errorWeight + int64(len(q.Name))}
	var re *Error
	if errors.As(f.err, &re) && re.Answer != nil {
		e.size += re.Answer.size()
	}
	return e
}

// failureTTL returns how long a failure is remembered (RFC 9520, Section 3.2).
func failureTTL(err error) time.Duration {
	var e *Error
	if !errors.As(err, &e) {
		return 0 // the caller's context ended
	}
	switch e.Reason {
	case BogusAnswer:
		return BogusTTL
	case ServerFailed, Limit, BadReply:
		return FailureTTL
	case Timeout, Unreachable:
		return TimeoutTTL
	}
	return 0
}

// Weights for the estimate of an answer's memory, in bytes.
const (
	answerWeight = 400 // Answer, entry, map cell, ring
	recordWeight = 120 // headers, slices and interface of a record and of its decoded value
)

// size estimates the memory that an answer takes, its decoded values included
// and its chain not.
func (a *Answer) size() int64 {
	n := answerWeight + 2*len(a.Name) + len(a.Reason)
	for _, rr := range a.Records {
		n += recordWeight + 2*dns.Len(rr)
	}
	if a.Proof != nil {
		for _, rr := range a.Proof.Signatures {
			n += recordWeight + 2*dns.Len(rr)
		}
		for _, rr := range a.Proof.Authority {
			n += recordWeight + 2*dns.Len(rr)
		}
	}
	return int64(n)
}
