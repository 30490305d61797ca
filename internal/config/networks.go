package config

import (
	"net/netip"
	"strconv"
)

// checkNetworks finds lists of networks that say something else than they seem to.
func (c *Config) checkNetworks(bad func(key, format string, args ...any)) {
	for _, list := range []struct {
		key      string
		networks []netip.Prefix
	}{
		{"milter.trusted_networks", c.Milter.Networks},
		{"milter.trusted_relays", c.Milter.Relays},
		{"arc.networks", c.ARC.Networks},
		{"trust.forwarders", c.Trust.Forwarders},
	} {
		for i, p := range list.networks {
			key := list.key + "[" + strconv.Itoa(i) + "]"
			switch {
			case p.Addr().Is4In6():
				bad(key, "%s is never found, for clients by IPv4 are known by their IPv4 address: write it so", p)
			case p.Bits() == 0:
				bad(key, "%s is every host there is: nothing would be checked any more", p)
			case list.key == "milter.trusted_networks", list.key == "arc.networks":
				c.checkRelays(bad, key, p)
			}
		}
	}
}

// checkRelays finds networks that cannot count since all of their hosts are relays,
// which comes first. Those that nobody has written are left alone.
func (c *Config) checkRelays(bad func(key, format string, args ...any), key string, p netip.Prefix) {
	if _, written := c.positions[key]; !written || c.Milter.Listen == "" {
		return
	}
	for _, r := range c.Milter.Relays {
		if r.Bits() <= p.Bits() && r.Contains(p.Addr()) {
			bad(key, "%s is within %s of milter.trusted_relays, where mail is from outside: it would not count", p, r)
			return
		}
	}
}
