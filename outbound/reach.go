package outbound

import (
	"fmt"
	"slices"

	"github.com/waxseal/waxseal/dane"
)

// reach takes out the hosts and addresses that nobody here should connect to.
func (p *Planner) reach(plan *Plan) {
	p.stopLoop(plan)
	if p.Forbid == nil {
		return
	}
	for i := range plan.Hosts {
		p.forbid(&plan.Hosts[i])
	}
}

// stopLoop drops this host itself and all that are not preferred to it (RFC 5321,
// Section 5.1): for the domains that it is a backup for, mail goes up and never round.
func (p *Planner) stopLoop(plan *Plan) {
	for i := range plan.Hosts {
		h := &plan.Hosts[i]
		if !p.isSelf(h) {
			continue
		}
		first := i
		for first > 0 && plan.Hosts[first-1].Preference == h.Preference {
			first--
		}
		plan.Self = h.Name
		plan.Hosts = plan.Hosts[:first]
		return
	}
}

func (p *Planner) isSelf(h *Host) bool {
	if p.Hostname != "" && h.Name == p.Hostname {
		return true
	}
	return p.Own != nil && slices.ContainsFunc(h.Addresses(), p.Own)
}

// forbid takes the addresses out of a host that Forbid has something against.
func (p *Planner) forbid(h *Host) {
	allowed, forbidden := h.DANE.Addresses[:0:0], []string(nil)
	for _, a := range h.DANE.Addresses {
		if why := p.Forbid(a); why != "" {
			forbidden = append(forbidden, fmt.Sprintf("%s is %s", a, why))
			continue
		}
		allowed = append(allowed, a)
	}
	if len(forbidden) == 0 {
		return
	}
	h.DANE.Addresses, h.Forbidden = allowed, forbidden
}

// unreachable reports whether all addresses of a host are forbidden.
func (h *Host) unreachable() bool {
	return len(h.Forbidden) > 0 && len(h.DANE.Addresses) == 0 && h.DANE.Outcome != dane.NoAddress
}
