// Package upstream asks recursive servers: those of the system, of the operator,
// or one on loopback. It is a stub resolver in the sense of RFC 1034, Section
// 5.3.1, with the defences of RFC 5452, EDNS (RFC 6891), TCP where UDP does not
// do (RFC 7766) and DNS over TLS (RFC 7858) where it is told to.
//
// What a server says about DNSSEC, the AD bit, is never read: package dnssec
// validates, and for that asks for DO and CD.
package upstream

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// Limits of one lookup and of one Client.
const (
	Budget      = resolver.MaxLookup // one lookup over all servers
	Tries       = 2                  // for each server
	MaxInFlight = 512                // lookups at once; others wait
	MaxServers  = 16                 // those after are not used
)

// How long a server that failed is asked only after the others: it doubles with
// each failure.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

// Client is a resolver.Source that asks recursive servers. It is safe for
// concurrent use and must not be copied.
type Client struct {
	// Servers are asked in this order, those that failed lately last. Required.
	Servers []resolver.Server

	// DNSSEC asks for signatures (DO) and for answers that the server holds to
	// be bogus as well (CD), as a validator needs it.
	DNSSEC bool

	Tries  int           // for each server; 0 means Tries
	Budget time.Duration // of one lookup; 0 means Budget

	// Exchanger has the time limits of one try and the dialer. Without an Idle
	// it gets one with the first lookup.
	Exchanger resolver.Exchanger

	// Time is the clock of the pauses; nil means time.Now.
	Time func() time.Time

	once  sync.Once
	slots chan struct{}
	mu    sync.Mutex
	known map[resolver.Server]*record
}

var _ resolver.Source = (*Client)(nil)

// record is what is known of a server.
type record struct {
	failures  int // since the last success
	until     time.Time
	noEDNS    bool
	plainCase bool
	signing   signing
	probed    time.Time // when signing was found out
}

func (c *Client) init() {
	c.slots = make(chan struct{}, MaxInFlight)
	c.known = map[resolver.Server]*record{}
	if c.Exchanger.Idle == nil {
		c.Exchanger.Idle = new(resolver.Idle)
	}
}

// Close closes the connections that are kept open over TLS; unused ones close
// by themselves within seconds.
func (c *Client) Close() error {
	c.once.Do(c.init)
	return c.Exchanger.Idle.Close()
}

func (c *Client) now() time.Time {
	if c.Time != nil {
		return c.Time()
	}
	return time.Now()
}

// Fetch implements resolver.Source. A SERVFAIL, REFUSED or the like is the reply
// only when no server has a better one; with DNSSEC that holds for the replies
// of a server that leaves signatures out, too.
func (c *Client) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	return c.FetchElsewhere(ctx, q, nil)
}

// FetchElsewhere is Fetch that asks the named servers, as in Reply.Server, last.
// It is for replies that turned out to be bogus: another server may be honest.
func (c *Client) FetchElsewhere(ctx context.Context, q resolver.Question, avoid []string) (*resolver.Reply, error) {
	c.once.Do(c.init)
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	budget := c.Budget
	if budget <= 0 {
		budget = Budget
	}
	own, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	reply, err := c.fetch(own, q, avoid)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return reply, err
}

func (c *Client) fetch(ctx context.Context, q resolver.Question, avoid []string) (*resolver.Reply, error) {
	tries := c.Tries
	if tries <= 0 {
		tries = Tries
	}
	l := lookup{client: c, q: q, silent: c.order()}
	if len(avoid) > 0 {
		slices.SortStableFunc(l.silent, func(a, b resolver.Server) int {
			return avoided(a, avoid) - avoided(b, avoid)
		})
	}
	if len(l.silent) == 0 {
		return nil, &resolver.Error{Reason: resolver.Unreachable, Name: q.Name, Type: q.Type, Detail: "no servers are configured"}
	}
	for range tries {
		for _, s := range slices.Clone(l.silent) {
			if reply := l.try(ctx, s); reply != nil {
				return reply, nil
			}
			if ctx.Err() != nil {
				break
			}
		}
	}
	if l.poor != nil {
		return l.poor, nil
	}
	return nil, l.failure()
}

// avoided is the rank of a server in the order of FetchElsewhere.
func avoided(s resolver.Server, avoid []string) int {
	if slices.Contains(avoid, s.String()) {
		return 1
	}
	return 0
}

