package outbound

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/waxseal/waxseal/resolver"
)

// MaxHosts is how many MX hosts of a domain are considered, the most preferred
// first. RFC 5321, Section 5.1 leaves the number to us; a stranger's zone decides
// how many lookups follow.
const MaxHosts = 30

// MXLookup is the evidence of the question where a domain's mail goes.
type MXLookup struct {
	Name   string          `json:"name"`
	Status resolver.Status `json:"status"`
	Failed bool            `json:"failed,omitempty"`
	Reason string          `json:"reason,omitempty"` // of the failure, or of the status
	// Expanded is the name at the end of the domain's aliases.
	Expanded string `json:"expanded"`
	// Kind says what was found.
	Kind MXKind `json:"kind"`
}

// MXKind is what the question for MX found.
type MXKind string

// The kinds.
const (
	ExplicitMX MXKind = "mx"
	ImplicitMX MXKind = "implicit" // no MX: the domain itself (RFC 5321, Section 5.1)
	NullMX     MXKind = "null"     // the domain takes no mail (RFC 7505)
	NoDomain   MXKind = "nxdomain"
	FailedMX   MXKind = "failed"
)

// hosts looks up the MX hosts of the domain, in the order to try them.
func (p *Planner) hosts(ctx context.Context, domain string) ([]Host, MXLookup) {
	l := MXLookup{Name: domain, Expanded: domain}
	mxs, answer, err := resolver.LookupMX(ctx, p.Resolver, domain)
	l.Status = resolver.StatusOf(answer, err)
	if err != nil {
		l.Failed, l.Reason, l.Kind = true, resolver.ReasonOf(err), FailedMX
		return nil, l
	}
	l.Reason, l.Expanded = answer.Reason, answer.Canonical()
	switch {
	case answer.NXDomain():
		l.Kind = NoDomain
		return nil, l
	case len(mxs) == 0:
		l.Kind = ImplicitMX
		return []Host{{Name: domain}}, l
	case len(mxs) == 1 && mxs[0].Host == ".": // RFC 7505, Section 3
		l.Kind = NullMX
		return nil, l
	}
	l.Kind = ExplicitMX
	return p.order(mxs), l
}

// order sorts by preference and shuffles the hosts of one preference (RFC 5321,
// Section 5.1).
func (p *Planner) order(mxs []resolver.MX) []Host {
	hosts := make([]Host, 0, len(mxs))
	for _, mx := range mxs {
		known := slices.ContainsFunc(hosts, func(h Host) bool { return h.Name == mx.Host })
		if mx.Host != "." && !known { // RFC 7505, Section 3: "." beside others is nonsense
			hosts = append(hosts, Host{Name: mx.Host, Preference: mx.Preference})
		}
		if len(hosts) == 10*MaxHosts {
			break
		}
	}
	shuffle := p.Shuffle
	if shuffle == nil {
		shuffle = rand.Shuffle
	}
	shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	slices.SortStableFunc(hosts, func(a, b Host) int { return int(a.Preference) - int(b.Preference) })
	return hosts[:min(len(hosts), MaxHosts)]
}
