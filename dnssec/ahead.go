package dnssec

import (
	"context"
	"sync"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

// maxAhead is how many questions about zones are asked before their turn.
const maxAhead = 8

// early are questions asked before their turn: a signature names the zone, and
// so all DS and DNSKEY sets on the way to it, which then cost one round trip
// together and not two for each zone.
type early struct {
	mu      sync.Mutex
	waiting map[resolver.Question]*earlyReply
}

type earlyReply struct {
	done  chan struct{}
	reply *resolver.Reply
	err   error

	panicked *panics.Panic
}

// lookAhead asks for what proving the zones from top down to signer will need
// and nobody has. The function that it returns forgets the replies.
func (l *lookup) lookAhead(ctx context.Context, top, signer name) (forget func()) {
	var started []resolver.Question
	ask := func(zone name, t uint16) {
		q := resolver.Question{Name: zone.String(), Type: resolver.Type(t)}
		if len(started) < maxAhead && l.budget.fetches > 0 && l.askEarly(ctx, zone, q) {
			l.budget.fetches--
			started = append(started, q)
		}
	}
	for i := top.labels(); i <= signer.labels(); i++ {
		zone := signer.ancestor(i)
		if l.known(zone) != nil {
			continue
		}
		if zone != top {
			ask(zone, dns.TypeDS)
		}
		ask(zone, dns.TypeDNSKEY)
	}
	return func() {
		l.v.early.mu.Lock()
		defer l.v.early.mu.Unlock()
		for _, q := range started {
			delete(l.v.early.waiting, q)
		}
	}
}

// askEarly asks unless somebody is at it, and reports whether it did.
func (l *lookup) askEarly(ctx context.Context, zone name, q resolver.Question) bool {
	v := l.v
	v.early.mu.Lock()
	defer v.early.mu.Unlock()
	// In this order: what was under way a moment ago is known now.
	if v.early.waiting[q] != nil || v.flights.under(zone) || l.known(zone) != nil {
		return false
	}
	r := &earlyReply{done: make(chan struct{})}
	v.early.waiting[q] = r
	go func() {
		defer close(r.done)
		defer panics.Catch(&r.panicked)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		r.reply, r.err = v.fetch(ctx, q, nil)
	}()
	return true
}

// ask fetches a reply about a zone, or waits for the one that is on its way.
func (v *Validator) ask(ctx context.Context, q resolver.Question, avoid []string) (*resolver.Reply, error) {
	v.early.mu.Lock()
	r := v.early.waiting[q]
	v.early.mu.Unlock()
	if r == nil || len(avoid) > 0 {
		return v.fetch(ctx, q, avoid)
	}
	select {
	case <-r.done:
		r.panicked.Throw()
		return r.reply, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
