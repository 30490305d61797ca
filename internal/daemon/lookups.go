package daemon

import (
	"fmt"
	"io"
	"os"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/iterative"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// newResolver builds what the configuration says of DNS, with its cache. The
// anchored resolver below it is nil if nothing is proven.
func newResolver(c *config.Config) (*resolver.Cache, *anchored, error) {
	source, err := newSource(c.DNS)
	if err != nil {
		return nil, nil, err
	}
	if c.DNS.DNSSEC == "off" {
		return &resolver.Cache{Resolver: &resolver.Unvalidated{Source: source, Status: resolver.Indeterminate}}, nil, nil
	}
	if len(c.DNS.Zones) > 0 && c.DNS.TrustAnchor == "" {
		// Without an anchor nothing in a zone file can be proven.
		return &resolver.Cache{Resolver: &resolver.Unvalidated{Source: source, Status: resolver.Insecure}}, nil, nil
	}
	a, err := newAnchored(c, source)
	if err != nil {
		return nil, nil, err
	}
	return &resolver.Cache{Resolver: a}, a, nil
}

// newAnchored builds the resolver that proves answers. Anchors that are followed are
// those that the operator did not choose himself, unless he asks for it.
func newAnchored(c *config.Config, source resolver.Source) (*anchored, error) {
	a := &anchored{configured: dnssec.RootAnchors(), builtIn: c.DNS.TrustAnchor == "", demand: c.DNS.DNSSEC == "require"}
	if !a.builtIn {
		var err error
		if a.configured, err = read(c.DNS.TrustAnchor, dnssec.ParseAnchors); err != nil {
			return nil, err
		}
	}
	a.ntas = negative(c.DNS.NegativeTrustAnchors, a.now())
	a.build = func(anchors *dnssec.Anchors) *dnssec.Validator {
		return &dnssec.Validator{Source: source, RequireDNSSEC: a.demand, Anchors: anchors, NTAs: a.ntas, Time: a.Time}
	}
	if len(c.DNS.Zones) == 0 && (c.DNS.Tracking == "on" || c.DNS.Tracking == "auto" && a.builtIn) {
		a.source = source
		if c.State.Directory != "" {
			a.file = store.OpenAnchors(c.State.Directory)
		}
	}
	a.trust(a.configured)
	return a, nil
}

func newSource(c config.DNS) (resolver.Source, error) {
	switch {
	case len(c.Zones) > 0:
		zones := new(zonefile.Zones)
		for _, name := range c.Zones {
			_, err := read(name, func(r io.Reader) (any, error) { return nil, zones.Add(r, name) })
			if err != nil {
				return nil, err
			}
		}
		return zones, nil
	case c.Recursive:
		return newIterative(c)
	}
	client := &upstream.Client{DNSSEC: c.DNSSEC != "off"}
	var err error
	if len(c.Servers) > 0 {
		if client.Servers, err = upstream.ParseServers(c.Servers); err != nil {
			return nil, fmt.Errorf("dns.servers: %w", err)
		}
	} else if client.Servers, err = read(resolvConf, upstream.ParseResolvConf); err != nil {
		return nil, fmt.Errorf("%w; name a server in dns.servers", err)
	}
	return client, nil
}

func newIterative(c config.DNS) (resolver.Source, error) {
	source := new(iterative.Source)
	if c.RootHints == "" {
		return source, nil
	}
	var err error
	if source.Hints, err = read(c.RootHints, iterative.ParseHints); err != nil {
		return nil, err
	}
	source.Loopback = source.Hints.Loopback()
	return source, nil
}

// read opens a file and parses it.
func read[T any](name string, parse func(io.Reader) (T, error)) (T, error) {
	file, err := os.Open(name)
	if err != nil {
		var none T
		return none, err
	}
	defer file.Close()
	v, err := parse(file)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return v, err
}
