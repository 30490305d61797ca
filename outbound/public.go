package outbound

import "net/netip"

// NotPublic says why an address is none of the public internet, "" if it is one: for
// Planner.Forbid and mtasts.Fetcher.Forbid. A stranger's zone can name any address,
// and with it a service of this host or of the network behind it. An address that
// carries an IPv4 address is judged by that one. The blocks are those that the IANA
// registries of RFC 6890 call not globally reachable; of IPv6 only 2000::/3 is
// allocated for global unicast (RFC 4291, Section 2.4).
func NotPublic(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsLoopback():
		return "a loopback address"
	case a.IsPrivate():
		return "a private address" // RFC 1918, RFC 4193
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	}
	if v4, ok := embedded(a); ok {
		if why := NotPublic(v4); why != "" {
			return why + " within an IPv6 address"
		}
		return ""
	}
	for _, b := range reserved() {
		if b.Contains(a) {
			return "a reserved address"
		}
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return "a reserved address"
	}
	return ""
}

// embedded returns the IPv4 address to which packets for an IPv6 address go on.
func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a): // NAT64: RFC 6052, Section 2.1
		return netip.AddrFrom4([4]byte(b[12:])), true
	case netip.MustParsePrefix("2002::/16").Contains(a): // 6to4: RFC 3056, Section 2
		return netip.AddrFrom4([4]byte(b[2:])), true
	}
	return netip.Addr{}, false
}

// reserved returns the blocks that no method of netip.Addr knows.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network: RFC 791, Section 3.2
		netip.MustParsePrefix("100.64.0.0/10"),   // shared address space: RFC 6598
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments: RFC 6890, Section 2.1
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation: RFC 5737
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks: RFC 2544
		netip.MustParsePrefix("198.51.100.0/24"), // documentation: RFC 5737
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation: RFC 5737
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and the broadcast address: RFC 1112, Section 4
		netip.MustParsePrefix("2001::/23"),       // protocol assignments: RFC 2928
		netip.MustParsePrefix("2001:db8::/32"),   // documentation: RFC 3849
		netip.MustParsePrefix("3fff::/20"),       // documentation: RFC 9637
	}
}
