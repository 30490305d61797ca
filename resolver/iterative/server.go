package iterative

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// hostAddrs are the addresses of a name server that was looked up.
type hostAddrs struct {
	addrs   []netip.Addr
	expires time.Time
}

// server is what was learned about one address.
type server struct {
	mu       sync.Mutex
	rtt      time.Duration // smoothed; zero: never answered
	failures int
	until    time.Time // asked last until then
	noEDNS   bool
	// plainCase is for a server that does not copy the letter case of names.
	plainCase bool
	cookie    string // to send, in hexadecimal; empty before it gave one
}

// The penalties of failed.
const (
	silentServer = deadTime
	lameServer   = deadTime / 10
)

func (s *Source) server(a netip.Addr) *server {
	return s.servers.getOr(a.String(), func() *server { return new(server) })
}

func (v *server) answered(rtt time.Duration, out *resolver.Outcome) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.noEDNS = v.noEDNS || out.NoEDNS
	v.plainCase = v.plainCase || out.PlainCase
	if out.Cookie != "" {
		v.cookie = out.Cookie
	}
	if v.rtt == 0 {
		v.rtt = rtt
	}
	v.rtt = (7*v.rtt + rtt) / 8
	v.failures = 0
	v.until = time.Time{}
}

func (v *server) failed(now time.Time, penalty time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failures++
	v.until = now.Add(penalty)
}

// timeout is how long to wait for a reply over UDP.
func (v *server) timeout() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.failures > 0:
		return udpTimeout
	case v.rtt == 0:
		return firstTimeout
	}
	return min(max(4*v.rtt, 200*time.Millisecond), udpTimeout)
}

// best returns the address that is likely to answer soonest. A little chance
// keeps an attacker from knowing which, and finds servers that became better.
func (s *Source) best(hosts []candidate, asked map[netip.Addr]bool) (netip.Addr, bool) {
	var best netip.Addr
	var bestCost time.Duration
	now := s.now()
	for _, h := range hosts {
		for _, a := range h.addrs {
			if asked[a] || !s.usable(a) {
				continue
			}
			cost := s.server(a).cost(now)
			if !best.IsValid() || cost < bestCost {
				best, bestCost = a, cost
			}
		}
	}
	return best, best.IsValid()
}

func (v *server) cost(now time.Time) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	cost := v.rtt
	if cost == 0 {
		cost = 50 * time.Millisecond
	}
	cost += time.Duration(rand.Int64N(int64(cost/2 + 10*time.Millisecond)))
	if now.Before(v.until) {
		cost += time.Duration(v.failures) * time.Second
	}
	return cost
}

// lookupHost finds the addresses of a name server. No addresses is no error:
// there may be other servers. The errors are limits.
func (w *walk) lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if slices.Contains(w.pending, host) || len(w.pending) >= maxDetour {
		return nil, nil // it would have to be known before it can be found
	}
	if w.absent >= maxAbsentHosts {
		return nil, nil
	}
	if w.hosts++; w.hosts > maxHostsPerFetch {
		return nil, w.fail(resolver.Limit, "more than %d name servers to be looked up", maxHostsPerFetch)
	}
	w.pending = append(w.pending, host)
	defer func() { w.pending = w.pending[:len(w.pending)-1] }()
	var out hostAddrs
	for _, t := range w.s.families() {
		reply, err := w.resolve(ctx, host, t)
		var e *resolver.Error
		if err != nil && (ctx.Err() != nil || errors.As(err, &e) && e.Reason == resolver.Limit) {
			return nil, err
		}
		if err != nil {
			continue
		}
		out.take(reply.Msg, host, w.s.now())
		if len(out.addrs) > 0 || reply.Msg.Rcode == dns.RcodeNameError {
			break
		}
	}
	if len(out.addrs) == 0 {
		w.absent++
		return nil, nil
	}
	w.s.addresses.put(host, out)
	return out.addrs, nil
}

func (s *Source) families() []uint16 {
	switch {
	case s.NoIPv4:
		return []uint16{dns.TypeAAAA}
	case s.NoIPv6:
		return []uint16{dns.TypeA}
	}
	return []uint16{dns.TypeA, dns.TypeAAAA}
}

// take keeps the addresses at host itself: a name server is no alias (RFC 2181,
// Section 10.3).
func (h *hostAddrs) take(m *dns.Msg, host string, now time.Time) {
	for _, rr := range m.Answer {
		a, ok := address(rr)
		if !ok || dns.CanonicalName(rr.Header().Name) != host || len(h.addrs) == maxAddrsPerHost {
			continue
		}
		expires := now.Add(min(time.Duration(rr.Header().Ttl)*time.Second, maxTTL))
		if h.expires.IsZero() || expires.Before(h.expires) {
			h.expires = expires
		}
		h.addrs = append(h.addrs, a)
	}
}