// lookup is the state of one Fetch.
type lookup struct {
	client *Client
	q      resolver.Question
	silent []resolver.Server // those that have not replied
	poor   *resolver.Reply   // a reply that another server may better
	errs   []*resolver.Error // in the order of the tries
}

// try asks one server and returns its reply if it settles the question.
func (l *lookup) try(ctx context.Context, s resolver.Server) *resolver.Reply {
	out, err := l.client.Exchanger.Exchange(ctx, s, l.client.query(s, l.q))
	l.client.learn(s, out, err)
	if err != nil {
		var e *resolver.Error
		if !errors.As(err, &e) {
			e = &resolver.Error{Reason: resolver.Timeout, Detail: s.String()} // the budget ended
		}
		l.errs = append(l.errs, e)
		return nil
	}
	l.silent = slices.DeleteFunc(l.silent, func(o resolver.Server) bool { return o == s })
	reply := &resolver.Reply{Msg: out.Msg, Server: s.String()}
	if !settles(out.Msg) {
		if l.poor == nil {
			l.poor = reply
		}
		return nil
	}
	if l.client.strips(ctx, s, out.Msg) && l.client.anyReady(l.silent) {
		if l.poor == nil || !settles(l.poor.Msg) {
			l.poor = reply
		}
		return nil
	}
	return reply
}

// settles reports whether another server need not be asked: the reply is an
// answer, not a failure and not a referral.
func settles(m *dns.Msg) bool {
	switch m.Rcode {
	case dns.RcodeNameError, dns.RcodeYXDomain:
		return true
	case dns.RcodeSuccess:
	default:
		return false
	}
	if len(m.Answer) > 0 {
		return true
	}
	referral := false
	for _, rr := range m.Ns {
		switch rr.(type) {
		case *dns.SOA:
			return true
		case *dns.NS:
			referral = true
		}
	}
	return !referral
}

// failure puts the failed tries into one error; its reason is that of the last,
// but a timeout if there was any: then it is worth trying again.
func (l *lookup) failure() error {
	e := &resolver.Error{Reason: resolver.Timeout, Name: l.q.Name, Type: l.q.Type}
	var tried []string
	timeout := false
	for _, o := range l.errs {
		e.Reason = o.Reason
		timeout = timeout || o.Reason == resolver.Timeout
		text := o.Detail
		if o.Reason == resolver.Timeout {
			text += ": no reply in time"
		}
		if !slices.Contains(tried, text) {
			tried = append(tried, text)
		}
	}
	if timeout {
		e.Reason = resolver.Timeout
	}
	e.Detail = strings.Join(tried, "; ")
	return e
}

// order returns the servers to ask, those in a pause last, the one whose pause
// ends first before the others.
func (c *Client) order() []resolver.Server {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	servers := slices.Clone(c.Servers[:min(len(c.Servers), MaxServers)])
	pause := func(s resolver.Server) time.Duration {
		r := c.known[s]
		switch {
		case r != nil && now.Before(r.until):
			return r.until.Sub(now)
		case r != nil && c.DNSSEC && r.signing == strips:
			return time.Millisecond // after those of which better is known
		}
		return 0
	}
	slices.SortStableFunc(servers, func(a, b resolver.Server) int {
		return int(pause(a)/time.Millisecond - pause(b)/time.Millisecond)
	})
	return servers
}

// query returns q as s is to be asked.
func (c *Client) query(s resolver.Server, q resolver.Question) resolver.Query {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := resolver.Query{Question: q, RecursionDesired: true, DNSSEC: c.DNSSEC, CheckingDisabled: c.DNSSEC}
	if r := c.known[s]; r != nil {
		out.PlainCase = r.plainCase
		out.NoEDNS = r.noEDNS && !c.DNSSEC // without EDNS there are no signatures
	}
	return out
}

// learn remembers how a try went. That the caller gave up says nothing.
func (c *Client) learn(s resolver.Server, out *resolver.Outcome, err error) {
	var e *resolver.Error
	if err != nil && !errors.As(err, &e) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.record(s)
	if err == nil {
		r.failures, r.until = 0, time.Time{}
		r.noEDNS = r.noEDNS || out.NoEDNS
		r.plainCase = r.plainCase || out.PlainCase
		return
	}
	r.until = c.now().Add(min(firstPause<<min(r.failures, 10), maxPause))
	r.failures++
}

// record returns what is known of s, with the lock held.
func (c *Client) record(s resolver.Server) *record {
	r := c.known[s]
	if r == nil {
		r = new(record)
		c.known[s] = r
	}
	return r
}
