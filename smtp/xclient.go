package smtp

import (
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// xclientNames are the attributes of XCLIENT as Postfix defines them.
var xclientNames = [...]string{"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"}

func (c *serverConn) trustXClient() bool {
	return c.srv.TrustXClient != nil && c.srv.TrustXClient(c.Peer)
}

// xclient is XCLIENT: a trusted peer says who the client is, and all begins
// anew with another session. known is false for peers that are not trusted, to
// whom the command does not exist.
func (c *serverConn) xclient(arg string) (r *Reply, known bool) {
	switch {
	case !c.trustXClient():
		return nil, false
	case c.tx.open:
		return badSequence("a transaction is open"), true
	}
	attrs, ok := parseXClient(arg)
	if !ok || !c.impersonate(attrs) {
		return NewReply(501, EnhancedCode{5, 5, 4}, "bad XCLIENT attribute"), true
	}
	c.XClient, c.Hello, c.ESMTP = attrs, "", false
	c.reset()
	if closer, ok := c.session.(io.Closer); ok {
		c.call(func() *Reply { _ = closer.Close(); return nil })
	}
	c.session = nil
	c.greet()
	return nil, true
}

// parseXClient reads "NAME=value ..."; values are xtext.
func parseXClient(arg string) (map[string]string, bool) {
	attrs := make(map[string]string)
	for _, f := range strings.Fields(arg) {
		name, value, ok := strings.Cut(f, "=")
		name = strings.ToUpper(name)
		known := false
		for _, n := range xclientNames {
			known = known || n == name
		}
		_, twice := attrs[name]
		decoded, good := decodeXtext(value)
		if !ok || !known || twice || !good {
			return nil, false
		}
		attrs[name] = decoded
	}
	return attrs, len(attrs) > 0
}

// impersonate takes over the addresses.
func (c *serverConn) impersonate(attrs map[string]string) bool {
	remote, ok := xclientAddr(c.Remote, attrs["ADDR"], attrs["PORT"])
	local, ok2 := xclientAddr(c.Local, attrs["DESTADDR"], attrs["DESTPORT"])
	if ok && ok2 {
		c.Remote, c.Local = remote, local
	}
	return ok && ok2
}

// xclientAddr returns the address that the attributes name, or old where they
// name none. An address that the peer does not know is no reason to take the
// peer for the client.
func xclientAddr(old net.Addr, addr, port string) (net.Addr, bool) {
	switch {
	case addr == "":
		return old, true
	case ascii.EqualFold(addr, "[UNAVAILABLE]"), ascii.EqualFold(addr, "[TEMPUNAVAIL]"):
		return &net.TCPAddr{}, true
	}
	if ascii.HasPrefixFold(addr, "IPV6:") {
		addr = addr[len("IPV6:"):]
	}
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		return nil, false
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if port != "" && !strings.HasPrefix(port, "[") && err != nil {
		return nil, false
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.Unmap(), uint16(p))), true
}
