package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	peerspf "blitiri.com.ar/go/spf"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/spf"
)

// peerDNS answers the peers from memory.
type peerDNS struct{ c *corpus }

func errNotFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (d peerDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	return d.c.lookupTXT(name)
}

func (peerDNS) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return nil, errNotFound(name)
}

func (peerDNS) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	return nil, errNotFound(host)
}

func (peerDNS) LookupAddr(_ context.Context, addr string) ([]string, error) {
	return nil, errNotFound(addr)
}

func spfClasses(c *corpus, r resolver.Resolver) ([]*class, error) {
	ours := func(records *spf.RecordCache) func() error {
		checker := &spf.Checker{Resolver: r, Records: records}
		args := spf.Args{IP: netip.MustParseAddr(clientIP), Helo: heloName, MailFrom: mailFrom}
		return func() error {
			if e := checker.CheckHost(context.Background(), args); e.Result != spf.Pass {
				return fmt.Errorf("%s: %s", e.Result, e.Reason)
			}
			return nil
		}
	}
	return []*class{
		{name: "spf-8x20-parsed", must: 60, aim: 40, contestants: []*contestant{
			{name: ourName, run: ours(nil)}, {name: "blitiri", run: c.peerSPF()},
		}},
		{name: "spf-8x20-cached", must: 12, aim: 6, contestants: []*contestant{
			{name: ourName, run: ours(new(spf.RecordCache))}, {name: "blitiri", run: c.peerSPF()},
		}},
	}, nil
}

func (c *corpus) peerSPF() func() error {
	ip := net.ParseIP(clientIP)
	return func() error {
		got, err := peerspf.CheckHostWithSender(ip, heloName, mailFrom, peerspf.WithResolver(peerDNS{c}))
		if got != peerspf.Pass {
			return fmt.Errorf("%s: %v", got, err)
		}
		return nil
	}
}
