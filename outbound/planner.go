package outbound

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/smtp"
	"golang.org/x/sync/semaphore"
)

// atOnce is how many hosts of a domain are looked up side by side.
const atOnce = 8

// Planner makes plans. It may be used by several goroutines.
type Planner struct {
	// Resolver is required. DANE applies only as far as it proves its answers.
	Resolver resolver.Resolver
	// STS answers for MTA-STS policies; nil leaves MTA-STS out.
	STS *mtasts.Cache
	// Port is the SMTP port, at which TLSA records are asked for; 0 means 25. A host
	// without any at another port is held to those of port 25.
	Port uint16
	// Forbid says why an address must not be connected to, "" if it may; nil forbids
	// none. NotPublic is one for whoever sends to the internet alone.
	Forbid func(netip.Addr) string
	// Hostname is this host's name and Own tells its addresses, to stop loops: an MX
	// host that is this one ends the list (RFC 5321, Section 5.1). Empty and nil mean
	// that none is.
	Hostname string
	Own      func(netip.Addr) bool
	// Shuffle orders hosts of one preference; nil means math/rand/v2.Shuffle.
	Shuffle func(n int, swap func(i, j int))
}

// Plan returns the plan for a recipient's domain. It always returns one: lookups
// that fail are part of it, and a panic in one of them too.
func (p *Planner) Plan(ctx context.Context, recipientDomain string) (plan *Plan) {
	defer func() {
		if f := panics.Of(recover()); f != nil {
			plan = &Plan{Domain: recipientDomain, Hosts: []Host{}, Fault: f}
			plan.MX = MXLookup{Name: recipientDomain, Expanded: recipientDomain, Kind: FailedMX, Failed: true, Reason: f.Error()}
			plan.end(Defer, 451, smtp.EnhancedCode{4, 3, 0}, "the way to %s could not be looked up: %s", recipientDomain, f)
		}
	}()
	return p.plan(ctx, recipientDomain)
}

func (p *Planner) plan(ctx context.Context, recipientDomain string) *Plan {
	plan := &Plan{Domain: recipientDomain, Hosts: []Host{}}
	name, err := domain.Parse(recipientDomain)
	if err != nil {
		plan.MX = MXLookup{Name: recipientDomain, Expanded: recipientDomain, Kind: NoDomain}
		return plan.end(Reject, 553, smtp.EnhancedCode{5, 1, 2}, "%q is not a domain name", recipientDomain)
	}
	plan.Domain = string(name)
	sts := p.askSTS(ctx, plan.Domain)
	hosts, mx := p.hosts(ctx, plan.Domain)
	plan.Hosts, plan.MX = append(plan.Hosts, hosts...), mx
	p.discover(ctx, plan.Hosts)
	plan.STS = sts()
	p.reach(plan)
	for i := range plan.Hosts {
		plan.decide(&plan.Hosts[i])
	}
	return plan.conclude()
}

// askSTS asks for the MTA-STS policy beside the other lookups and returns the
// function that waits for it. What a cache knows costs no goroutine.
func (p *Planner) askSTS(ctx context.Context, domain string) func() *mtasts.Evaluation {
	if p.STS == nil {
		return func() *mtasts.Evaluation { return nil }
	}
	if peeker, ok := p.Resolver.(resolver.Peeker); ok {
		if _, known := peeker.Peek("_mta-sts."+domain, resolver.TypeTXT); known {
			return func() *mtasts.Evaluation { return p.STS.Policy(ctx, domain) }
		}
	}
	return panics.Go(func() *mtasts.Evaluation { return p.STS.Policy(ctx, domain) })
}

// discover looks up addresses and TLSA records of all hosts.
func (p *Planner) discover(ctx context.Context, hosts []Host) {
	peeker, _ := p.Resolver.(resolver.Peeker)
	limit := semaphore.NewWeighted(atOnce)
	caught := make([]*panics.Panic, len(hosts))
	var wg sync.WaitGroup
	for i := range hosts {
		h := &hosts[i]
		if peeker != nil {
			if _, known := peeker.Peek(h.Name, resolver.TypeA); known {
				h.DANE = p.discoverHost(ctx, h.Name)
				continue
			}
		}
		wg.Go(func() {
			defer panics.Catch(&caught[i])
			// Only a context that has ended keeps us from acquiring; then the
			// lookups fail by themselves.
			if limit.Acquire(ctx, 1) == nil {
				defer limit.Release(1)
			}
			h.DANE = p.discoverHost(ctx, h.Name)
		})
	}
	wg.Wait()
	for _, c := range caught {
		c.Throw()
	}
}

