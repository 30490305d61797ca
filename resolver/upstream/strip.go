package upstream

import (
	"context"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// probeAgain is how long what a probe found is believed.
const probeAgain = 10 * time.Minute

// signing is what is known of the signatures that a server passes on.
type signing uint8

const (
	unknownSigning signing = iota
	signs
	strips
)

// strips reports whether the server leaves signatures out, so that another one
// should be asked. That a reply has none says little, most zones being unsigned:
// a server of which no signature was ever seen is asked for the keys of the root
// zone, which has been signed since 2010. Without another server it is not
// worth a query.
func (c *Client) strips(ctx context.Context, s resolver.Server, m *dns.Msg) bool {
	if !c.DNSSEC || len(c.Servers) < 2 {
		return false
	}
	seen, known := c.signingOf(s)
	switch {
	case hasSignature(m):
		if seen != signs {
			c.learnSigning(s, signs)
		}
		return false
	case known:
		return seen == strips
	}
	seen = unknownSigning
	out, err := c.Exchanger.Exchange(ctx, s, c.query(s, resolver.Question{Name: ".", Type: resolver.Type(dns.TypeDNSKEY)}))
	if err == nil && hasSignature(out.Msg) {
		seen = signs
	} else if err == nil && settles(out.Msg) {
		seen = strips
	}
	c.learnSigning(s, seen)
	return seen == strips
}

// signingOf returns what is known; known is false if it is time for a probe.
func (c *Client) signingOf(s resolver.Server) (seen signing, known bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.record(s)
	again := probeAgain
	if r.signing == unknownSigning {
		again = maxPause
	}
	return r.signing, r.signing == signs || now.Before(r.probed.Add(again))
}

func (c *Client) learnSigning(s resolver.Server, seen signing) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.record(s)
	r.signing, r.probed = seen, now
}

// anyReady reports whether one of the servers is in no pause.
func (c *Client) anyReady(servers []resolver.Server) bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range servers {
		if !now.Before(c.record(s).until) {
			return true
		}
	}
	return false
}

func hasSignature(m *dns.Msg) bool {
	for _, section := range [...][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			if rr.Header().Rrtype == dns.TypeRRSIG {
				return true
			}
		}
	}
	return false
}
