package spf

import (
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// parse parses directive = [ qualifier ] mechanism (RFC 7208, Section 4.6.1).
func (d *Directive) parse(term string) Reason {
	d.Qualifier, d.CIDR4, d.CIDR6 = Pass, 32, 128
	d.Mechanism = Include // anything but All, until the name is known
	qualified := true
	switch term[0] {
	case '+':
	case '-':
		d.Qualifier = Fail
	case '~':
		d.Qualifier = SoftFail
	case '?':
		d.Qualifier = Neutral
	default:
		qualified = false
	}
	if qualified {
		term = term[1:]
	}
	n := nameLen(term)
	if n == 0 || n < len(term) && term[n] != ':' && term[n] != '/' {
		return BadTerm
	}
	return d.parseMechanism(term[:n], term[n:])
}

// parseMechanism parses the argument arg, with its colon or slash, of the named
// mechanism.
func (d *Directive) parseMechanism(name, arg string) Reason {
	switch {
	case ascii.EqualFold(name, "ip4"):
		d.Mechanism = IP4
		return d.parseNetwork(arg, 32)
	case ascii.EqualFold(name, "ip6"):
		d.Mechanism = IP6
		return d.parseNetwork(arg, 128)
	case ascii.EqualFold(name, "include"):
		d.Mechanism = Include
		return d.requiredDomain(arg)
	case ascii.EqualFold(name, "all"):
		if arg != "" {
			return UnwantedArgument // RFC 7208, Section 5.1
		}
		d.Mechanism = All
		return ""
	case ascii.EqualFold(name, "a"):
		d.Mechanism = A
		return d.parseAddresses(arg)
	case ascii.EqualFold(name, "mx"):
		d.Mechanism = MX
		return d.parseAddresses(arg)
	case ascii.EqualFold(name, "exists"):
		d.Mechanism = Exists
		return d.requiredDomain(arg)
	case ascii.EqualFold(name, "ptr"):
		d.Mechanism = PTR
		if arg == "" {
			return ""
		}
		return d.requiredDomain(arg)
	}
	return UnknownMechanism
}

func (d *Directive) requiredDomain(arg string) Reason {
	if arg == "" {
		return MissingDomain
	}
	if arg[0] != ':' {
		return BadCIDR // ptr/0 and the like
	}
	return d.Domain.parse(arg[1:])
}

// parseAddresses parses [ ":" domain-spec ] [ dual-cidr-length ] of a and mx
// (RFC 7208, Sections 5.3 and 5.4).
func (d *Directive) parseAddresses(arg string) Reason {
	arg, reason := d.cutDualCIDR(arg)
	switch {
	case reason != "" || arg == "":
		return reason
	case arg[0] != ':':
		return BadCIDR
	}
	if reason = d.Domain.parse(arg[1:]); reason == BadToplabel {
		if _, err := netip.ParseAddr(arg[1:]); err == nil {
			return AddressAsDomain
		}
	}
	return reason
}

// cutDualCIDR takes dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
// off the end. A slash may be part of a domain-spec as well, but never of the
// end of one, so that reading from the end is not ambiguous.
func (d *Directive) cutDualCIDR(arg string) (string, Reason) {
	if head, digits, ok := cutDigits(arg); ok && strings.HasSuffix(head, "//") {
		n, ok := prefixLength(digits, 128)
		if !ok {
			return arg, BadCIDR
		}
		d.CIDR6, arg = n, head[:len(head)-2]
	}
	if head, digits, ok := cutDigits(arg); ok && strings.HasSuffix(head, "/") {
		n, ok := prefixLength(digits, 32)
		if !ok {
			return arg, BadCIDR
		}
		d.CIDR4, arg = n, head[:len(head)-1]
	}
	return arg, ""
}

// cutDigits splits the digits off the end of s and reports whether there are
// any.
func cutDigits(s string) (head, digits string, ok bool) {
	i := len(s)
	for i > 0 && ascii.IsDigit(s[i-1]) {
		i--
	}
	return s[:i], s[i:], i < len(s)
}

// prefixLength reads "0" or digits without leading zeros up to most.
func prefixLength(s string, most int) (uint8, bool) {
	if len(s) == 0 || len(s) > 3 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if !ascii.IsDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return uint8(n), n <= most
}

// parseNetwork parses the argument of ip4 and ip6 (RFC 7208, Section 5.6).
func (d *Directive) parseNetwork(arg string, bits int) Reason {
	if len(arg) < 2 || arg[0] != ':' {
		return BadAddress
	}
	arg = arg[1:]
	length := uint8(bits)
	if i := strings.IndexByte(arg, '/'); i >= 0 {
		n, ok := prefixLength(arg[i+1:], bits)
		if !ok {
			return BadCIDR
		}
		length, arg = n, arg[:i]
	}
	var ip netip.Addr
	var ok bool
	if bits == 32 {
		ip, ok = parseIP4(arg)
	} else {
		var err error
		ip, err = netip.ParseAddr(arg)
		ok = err == nil && ip.Is6() && ip.Zone() == ""
	}
	if !ok {
		return BadAddress
	}
	d.Prefix = netip.PrefixFrom(ip, int(length))
	return ""
}

// parseIP4 parses ip4-network = qnum "." qnum "." qnum "." qnum, with qnum
// without leading zeros. Nearly all terms of nearly all records are of this
// form, and this costs half of what netip.ParseAddr does.
func parseIP4(s string) (netip.Addr, bool) {
	var b [4]byte
	i := 0
	for q := range b {
		if q > 0 {
			if i >= len(s) || s[i] != '.' {
				return netip.Addr{}, false
			}
			i++
		}
		start, n := i, 0
		for i < len(s) && i < start+3 && ascii.IsDigit(s[i]) {
			n = n*10 + int(s[i]-'0')
			i++
		}
		if i == start || n > 255 || i-start > 1 && s[start] == '0' {
			return netip.Addr{}, false
		}
		b[q] = byte(n)
	}
	return netip.AddrFrom4(b), i == len(s)
}
