package upstream

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/resolver"
)

// Ports where a server's address has none.
const (
	port    = "53"
	portTLS = "853" // RFC 7858, Section 3.1
)

// maxResolvConf bounds what is read of a resolv.conf, in bytes.
const maxResolvConf = 1 << 20

// ParseServer reads a server as the command line has it: an IP address, with or
// without a port ("192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53"), or
// "tls://ADDRESS[:PORT][#NAME]" for DNS over TLS, where NAME is what the
// certificate must say.
func ParseServer(s string) (resolver.Server, error) {
	rest, isTLS := strings.CutPrefix(s, "tls://")
	out := resolver.Server{TLS: isTLS}
	p := port
	if isTLS {
		rest, out.Name, _ = strings.Cut(rest, "#")
		p = portTLS
	}
	host, given, err := net.SplitHostPort(rest)
	if err == nil {
		p = given
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]")
	}
	n, err := strconv.ParseUint(p, 10, 16)
	ip, ipErr := netip.ParseAddr(host)
	if err != nil || n == 0 || ipErr != nil || strings.ContainsAny(ip.Zone(), "[]#:/") {
		return resolver.Server{}, fmt.Errorf("upstream: %q is not ADDRESS, ADDRESS:PORT or tls://ADDRESS[:PORT][#NAME], with an IP address", s)
	}
	out.Addr = net.JoinHostPort(ip.String(), strconv.FormatUint(n, 10))
	return out, nil
}

// ParseServers reads several servers, in order.
func ParseServers(list []string) ([]resolver.Server, error) {
	var out []resolver.Server
	for _, s := range list {
		srv, err := ParseServer(s)
		if err != nil {
			return nil, err
		}
		out = append(out, srv)
	}
	return out, nil
}

// ParseResolvConf returns the servers that a resolv.conf(5) names. Lines that it
// does not know or cannot read are passed over, as the C library does; search
// lists and options mean nothing here. Without any server it is the one on
// loopback.
func ParseResolvConf(r io.Reader) ([]resolver.Server, error) {
	var out []resolver.Server
	lines := bufio.NewScanner(io.LimitReader(r, maxResolvConf))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if srv, err := ParseServer(f[1]); err == nil && !srv.TLS {
			out = append(out, srv)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("upstream: resolv.conf: %w", err)
	}
	if len(out) == 0 {
		out = []resolver.Server{{Addr: net.JoinHostPort("127.0.0.1", port)}}
	}
	return out, nil
}
