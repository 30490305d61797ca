// Package iterative finds answers from the root servers down (RFC 1034, Section
// 5.3.3), with EDNS and DO (RFC 6891, RFC 3225), cookies (RFC 7873), random
// letter case, and minimised names (RFC 9156, relaxed). It validates nothing:
// its replies go to dnssec.Validator.
//
// A reply holds only what the zone whose server was asked may speak of. The
// delegations on the way, with the DS records or the proof of their absence,
// are remembered, so that the DS questions of a validator rarely cost a query.
// Where RFC 9156 asks name by name, labels that begin with an underscore are
// asked together with the name they belong to: no zone begins there.
package iterative

import (
	"context"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// Source implements resolver.Source. The zero value works. The fields must not
// change once it is in use.
type Source struct {
	// Hints are the root servers; nil means the built-in list.
	Hints *Hints
	// Port is where servers listen; zero means 53.
	Port uint16
	// Exchanger has the time limits of one query and the dialer. While its
	// UDPTimeout is zero, servers are given the time that they needed before.
	Exchanger resolver.Exchanger
	// Time is used for the age of what is remembered; nil means time.Now.
	Time func() time.Time

	NoMinimisation bool // send the full name to every server
	NoRandomCase   bool // send names in lower case
	NoIPv4         bool // do not ask servers over IPv4
	NoIPv6         bool // do not ask servers over IPv6
	// Loopback allows servers on loopback addresses, for tests: otherwise a
	// stranger's zone could make us query services of this host.
	Loopback bool
	// Trace is told of every query, if not nil. It must be safe for concurrent
	// use.
	Trace func(Exchange)

	once        sync.Once
	secret      [16]byte // for client cookies
	running     chan struct{}
	delegations *cache[*delegation]
	addresses   *cache[hostAddrs]
	servers     *cache[*server]
}

// Exchange is one query and what came of it.
type Exchange struct {
	Server   string        `json:"server"`
	Network  string        `json:"network"` // udp or tcp
	Zone     string        `json:"zone"`    // on whose behalf the server was asked
	Name     string        `json:"name"`
	Type     resolver.Type `json:"type"`
	RCode    string        `json:"rcode"` // empty if there was no reply
	Duration time.Duration `json:"duration"`
	Error    string        `json:"error,omitempty"`
}

func (s *Source) prepare() {
	if _, err := rand.Read(s.secret[:]); err != nil {
		panic(err)
	}
	s.running = make(chan struct{}, maxRunning)
	s.delegations = newCache[*delegation](maxDelegations)
	s.addresses = newCache[hostAddrs](maxHosts)
	s.servers = newCache[*server](maxServers)
}

func (s *Source) now() time.Time {
	if s.Time == nil {
		return time.Now()
	}
	return s.Time()
}

// Fetch implements resolver.Source.
func (s *Source) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	return s.FetchElsewhere(ctx, q, nil)
}

// FetchElsewhere is Fetch that asks the named servers, and believes a remembered
// referral, only where nothing else is left. It is for replies that turned out
// to be bogus: one of several servers may have an old copy of the zone.
func (s *Source) FetchElsewhere(ctx context.Context, q resolver.Question, avoid []string) (*resolver.Reply, error) {
	avoided := make(map[netip.Addr]bool)
	for _, server := range avoid {
		if a, err := netip.ParseAddr(server); err == nil {
			avoided[a] = true
		}
	}
	s.once.Do(s.prepare)
	name := dns.CanonicalName(q.Name)
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, &resolver.Error{Reason: resolver.InvalidName, Name: q.Name, Type: q.Type}
	}
	own, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	w := &walk{s: s, asked: q, avoid: avoided}
	reply, err := w.resolve(own, name, uint16(q.Type))
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return reply, err
}

// usable reports whether a server at the address may be asked.
func (s *Source) usable(a netip.Addr) bool {
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case a.IsLoopback() && !s.Loopback:
		return false
	case a.Is4():
		return !s.NoIPv4
	}
	return !s.NoIPv6 && !a.Is4In6()
}
