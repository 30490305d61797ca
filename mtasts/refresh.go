package mtasts

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/waxseal/waxseal/internal/panics"
	"golang.org/x/sync/errgroup"
)

// When policies are fetched again without being asked for (RFC 8461, Section 10.2
// wants it often enough that a policy blocked at its expiry is no way out).
const (
	// RefreshEvery is the longest time between two fetches.
	RefreshEvery = 24 * time.Hour
	// UsedWithin is how lately a domain must have been mailed.
	UsedWithin = 30 * 24 * time.Hour
	// retryEvery is how soon after a failure the next try comes.
	retryEvery = time.Hour
	// refreshAtOnce is how many policies are fetched side by side: hosts that take all
	// of FetchTimeout, which anybody can run, must not keep those of others from being
	// renewed until they expire.
	refreshAtOnce = 32
)

// RefreshAfter returns how long after its fetch a policy is fetched again: a random
// moment, given by random in [0,1), between half and the whole of a day or of half
// the policy's life, whichever is less. Nobody can lie in wait for it.
func RefreshAfter(lifetime time.Duration, random float64) time.Duration {
	most := min(RefreshEvery, lifetime/2)
	return most/2 + time.Duration(random*float64(most/2))
}

// Action is what is to be done with a due entry.
type Action string

// The actions.
const (
	Fetch  Action = "fetch"
	Keep   Action = "keep"   // until it expires; nobody mails the domain
	Delete Action = "delete" // it has expired
)

// Decide returns what is to be done with an entry whose Refresh has come.
func Decide(e *Entry, now time.Time) Action {
	switch {
	case !e.Live(now):
		return Delete
	case now.Sub(e.Used) > UsedWithin:
		return Keep
	}
	return Fetch
}

// Refreshed is what became of one entry.
type Refreshed struct {
	Domain string   `json:"domain"`
	Action Action   `json:"action"`
	Errors []*Error `json:"errors,omitempty"`
	// Downgrade is as in Evaluation.
	Downgrade Mode `json:"downgrade,omitempty"`
}

// Refresh deals with at most limit entries of the index that are due, several at a
// time. It is to be called every few minutes. The error is the index's or the store's:
// after one, no further entry is begun.
func (c *Cache) Refresh(ctx context.Context, index Index, limit int) ([]Refreshed, error) {
	now := c.now()
	due, failed := index.Due(ctx, now, limit)
	all, errs := make([]*Refreshed, len(due)), make([]error, len(due))
	caught := make([]*panics.Panic, len(due))
	var stop atomic.Bool
	var work errgroup.Group
	work.SetLimit(refreshAtOnce)
	for i, e := range due {
		work.Go(func() error {
			defer panics.Catch(&caught[i])
			if stop.Load() || ctx.Err() != nil {
				return nil
			}
			all[i] = &Refreshed{Domain: e.Domain, Action: Decide(e, now)}
			if errs[i] = c.act(ctx, index, e, all[i]); errs[i] != nil {
				stop.Store(true)
			}
			return nil
		})
	}
	_ = work.Wait()
	var out []Refreshed
	for i, r := range all {
		caught[i].Throw()
		if r != nil {
			out = append(out, *r)
		}
	}
	return out, errors.Join(append([]error{failed}, errs...)...)
}

// act does what was decided about an entry.
func (c *Cache) act(ctx context.Context, index Index, e *Entry, r *Refreshed) error {
	switch r.Action {
	case Delete:
		c.Forget(e.Domain)
		return index.Delete(ctx, e.Domain)
	case Keep:
		return c.postpone(ctx, e, e.Expires)
	}
	return c.refresh(ctx, e, r)
}

// refresh fetches the policy again, also when the id has not changed: that renews
// max_age (RFC 8461, Section 3.3). Without a record it is left to run out.
func (c *Cache) refresh(ctx context.Context, e *Entry, r *Refreshed) error {
	rec, _, failed := LookupRecord(ctx, c.Fetcher.Resolver, e.Domain)
	if failed == nil {
		got := c.fetch(ctx, e.Domain, rec.ID)
		if got.entry != nil {
			r.Downgrade = downgrade(e, got.entry)
			fresh := *got.entry
			fresh.Used = e.Used // a refresh is no use
			return c.postpone(ctx, &fresh, fresh.Refresh)
		}
		failed = got.failed
	}
	r.Errors = append(r.Errors, failed)
	return c.postpone(ctx, e, c.now().Add(time.Duration((0.5+c.random()/2)*float64(retryEvery))))
}

// postpone saves the entry with another time of refresh.
func (c *Cache) postpone(ctx context.Context, e *Entry, until time.Time) error {
	later := *e
	later.Refresh = until
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.amend(ctx, e, &later, c.now()); err != nil {
		return err // not a nil *Error
	}
	return nil
}

func sortByRefresh(es []*Entry) {
	slices.SortFunc(es, func(a, b *Entry) int { return a.Refresh.Compare(b.Refresh) })
}