// discoverHost looks up one host. Another port than 25 is how a test bed reaches the
// host: where it has no records of its own, those of the MX count.
func (p *Planner) discoverHost(ctx context.Context, host string) *dane.Discovery {
	const smtpPort = 25
	d := dane.Discover(ctx, p.Resolver, host, cmp.Or(p.Port, smtpPort))
	if p.Port == 0 || p.Port == smtpPort || d.Outcome != dane.NoRecords {
		return d
	}
	mx := dane.Discover(ctx, p.Resolver, host, smtpPort)
	if mx.Outcome == dane.NoRecords {
		return d
	}
	for _, l := range mx.Lookups {
		if l.Type == resolver.TypeTLSA { // the others are known
			d.Lookups = append(d.Lookups, l)
		}
	}
	mx.Lookups = d.Lookups
	return mx
}

// decide sets policy and state of a host.
func (plan *Plan) decide(h *Host) {
	d := h.DANE
	h.TLSA = d.Records
	sts := plan.sts()
	if sts != nil {
		h.Pattern, _ = sts.Match(h.Name)
		h.Unlisted = h.Pattern == ""
	}
	enforced := sts != nil && sts.Mode == mtasts.Enforce
	secureMX := plan.MX.Status == resolver.Secure

	h.State, h.Reason = Use, d.Reason
	switch d.Outcome {
	case dane.NoAddress:
		h.State = Skip
		if isAddress(h.Name) { // RFC 5321, Section 5.1
			h.Reason = fmt.Sprintf("the MX record names the address %s, and it must name a host", h.Name)
		}
	case dane.LookupFailed:
		h.State = Wait
	}
	daneRules := d.Outcome == dane.UsableRecords || d.Outcome == dane.LookupFailed && d.Base != ""
	switch {
	case enforced && h.Unlisted && (!daneRules || !secureMX):
		h.Policy, h.State = MTASTS, Skip
		h.Reason = fmt.Sprintf("the MTA-STS policy of %s does not list this host", plan.Domain)
	case daneRules:
		h.Policy = DANE
		h.Names = d.Names(plan.Domain, plan.MX.Expanded)
		if d.Outcome == dane.UsableRecords && !secureMX {
			h.Reason += "; the MX lookup is " + plan.MX.Status.String() + ", so DANE proves this host and not that it is the right one"
		}
	case enforced:
		h.Policy, h.Names = MTASTS, []string{h.Name}
		h.Reason = fmt.Sprintf("the MTA-STS policy of %s lists this host as %s; %s", plan.Domain, h.Pattern, d.Reason)
	case d.Outcome == dane.UnusableRecords:
		h.Policy = DANEUnauthenticated
	default:
		h.Policy = Opportunistic
		if sts != nil {
			h.Reason += "; the MTA-STS policy is in testing"
		}
	}
	if h.unreachable() && h.State == Use {
		h.State, h.Reason = Skip, fmt.Sprintf("%s must not be connected to: %s", h.Name, strings.Join(h.Forbidden, ", "))
	}
	plan.awaitSTS(h, secureMX)
}

// isAddress reports whether somebody wrote an address where a name belongs.
func isAddress(host string) bool {
	host = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "ipv6:")
	_, err := netip.ParseAddr(host)
	return err == nil
}

// awaitSTS makes a host wait where nobody knows whether a policy forbids it: the
// question for the record failed or the fetch is not over, and there is no policy
// from before. Whoever can
// block an answer must not be able to send mail without the policy. RFC 8461 leaves
// this open.
func (plan *Plan) awaitSTS(h *Host, secureMX bool) {
	unknown := plan.STS != nil && plan.STS.Policy == nil && plan.STS.Status == mtasts.TempError
	if !unknown || h.State != Use || h.Policy == DANE && secureMX {
		return
	}
	h.State = Wait
	if err := plan.STS.StoreError(); err != nil {
		h.Reason = fmt.Sprintf("the MTA-STS policies kept here cannot be read, and that of %s cannot be had now: %s", plan.Domain, err.Detail)
		return
	}
	if !plan.STS.Lookup.Failed {
		h.Reason = fmt.Sprintf("the MTA-STS policy of %s is not there yet: its host is slow", plan.Domain)
		if e := plan.STS.Errors[0]; e.Reason == mtasts.Faulted {
			h.Reason = strings.TrimPrefix(e.Error(), "mtasts: ")
		}
		return
	}
	h.Reason = fmt.Sprintf("whether %s has an MTA-STS policy could not be looked up: %s", plan.Domain, plan.STS.Lookup.Reason)
}

// sts returns the MTA-STS policy that says something, nil without one.
func (plan *Plan) sts() *mtasts.Policy {
	if plan.STS == nil || plan.STS.Policy == nil || plan.STS.Policy.Mode == mtasts.NoMode {
		return nil
	}
	return plan.STS.Policy
}
