package spf

import (
	"context"
	"errors"

	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

// lookup asks one name: from what is known, from what was asked ahead, or from
// the resolver. The name is canonical.
func (k *check) lookup(name string, t resolver.Type) (*resolver.Answer, error) {
	a, err := k.answer(name, t)
	s := resolver.StatusOf(a, err)
	if k.asked {
		s = k.status.Worse(s)
	}
	k.status, k.asked = s, true
	if k.trace.on {
		k.trace.lookup(name, t, a, err)
	}
	return a, err
}

func (k *check) answer(name string, t resolver.Type) (*resolver.Answer, error) {
	if k.peeker != nil {
		if a, ok := k.peeker.Peek(name, t); ok {
			return a, nil
		}
		ctx := k.context()
		k.askRest(ctx)
		if w := k.rest.asked[question{name, t}]; w != nil {
			return k.await(ctx, w)
		}
	}
	return k.c.Resolver.Lookup(k.context(), name, t)
}

// context returns the context for DNS. It is made when first needed: a check
// whose names are all known starts no timer.
func (k *check) context() context.Context {
	if k.dns == nil {
		d := k.c.Timeout
		if d == 0 {
			d = DefaultTimeout
		}
		k.dns, k.cancel = context.WithTimeout(k.parent, d) // RFC 7208, Section 4.6.4
	}
	return k.dns
}

type question struct {
	name string
	t    resolver.Type
}

// waiting is a question that was asked ahead. done is closed when the rest is
// set.
type waiting struct {
	done   chan struct{}
	used   bool
	answer *resolver.Answer
	err    error

	panicked *panics.Panic
}

// pending keeps what of the current record may still be asked ahead, and what
// was.
type pending struct {
	record *Record
	next   int // index of the first directive not yet reached
	domain string
	asked  map[question]*waiting
	unused int // of asked, those that count as terms and were not needed yet
}

func (p *pending) set(r *Record, next int, domain string) {
	p.record, p.next, p.domain = r, next, domain
}

// askRest asks side by side for the names of those terms of the current record
// that will be needed unless one before them matches. With those it has asked
// before it stays within the terms that the limit leaves, so that a hostile
// record makes us ask at most twice what it could make us ask one by one.
func (k *check) askRest(ctx context.Context) {
	rec := k.rest.record
	if rec == nil {
		return
	}
	k.rest.record = nil
	for i := k.rest.next; i < len(rec.Directives); i++ {
		d := &rec.Directives[i]
		switch d.Mechanism {
		case All:
			return
		case IP4, IP6:
			if d.Prefix.Contains(k.ip) {
				return
			}
		case Include:
			k.askAhead(ctx, &d.Domain, resolver.TypeTXT)
		case A:
			k.askAhead(ctx, &d.Domain, k.addrType())
		case MX:
			k.askAhead(ctx, &d.Domain, resolver.TypeMX)
		}
	}
	if rec.Redirect.Text != "" {
		k.askAhead(ctx, &rec.Redirect.Domain, resolver.TypeTXT)
	}
}

// askAhead starts one question of a term unless the limit forbids it. Names with
// macros wait for their turn: to ask them is often the very purpose of the
// term.
func (k *check) askAhead(ctx context.Context, d *DomainSpec, t resolver.Type) {
	name := d.name
	if d.Text == "" {
		name = k.rest.domain
	}
	if d.macros || name == "" || k.lookups+k.rest.unused >= MaxLookups {
		return
	}
	if k.start1(ctx, name, t) {
		k.rest.unused++
	}
}

// askHosts asks for the addresses of all MX hosts but the first side by side.
// Those who called it have checked that they are no more than MaxMXNames.
func (k *check) askHosts(hosts []resolver.MX, t resolver.Type) {
	if k.peeker == nil || len(hosts) < 2 {
		return
	}
	if _, known := k.peeker.Peek(hosts[0].Host, t); known {
		return
	}
	ctx := k.context()
	for _, h := range hosts[1:] {
		if h.Host != "." {
			if k.start1(ctx, h.Host, t) {
				k.rest.asked[question{h.Host, t}].used = true
			}
		}
	}
}

// start1 starts a question in the background unless its answer is known or on
// its way.
func (k *check) start1(ctx context.Context, name string, t resolver.Type) bool {
	q := question{name, t}
	if k.rest.asked[q] != nil {
		return false
	}
	if _, known := k.peeker.Peek(name, t); known {
		return false
	}
	if k.rest.asked == nil {
		k.rest.asked = make(map[question]*waiting)
	}
	w := &waiting{done: make(chan struct{})}
	k.rest.asked[q] = w
	r := k.c.Resolver
	go func() {
		defer close(w.done)
		defer panics.Catch(&w.panicked)
		w.answer, w.err = r.Lookup(ctx, name, t)
	}()
	return true
}

// await returns the answer to a question that was asked ahead.
func (k *check) await(ctx context.Context, w *waiting) (*resolver.Answer, error) {
	if !w.used {
		w.used = true
		k.rest.unused--
	}
	select {
	case <-w.done:
		w.panicked.Throw()
		return w.answer, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isInvalidName reports whether a lookup failed because the name is none.
func isInvalidName(err error) bool {
	var e *resolver.Error
	return errors.As(err, &e) && e.Reason == resolver.InvalidName
}
