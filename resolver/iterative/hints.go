package iterative

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// Hints are the names and addresses of root servers.
type Hints struct {
	hosts []string
	addrs map[string][]netip.Addr
}

// rootServers is the list that IANA publishes.
var rootServers = [...][3]string{
	{"a.root-servers.net.", "198.41.0.4", "2001:503:ba3e::2:30"},
	{"b.root-servers.net.", "170.247.170.2", "2801:1b8:10::b"},
	{"c.root-servers.net.", "192.33.4.12", "2001:500:2::c"},
	{"d.root-servers.net.", "199.7.91.13", "2001:500:2d::d"},
	{"e.root-servers.net.", "192.203.230.10", "2001:500:a8::e"},
	{"f.root-servers.net.", "192.5.5.241", "2001:500:2f::f"},
	{"g.root-servers.net.", "192.112.36.4", "2001:500:12::d0d"},
	{"h.root-servers.net.", "198.97.190.53", "2001:500:1::53"},
	{"i.root-servers.net.", "192.36.148.17", "2001:7fe::53"},
	{"j.root-servers.net.", "192.58.128.30", "2001:503:c27::2:30"},
	{"k.root-servers.net.", "193.0.14.129", "2001:7fd::1"},
	{"l.root-servers.net.", "199.7.83.42", "2001:500:9f::42"},
	{"m.root-servers.net.", "202.12.27.33", "2001:dc3::35"},
}

// RootHints returns the built-in list.
func RootHints() *Hints {
	h := &Hints{addrs: make(map[string][]netip.Addr)}
	for _, r := range rootServers {
		h.add(r[0], netip.MustParseAddr(r[1]))
		h.add(r[0], netip.MustParseAddr(r[2]))
	}
	return h
}

func (h *Hints) add(host string, a netip.Addr) {
	if !slices.Contains(h.hosts, host) {
		h.hosts = append(h.hosts, host)
	}
	h.addrs[host] = append(h.addrs[host], a)
}

// ParseHints reads a hints file in zone format: the NS records of the root and
// the addresses of the servers they name.
func ParseHints(r io.Reader) (*Hints, error) {
	h := &Hints{addrs: make(map[string][]netip.Addr)}
	all := make(map[string][]netip.Addr)
	var hosts []string
	p := dns.NewZoneParser(bufio.NewReader(r), ".", "")
	p.SetDefaultTTL(0)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		owner := dns.CanonicalName(rr.Header().Name)
		switch rr := rr.(type) {
		case *dns.NS:
			if owner == "." {
				hosts = append(hosts, dns.CanonicalName(rr.Ns))
			}
		case *dns.A, *dns.AAAA:
			if a, ok := address(rr); ok {
				all[owner] = append(all[owner], a)
			}
		}
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("iterative: root hints: %w", err)
	}
	for _, host := range hosts {
		for _, a := range all[host] {
			h.add(host, a)
		}
	}
	if len(h.hosts) == 0 {
		return nil, fmt.Errorf("iterative: root hints: no name server of the root with an address")
	}
	return h, nil
}

// address returns the address in an A or AAAA record.
func address(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		if v4 := rr.A.To4(); v4 != nil {
			return netip.AddrFrom4([4]byte(v4)), true
		}
	case *dns.AAAA:
		if a, ok := netip.AddrFromSlice(rr.AAAA); ok && a.Is6() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// Loopback reports whether some root server is on a loopback address: then the
// tree is one on this host, and Source.Loopback should be set.
func (h *Hints) Loopback() bool {
	for _, addrs := range h.addrs {
		if slices.ContainsFunc(addrs, netip.Addr.IsLoopback) {
			return true
		}
	}
	return false
}
