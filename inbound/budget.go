package inbound

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

// Lookups that one message may cause, for each control by itself so that none
// can starve another (a record full of includes must not cost DMARC its walk).
// Each is above what the control's own limits allow in sum.
const (
	maxSPFLookups   = 150 // 10 terms, of them mx and ptr with 10 names in both families
	maxDKIMLookups  = 20  // 10 signatures
	maxARCLookups   = 110 // 50 sets with two keys
	maxDMARCLookups = 120 // a walk of 8 names per identifier, existence of the author domain
)

// dmarcShare is the part of a message's time for DNS that only DMARC may use,
// one in so many: it asks its last names when the other controls are done, and a
// stranger whose servers never answer makes SPF and DKIM wait to the end.
const dmarcShare = 4

// dnsTime is how long one message may still wait for DNS. Only the time in
// which some lookup is under way counts, so a slow sender of the body does not
// use it up.
type dnsTime struct {
	mu      sync.Mutex
	whole   time.Duration
	left    time.Duration
	waiting int // lookups under way
	since   time.Time
}

// start notes that a lookup begins and returns how long it may take.
func (d *dnsTime) start(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.left
	if d.waiting > 0 {
		left -= now.Sub(d.since)
	} else {
		d.since = now
	}
	d.waiting++
	return left
}

func (d *dnsTime) stop(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting--; d.waiting == 0 {
		d.left -= now.Sub(d.since)
	}
}

// used returns how much of the time is gone.
func (d *dnsTime) used(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	used := d.whole - d.left
	if d.waiting > 0 {
		used += now.Sub(d.since)
	}
	return used
}

// budget is a Resolver that holds one control of one message to its number of
// lookups and the message to its time. What is known already is free of time.
type budget struct {
	next resolver.Resolver
	peek resolver.Peeker // next, if it is one
	time *dnsTime
	keep time.Duration // of time, for others
	// fault takes the first panic of next; required.
	fault *atomic.Pointer[panics.Panic]

	mu   sync.Mutex
	left int
}

func (b *budget) init(r resolver.Resolver, t *dnsTime, keep time.Duration, lookups int) *budget {
	b.next, b.time, b.keep, b.left = r, t, keep, lookups
	b.peek, _ = r.(resolver.Peeker)
	return b
}

// Peek implements resolver.Peeker.
func (b *budget) Peek(name string, t resolver.Type) (*resolver.Answer, bool) {
	if b.peek == nil {
		return nil, false
	}
	return b.peek.Peek(name, t)
}

// Lookup implements resolver.Resolver.
func (b *budget) Lookup(ctx context.Context, name string, t resolver.Type) (a *resolver.Answer, err error) {
	if a, ok := b.Peek(name, t); ok {
		return a, nil
	}
	if !b.take() {
		return nil, &resolver.Error{Reason: resolver.Limit, Name: name, Type: t, Detail: "too many lookups for one message"}
	}
	left := b.time.start(time.Now()) - b.keep
	defer func() { b.time.stop(time.Now()) }()
	if left <= 0 {
		return nil, b.timeout(name, t)
	}
	// A fault in a source of answers must cost this message, not the process.
	defer func() {
		if p := panics.Of(recover()); p != nil {
			b.fault.CompareAndSwap(nil, p)
			a, err = nil, &resolver.Error{Reason: resolver.ServerFailed, Name: name, Type: t, Detail: p.Error()}
		}
	}()
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	a, err = b.next.Lookup(limited, name, t)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = b.timeout(name, t)
	}
	return a, err
}

func (b *budget) timeout(name string, t resolver.Type) error {
	return &resolver.Error{Reason: resolver.Timeout, Name: name, Type: t, Detail: "this message's time for DNS is used up"}
}

func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left--
	return b.left >= 0
}
