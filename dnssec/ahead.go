package dnssec

import (
	"context"
	"sync"

	"github.com/miekg/dns"
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
}

// lookAhead asks for what proving the zones from top down to signer will need
// and nobody has. The function that it returns forgets what was not used.
func (l *lookup) lookAhead(ctx context.Context, top, signer name) (forget func()) {
	var started []resolver.Question
	ask := func(zone name, t uint16) {
		q := resolver.Question{Name: zone.String(), Type: resolver.Type(t)}
		if len(started) < maxAhead && l.budget.fetches > 0 && l.v.askEarly(ctx, q) {
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
		for _, q := range started {
			l.v.early.take(q)
		}
	}
}

// askEarly reports whether it is the one to ask.
func (v *Validator) askEarly(ctx context.Context, q resolver.Question) bool {
	v.early.mu.Lock()
	defer v.early.mu.Unlock()
	if v.early.waiting[q] != nil {
		return false
	}
	r := &earlyReply{done: make(chan struct{})}
	v.early.waiting[q] = r
	v.stats.fetches.Add(1)
	go func() {
		defer close(r.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		r.reply, r.err = v.Source.Fetch(ctx, q)
	}()
	return true
}

// take returns the question's early reply, if there is one, for one use.
func (e *early) take(q resolver.Question) *earlyReply {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.waiting[q]
	delete(e.waiting, q)
	return r
}

// ask fetches a reply about a zone, or waits for the one that is on its way.
func (v *Validator) ask(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	r := v.early.take(q)
	if r == nil {
		v.stats.fetches.Add(1)
		return v.Source.Fetch(ctx, q)
	}
	select {
	case <-r.done:
		return r.reply, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
