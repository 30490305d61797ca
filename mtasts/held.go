package mtasts

import (
	"context"
	"time"
)

// Limits of what a Cache holds in memory, and how long.
const (
	maxHeld  = 20000
	heldFor  = time.Minute    // before the store is asked again
	usedStep = 24 * time.Hour // how exact Entry.Used is, to spare writes
)

// held is an entry in memory, nil for a domain that the store lacks.
type held struct {
	entry   *Entry
	at      time.Time
	unsaved bool // the store could not take it, and has an older one or none
}

// failure is a failed fetch. A record with another id may be fetched at once.
type failure struct {
	id  string
	at  time.Time
	err *Error
}

// load returns the live entry of the domain, nil without one; unread says that the
// store could not tell.
func (c *Cache) load(ctx context.Context, ev *Evaluation, now time.Time) (entry *Entry, unread bool) {
	c.mu.Lock()
	h, ok := c.held[ev.Domain]
	c.mu.Unlock()
	// Another process may write to the store or purge it; look again now and then.
	if c.Store != nil && (!ok || now.Sub(h.at) >= heldFor || now.Before(h.at)) {
		e, err := c.Store.Load(ctx, ev.Domain)
		switch {
		case err != nil:
			unread = true
			ev.fail(&Error{Reason: StoreFailed, Domain: ev.Domain, Detail: err.Error(), Err: err})
			if ok { // a store that hangs is not to be asked each time
				h = c.swap(ev.Domain, h, held{entry: h.entry, at: now, unsaved: h.unsaved})
			}
		case h.unsaved && (e == nil || !e.Fetched.After(h.entry.Fetched)):
			if err := c.saveAgain(ctx, h.entry, now); err != nil {
				ev.fail(err)
			}
		default:
			h = c.swap(ev.Domain, h, held{entry: e, at: now})
		}
	}
	if h.entry == nil || !h.entry.Live(now) {
		return nil, unread
	}
	return h.entry, unread
}

// swap holds fresh in the place of was and returns it, unless a fetch has put in
// another entry while the store was asked: then the store's may be from before.
func (c *Cache) swap(domain string, was, fresh held) held {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.held[domain]; h.entry != was.entry {
		return h
	}
	c.put(domain, fresh)
	return fresh
}

// saveAgain tries again to save an entry that the store could not take, unless
// somebody writes just now.
func (c *Cache) saveAgain(ctx context.Context, e *Entry, now time.Time) *Error {
	if !c.writing.TryLock() {
		return nil
	}
	defer c.writing.Unlock()
	c.mu.Lock()
	current := c.held[e.Domain].entry
	c.mu.Unlock()
	if current != e {
		return nil
	}
	return c.keep(ctx, e, now)
}

func (c *Cache) hold(domain string, h held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(domain, h)
}

// put is hold for who has locked mu.
func (c *Cache) put(domain string, h held) {
	if c.held == nil {
		c.held = make(map[string]held)
	}
	makeRoom(c.held)
	c.held[domain] = h
}

// keep holds an entry and saves it. It holds in this process even if it cannot be
// written down. The caller holds c.writing.
func (c *Cache) keep(ctx context.Context, e *Entry, now time.Time) *Error {
	c.hold(e.Domain, held{entry: e, at: now, unsaved: c.Store != nil})
	if c.Store == nil {
		return nil
	}
	if err := c.Store.Save(ctx, e); err != nil {
		return &Error{Reason: StoreFailed, Domain: e.Domain, Detail: err.Error(), Err: err}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[e.Domain].entry == e {
		c.held[e.Domain] = held{entry: e, at: now}
	}
	return nil
}

// makeRoom forgets one element, whichever, of a full map.
func makeRoom[V any](m map[string]V) {
	if len(m) < maxHeld {
		return
	}
	for k := range m {
		delete(m, k)
		return
	}
}

// touch notes that the policy was used, at most once a usedStep. While somebody
// else writes it is left to the next use.
func (c *Cache) touch(ctx context.Context, ev *Evaluation, e *Entry, now time.Time) {
	if now.Sub(e.Used) < usedStep || !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	used := *e
	used.Used = now
	if err := c.amend(ctx, e, &used, now); err != nil {
		ev.fail(err)
	}
}

// amend keeps fresh, which is old with other times of our own, unless old has been
// replaced meanwhile: what was fetched later must not be lost to a note about what
// was there before. The caller holds c.writing.
func (c *Cache) amend(ctx context.Context, old, fresh *Entry, now time.Time) *Error {
	c.mu.Lock()
	current := c.held[old.Domain]
	c.mu.Unlock()
	if current.entry != nil && !current.entry.same(old) {
		return nil
	}
	if c.Store != nil && !current.unsaved { // where another process may have written
		stored, err := c.Store.Load(ctx, old.Domain)
		if err != nil { // not to be asked for this each time
			c.hold(old.Domain, held{entry: fresh, at: current.at})
			return &Error{Reason: StoreFailed, Domain: old.Domain, Detail: err.Error(), Err: err}
		}
		if stored == nil || !stored.same(old) {
			c.hold(old.Domain, held{entry: stored, at: now})
			return nil
		}
	}
	return c.keep(ctx, fresh, now)
}

// backoff returns the failure that forbids a fetch now (RFC 8461, Section 3.3).
func (c *Cache) backoff(domain, id string, now time.Time) (*Error, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.failed[domain]
	if !ok || f.id != id || now.Sub(f.at) >= Backoff {
		return nil, false
	}
	return f.err, true
}

func (c *Cache) noteFailure(domain string, f failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = make(map[string]failure)
	}
	makeRoom(c.failed)
	c.failed[domain] = f
}

// Forget drops what the cache holds in memory of a domain, after an operator has
// deleted it from the store.
func (c *Cache) Forget(domain string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, domain)
	delete(c.failed, domain)
}

// Len returns of how many domains the policy, or that there is none, is held in
// memory.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}
