package mtasts

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/waxseal/waxseal/internal/panics"
	"golang.org/x/sync/singleflight"
)

// Status is what Policy found.
type Status string

// The statuses. Only with Valid is there a policy to follow; all others mean
// that the domain has none that is known (RFC 8461, Section 5.1).
const (
	Valid     Status = "valid"
	None      Status = "none"        // no record
	Malformed Status = "invalid"     // the record or the policy is broken
	Unfetched Status = "fetch-error" // a record, but no policy could be had
	TempError Status = "temperror"   // the record could not be looked up, or the fetch not be waited for
)

// Source says where a policy comes from.
type Source string

// The sources.
const (
	FromNetwork Source = "fetched"
	FromCache   Source = "cache"
)

// Evaluation is the evidence of one question for a domain's policy.
type Evaluation struct {
	Domain string  `json:"domain"`
	Status Status  `json:"status"`
	ID     string  `json:"id"`     // of the policy; without one, of the record
	Policy *Policy `json:"policy"` // nil unless Valid; shared, not to be changed
	Source Source  `json:"source,omitempty"`
	// Fetched and Expires are those of the policy.
	Fetched time.Time `json:"fetched,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	Lookup  Lookup    `json:"lookup"`
	// Errors is what went wrong, also where a cached policy makes up for it.
	Errors []*Error `json:"errors"`
	// Downgrade is set when a fetch replaced an enforced policy by a weaker mode:
	// the operator should hear of it, for it may be an attack or a mistake.
	Downgrade Mode `json:"downgrade,omitempty"`
}

// Cache answers for the policies of domains. It may be used by several goroutines.
type Cache struct {
	// Fetcher fetches policies; its Resolver also looks up the records. Required.
	Fetcher *Fetcher
	// Store keeps the policies; nil keeps them in memory alone.
	Store Store
	// Wait is how long a live policy waits for the one that a new id announces, before
	// it is used once more; 0 means DefaultWait. Who forges ids is not to hold up mail.
	Wait time.Duration
	// Time is the clock; nil means time.Now.
	Time func() time.Time
	// Random returns a number in [0,1) that spreads refreshes; nil means
	// math/rand/v2.
	Random func() float64

	flight  singleflight.Group
	writing sync.Mutex // held from looking at what the store has to writing to it
	mu      sync.Mutex
	held    map[string]held
	failed  map[string]failure
}

// DefaultWait is the Wait of a Cache that says nothing else.
const DefaultWait = 5 * time.Second

func (c *Cache) now() time.Time {
	if c.Time != nil {
		return c.Time()
	}
	return time.Now()
}

// Policy returns the policy of a policy domain, which is in canonical form. It
// looks up the record each time, so that a new id is honoured at once, and fetches
// when there is no live policy of that id. A live policy stays in force until it
// expires, whatever happens to record and host (RFC 8461, Section 3.3 and 5.1). When
// ctx ends before a fetch does, the fetch goes on for those who ask next.
func (c *Cache) Policy(ctx context.Context, domain string) *Evaluation {
	ev := &Evaluation{Domain: domain, Errors: []*Error{}}
	now := c.now()
	entry, unread := c.load(ctx, ev, now)
	rec, lookup, err := LookupRecord(ctx, c.Fetcher.Resolver, domain)
	ev.Lookup = lookup
	switch {
	case err != nil:
		ev.fail(err)
	case entry != nil && entry.ID == rec.ID:
	default:
		ev.ID = rec.ID
		wait := ctx
		if entry != nil {
			var cancel context.CancelFunc
			wait, cancel = context.WithTimeout(ctx, cmp.Or(c.Wait, DefaultWait))
			defer cancel()
		}
		if fresh, ok := c.refetch(wait, ev, rec.ID, now); ok {
			ev.Source = FromNetwork
			ev.Downgrade = downgrade(entry, fresh)
			entry = fresh
		}
	}
	switch {
	case entry != nil:
		ev.use(entry)
		c.touch(ctx, ev, entry, now)
	case unread && ev.Status != None:
		// The domain has a record, so the store may have its policy: whoever can block
		// the fetch is not to profit from a store that fails.
		ev.Status = TempError
	}
	return ev
}

// fail keeps an error and, while there is no policy, lets it decide the status.
func (ev *Evaluation) fail(err *Error) {
	ev.Errors = append(ev.Errors, err)
	switch err.Reason.Kind() {
	case NotThere:
		ev.Status = None
	case Temporary:
		ev.Status = TempError
	case Invalid:
		ev.Status = Malformed
	case Local:
	default:
		ev.Status = Unfetched
	}
}

func (ev *Evaluation) use(e *Entry) {
	ev.Status, ev.ID, ev.Policy = Valid, e.ID, &e.Policy
	ev.Source = cmp.Or(ev.Source, FromCache)
	ev.Fetched, ev.Expires = e.Fetched, e.Expires
}

// StoreError returns what failed in the Store, nil if nothing did.
func (ev *Evaluation) StoreError() *Error {
	for _, err := range ev.Errors {
		if err.Reason == StoreFailed {
			return err
		}
	}
	return nil
}

// downgrade returns the mode of a policy that weakens an enforced one.
func downgrade(old, fresh *Entry) Mode {
	if old != nil && old.Policy.Mode == Enforce && fresh.Policy.Mode != Enforce {
		return fresh.Policy.Mode
	}
	return ""
}

// refetch fetches the policy that the record's id announces, unless that failed
// just now, and keeps it. Several askers share one fetch.
func (c *Cache) refetch(ctx context.Context, ev *Evaluation, id string, now time.Time) (*Entry, bool) {
	if f, ok := c.backoff(ev.Domain, id, now); ok {
		ev.fail(f)
		ev.Errors = append(ev.Errors, &Error{Reason: BackingOff, Domain: ev.Domain})
		return nil, false
	}
	// The askers may go, the fetch may serve those who come.
	alone := context.WithoutCancel(ctx)
	flight := c.flight.DoChan(ev.Domain+" "+id, func() (any, error) { return c.fetch(alone, ev.Domain, id), nil })
	var got fetched
	select {
	case r := <-flight:
		got = r.Val.(fetched)
	case <-ctx.Done():
		ev.fail(&Error{Reason: NotAwaited, Domain: ev.Domain, Err: context.Cause(ctx)})
		return nil, false
	}
	for _, err := range []*Error{got.failed, got.unsaved} {
		if err != nil {
			ev.fail(err)
		}
	}
	return got.entry, got.entry != nil
}

// fetched is the outcome of a fetch: an entry or a failure, and the store's.
type fetched struct {
	entry           *Entry
	failed, unsaved *Error
}

// fetch fetches and keeps a policy. A fault in it costs this fetch: the group of
// fetches would end the process over a panic, and so would the background refresh.
func (c *Cache) fetch(ctx context.Context, domain, id string) (got fetched) {
	defer func() {
		if p := panics.Of(recover()); p != nil {
			got = fetched{failed: &Error{Reason: Faulted, Domain: domain, Detail: fmt.Sprint(p.Value), Err: p}}
		}
	}()
	p, _, err := c.Fetcher.Fetch(ctx, domain)
	now := c.now()
	if err != nil {
		// RFC 8461, Section 3.3: a failed fetch never replaces a live policy.
		c.noteFailure(domain, failure{id, now, err.(*Error)})
		return fetched{failed: err.(*Error)}
	}
	e := &Entry{
		Domain: domain, ID: id, Policy: *p,
		Fetched: now, Expires: now.Add(p.Lifetime()), Used: now,
		Refresh: now.Add(RefreshAfter(p.Lifetime(), c.random())),
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	return fetched{entry: e, unsaved: c.keep(ctx, e, now)}
}

func (c *Cache) random() float64 {
	if c.Random != nil {
		return c.Random()
	}
	return rand.Float64()
}
