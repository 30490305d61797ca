package iterative

import (
	"errors"
	"maps"
	"net/netip"

	"github.com/waxseal/waxseal/resolver"
)

// round is one question on its way through the servers of a zone.
type round struct {
	avoid  map[netip.Addr]bool // asked only if there is no other
	asked  map[netip.Addr]bool
	silent []netip.Addr
	tried  int
	spared bool // whether those to avoid are in the running again
	second bool // whether the silent ones are
}

func newRound(avoid map[netip.Addr]bool) *round {
	r := &round{avoid: avoid, asked: make(map[netip.Addr]bool)}
	maps.Copy(r.asked, avoid)
	return r
}

// failed notes a server that did not answer in time: it is asked once more
// before the zone is given up, as a datagram may get lost.
func (r *round) failed(addr netip.Addr, err error) {
	var e *resolver.Error
	if !r.second && errors.As(err, &e) && e.Reason == resolver.Timeout && len(r.silent) < maxAskedAgain {
		r.silent = append(r.silent, addr)
	}
}

// again brings servers back that may be asked when there is no other left, and
// reports whether there are any.
func (r *round) again() bool {
	switch {
	case !r.spared && len(r.avoid) > 0:
		r.spared = true
		for a := range r.avoid {
			delete(r.asked, a)
		}
		return true
	case !r.second && len(r.silent) > 0:
		r.second = true
		for _, a := range r.silent {
			delete(r.asked, a)
		}
		return true
	}
	return false
}
