package daemon

import (
	"fmt"
	"net/netip"
	"reflect"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/keys"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/spf"
)

// state is what a configuration comes to. It is not changed once it is made: a
// reload makes another, and messages under way keep theirs.
type state struct {
	config   *config.Config
	resolver *resolver.Cache
	checker  *inbound.Checker
	policy   inbound.Policy
	ring     *keys.Ring
	sts      *mtasts.Cache
	planner  *outbound.Planner
}

// newState builds a state, all that the configuration names being read. What old
// has learnt of the world is kept where the configuration of it is the same; old
// may be nil.
func newState(c *config.Config, old *state, credentials string, store mtasts.Store) (*state, error) {
	s := &state{config: c}
	var err error
	if s.ring, err = loadKeys(c.Domains, credentials); err != nil {
		return nil, err
	}
	s.policy = policyOf(c)
	if old != nil && reflect.DeepEqual(old.config.DNS, c.DNS) {
		s.resolver, s.sts, s.planner = old.resolver, old.sts, old.planner
	} else {
		if s.resolver, err = newResolver(c.DNS); err != nil {
			return nil, err
		}
		s.sts = &mtasts.Cache{Fetcher: &mtasts.Fetcher{Resolver: s.resolver}, Store: store}
		s.planner = &outbound.Planner{Resolver: s.resolver, STS: s.sts}
	}
	s.checker = &inbound.Checker{
		Resolver: s.resolver, AuthServID: c.AuthServID, Receiver: string(c.Hostname), DNSTime: c.DNS.MessageTime.Time(),
		SPFRecords: new(spf.RecordCache), Keys: new(dkim.KeyCache), DMARCRecords: new(dmarc.RecordCache),
	}
	return s, nil
}

// loadKeys reads every key: one that is missing is an error now, and not when the
// first message is to be signed.
func loadKeys(domains []config.Domain, credentials string) (*keys.Ring, error) {
	var all []dkim.Key
	for _, d := range domains {
		text, err := d.Key.Read(credentials)
		if err != nil {
			return nil, fmt.Errorf("the key of %s: %w", d.Name, err)
		}
		k, err := keys.Parse(domain.Name(d.Name), d.Selector, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Key, err)
		}
		all = append(all, k)
	}
	return keys.NewRing(all), nil
}

func policyOf(c *config.Config) inbound.Policy {
	p := inbound.Policy{TempError: inbound.Action(c.Policy.TempError)}
	p.SPF, p.DMARC = c.Policy.Modes()
	p.Trust = inbound.Trust{
		Sealers: names(c.Trust.Sealers), Lists: names(c.Trust.Lists), Authors: names(c.Trust.Authors),
		Forwarders: c.Trust.Forwarders,
	}
	return p
}

func names(list []config.Name) []domain.Name {
	out := make([]domain.Name, len(list))
	for i, n := range list {
		out[i] = domain.Name(n)
	}
	return out
}

// trusts reports whether a client's mail is ours to sign.
func (s *state) trusts(client netip.Addr) bool {
	for _, p := range s.config.Milter.Networks {
		if p.Contains(client) {
			return true
		}
	}
	return false
}
