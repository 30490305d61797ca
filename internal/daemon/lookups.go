package daemon

import (
	"fmt"
	"io"
	"os"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/iterative"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// newResolver builds what the configuration says of DNS, with its cache.
func newResolver(c config.DNS) (*resolver.Cache, error) {
	source, err := newSource(c)
	if err != nil {
		return nil, err
	}
	if c.DNSSEC == "off" {
		return &resolver.Cache{Resolver: &resolver.Unvalidated{Source: source, Status: resolver.Indeterminate}}, nil
	}
	if len(c.Zones) > 0 && c.TrustAnchor == "" {
		// Without an anchor nothing in a zone file can be proven.
		return &resolver.Cache{Resolver: &resolver.Unvalidated{Source: source, Status: resolver.Insecure}}, nil
	}
	v := &dnssec.Validator{Source: source, RequireDNSSEC: c.DNSSEC == "require"}
	if c.TrustAnchor != "" {
		v.Anchors, err = read(c.TrustAnchor, dnssec.ParseAnchors)
		if err != nil {
			return nil, err
		}
	}
	return &resolver.Cache{Resolver: v}, nil
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
	} else if client.Servers, err = read("/etc/resolv.conf", upstream.ParseResolvConf); err != nil {
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
