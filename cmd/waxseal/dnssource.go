package main

import (
	"fmt"
	"os"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/iterative"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// network is the source that asks servers.
func (f *dnsFlags) network() (resolver.Source, error) {
	if f.recursive {
		return f.iterative()
	}
	servers, err := f.serverList()
	if err != nil {
		return nil, err
	}
	return &upstream.Client{Servers: servers, DNSSEC: f.dnssec != "off"}, nil
}

func (f *dnsFlags) iterative() (resolver.Source, error) {
	src := &iterative.Source{Port: f.port, NoMinimisation: f.noQMin}
	if f.trace != nil {
		src.Trace = func(x iterative.Exchange) { f.trace(exchangeOf(x)) }
	}
	if f.rootHints == "" {
		return src, nil
	}
	const hint = "--root-hints takes a file with the NS records of the root and the addresses of its servers, in zone format"
	file, err := os.Open(f.rootHints)
	if err != nil {
		return nil, fail(err, hint)
	}
	defer file.Close()
	if src.Hints, err = iterative.ParseHints(file); err != nil {
		return nil, fail(fmt.Errorf("%s: %w", f.rootHints, err), hint)
	}
	src.Loopback = src.Hints.Loopback()
	return src, nil
}

// serverList is what --dns says, or the system's configuration.
func (f *dnsFlags) serverList() ([]resolver.Server, error) {
	if len(f.servers) > 0 {
		servers, err := upstream.ParseServers(f.servers)
		if err != nil {
			return nil, usage(fmt.Errorf("--dns: %w", err), "write it like 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53 or tls://192.0.2.53#dns.example")
		}
		return servers, nil
	}
	const path = "/etc/resolv.conf"
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(fmt.Errorf("the system's resolvers are not known: %w", err), "name a server with --dns ADDR")
	}
	defer file.Close()
	servers, err := upstream.ParseResolvConf(file)
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", path, err), "name a server with --dns ADDR")
	}
	return servers, nil
}

func loadAnchors(path string) (*dnssec.Anchors, error) {
	const hint = "--trust-anchor takes a file with DS or DNSKEY records in zone format"
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(err, hint)
	}
	defer file.Close()
	anchors, err := dnssec.ParseAnchors(file)
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", path, err), hint)
	}
	return anchors, nil
}

func loadZones(paths []string) (*zonefile.Zones, error) {
	zones := new(zonefile.Zones)
	for _, path := range paths {
		if err := loadZone(zones, path); err != nil {
			return nil, err
		}
	}
	return zones, nil
}

func loadZone(zones *zonefile.Zones, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fail(err, "--zone takes a file in RFC 1035 format")
	}
	defer file.Close()
	if err := zones.Add(file, path); err != nil {
		return fail(err, "each line is NAME [TTL] [CLASS] TYPE DATA; names without a final dot are relative to $ORIGIN")
	}
	return nil
}
