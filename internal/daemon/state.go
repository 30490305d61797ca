package daemon

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/keys"
	"github.com/waxseal/waxseal/internal/policyhost"
	"github.com/waxseal/waxseal/lookalike"
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
	anchored *anchored // below resolver; nil if nothing is proven
	checker  *inbound.Checker
	policy   inbound.Policy
	ring     *keys.Ring
	sealer   *arc.Sealer // nil if nothing is sealed
	sts      *mtasts.Cache
	planner  *outbound.Planner
	site     *policyhost.Site
	// What the files had that resolver and planner were made from: the names of files
	// stay when their content changes.
	dnsFiles, caFile [sha256.Size]byte
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
	if s.sealer, err = newSealer(c, credentials); err != nil {
		return nil, err
	}
	if s.site, err = newPolicySite(c, old, credentials); err != nil {
		return nil, err
	}
	s.policy = policyOf(c)
	s.dnsFiles, s.caFile = fingerprint(dnsFiles(c.DNS)...), fingerprint(c.TLSPolicy.CA)
	known := old != nil && reflect.DeepEqual(old.config.DNS, c.DNS) && old.dnsFiles == s.dnsFiles
	if known {
		s.resolver, s.anchored = old.resolver, old.anchored
	} else if s.resolver, s.anchored, err = newResolver(c); err != nil {
		return nil, err
	}
	if known && old.caFile == s.caFile && old.config.TLSPolicy.CA == c.TLSPolicy.CA && old.config.TLSPolicy.AllowPrivate == c.TLSPolicy.AllowPrivate {
		s.sts, s.planner = old.sts, old.planner
	} else {
		roots, err := policyRoots(c.TLSPolicy.CA)
		if err != nil {
			return nil, err
		}
		s.sts = &mtasts.Cache{
			Fetcher: &mtasts.Fetcher{Resolver: s.resolver, RootCAs: roots, Forbid: forbidden(c)}, Store: store,
		}
		s.planner = &outbound.Planner{Resolver: s.resolver, STS: s.sts}
	}
	s.checker = &inbound.Checker{
		Resolver: s.resolver, AuthServID: c.AuthServID, Receiver: string(c.Hostname), DNSTime: c.DNS.MessageTime.Time(),
		SPFRecords: new(spf.RecordCache), Keys: new(dkim.KeyCache), DMARCRecords: new(dmarc.RecordCache),
		Lookalike: newInspector(c),
	}
	return s, nil
}

// loadKeys reads every key: one that is missing is an error now, and not when the
// first message is to be signed.
func loadKeys(domains []config.Domain, credentials string) (*keys.Ring, error) {
	var all []dkim.Key
	for _, d := range domains {
		k, err := loadKey(d, credentials)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return keys.NewRing(all), nil
}

func loadKey(d config.Domain, credentials string) (dkim.Key, error) {
	text, err := d.Key.Read(credentials)
	if err != nil {
		return dkim.Key{}, fmt.Errorf("the key of %s: %w", d.Name, err)
	}
	k, err := keys.Parse(domain.Name(d.Name), d.Selector, text)
	if err != nil {
		return dkim.Key{}, fmt.Errorf("%s: %w", d.Key, err)
	}
	return k, nil
}

// newSealer returns the sealer of a configuration, nil for one that seals nothing.
func newSealer(c *config.Config, credentials string) (*arc.Sealer, error) {
	if c.ARC.Domain == "" {
		return nil, nil
	}
	k, err := loadKey(config.Domain{Name: c.ARC.Domain, Selector: c.ARC.Selector, Key: c.ARC.Key}, credentials)
	if err != nil {
		return nil, err
	}
	if k.Algorithm() != dkim.RSASHA256 {
		return nil, fmt.Errorf("%s: arc.key must be an RSA key: RFC 8617 knows no other, and most receivers would find the chain broken", c.ARC.Key)
	}
	return &arc.Sealer{Key: k, AuthServID: c.AuthServID}, nil
}

// newInspector knows the operator's own domains and people.
func newInspector(c *config.Config) *lookalike.Inspector {
	own := names(c.Lookalike.Protected)
	for _, d := range c.Domains {
		own = append(own, domain.Name(d.Name))
	}
	p := lookalike.Protected{Domains: own}
	for _, person := range c.Lookalike.People {
		p.People = append(p.People, lookalike.Person{Names: person.Names, Addresses: person.Addresses})
	}
	return &lookalike.Inspector{Protected: p}
}

func policyOf(c *config.Config) inbound.Policy {
	p := inbound.Policy{
		TempError:    inbound.Action(c.Policy.TempError),
		SPFTempError: inbound.Action(c.Policy.SPFTempError), DMARCTempError: inbound.Action(c.Policy.DMARCTempError),
		PermError: inbound.Action(c.Policy.PermError),
	}
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

// forbidden says where policies must not be fetched from: whoever has a domain chooses
// the address of its policy host. Zone files are for tests.
func forbidden(c *config.Config) func(netip.Addr) string {
	if c.TLSPolicy.AllowPrivate || len(c.DNS.Zones) > 0 {
		return nil
	}
	return outbound.NotPublic
}

// trusts reports whether a client's mail is ours to sign.
func (s *state) trusts(client netip.Addr) bool {
	return among(s.config.Milter.Networks, client) || among(s.config.ARC.Networks, client)
}

// relays reports whether a client is a gateway of ours with mail from outside.
func (s *state) relays(client netip.Addr) bool { return among(s.config.Milter.Relays, client) }

// passesOn reports whether a client sends on, sealed, what has come in.
func (s *state) passesOn(client netip.Addr) bool {
	return s.sealer != nil && among(s.config.ARC.Networks, client)
}

func among(list []netip.Prefix, client netip.Addr) bool {
	client = client.Unmap()
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(client) })
}
