package smtp

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The limits of the PROXY protocol, version 1 (Section 2.1: "the maximum line
// length is 107 characters") and version 2 (16 bytes and what they announce).
const (
	maxProxyLine  = 108
	proxyV2Header = 16
)

const proxyV2Signature = "\r\n\r\n\x00\r\nQUIT\n"

// proxied is what a PROXY header says.
type proxied struct {
	src, dst netip.AddrPort // not valid where the proxy speaks for itself
}

// proxy reads the PROXY header of a trusted peer. There must be one: a peer
// that may say who the client is but does not would be taken for it.
func (c *serverConn) proxy() error {
	if c.srv.TrustProxy == nil || !c.srv.TrustProxy(c.Peer) {
		return nil
	}
	h, err := readProxy(c.r)
	if err != nil {
		return err
	}
	if h.src.IsValid() {
		c.Remote, c.Local = net.TCPAddrFromAddrPort(h.src), net.TCPAddrFromAddrPort(h.dst)
	}
	return nil
}

// readProxy reads a PROXY header of either version.
func readProxy(r *reader) (proxied, error) {
	for r.buffered() < len(proxyV2Signature) {
		b := r.bytes()
		if !strings.HasPrefix(proxyV2Signature, string(b)) {
			break // not version 2; a line of version 1 may be this short
		}
		if err := r.fill(); err != nil {
			return proxied{}, err
		}
	}
	if bytes.HasPrefix(r.bytes(), []byte(proxyV2Signature)) {
		return readProxyV2(r)
	}
	line, err := r.line(maxProxyLine)
	if err != nil {
		if e := asError(err); e.Reason != Timeout && e.Reason != Closed {
			err = &Error{Reason: BadProxyHeader, Err: err}
		}
		return proxied{}, err
	}
	return parseProxyV1(string(line))
}

// parseProxyV1 reads "PROXY TCP4 source destination port port".
func parseProxyV1(line string) (proxied, error) {
	bad := &Error{Reason: BadProxyHeader, Detail: quote(line)}
	f := strings.Split(line, " ")
	if len(f) >= 2 && f[0] == "PROXY" && f[1] == "UNKNOWN" {
		return proxied{}, nil
	}
	if len(f) != 6 || f[0] != "PROXY" || f[1] != "TCP4" && f[1] != "TCP6" {
		return proxied{}, bad
	}
	var h proxied
	for i, to := range []*netip.AddrPort{&h.src, &h.dst} {
		addr, err := netip.ParseAddr(f[2+i])
		port, perr := strconv.ParseUint(f[4+i], 10, 16)
		if err != nil || perr != nil || addr.Zone() != "" || addr.Is4() != (f[1] == "TCP4") {
			return proxied{}, bad
		}
		*to = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	}
	return h, nil
}

// readProxyV2 reads the binary form. Its TLVs are skipped.
func readProxyV2(r *reader) (proxied, error) {
	if err := need(r, proxyV2Header); err != nil {
		return proxied{}, err
	}
	b := r.bytes()
	command, family := b[12], b[13]
	size := proxyV2Header + int(binary.BigEndian.Uint16(b[14:]))
	if size > lineBuffer || command != 0x20 && command != 0x21 {
		return proxied{}, &Error{Reason: BadProxyHeader, Detail: quote(b[:proxyV2Header])}
	}
	if err := need(r, size); err != nil {
		return proxied{}, err
	}
	b = r.bytes()[:size]
	defer r.discard(size)
	if command == 0x20 { // LOCAL
		return proxied{}, nil
	}
	return parseProxyV2(family, b[proxyV2Header:])
}

func need(r *reader, n int) error {
	for r.buffered() < n {
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

func parseProxyV2(family byte, b []byte) (proxied, error) {
	size := 0
	switch family {
	case 0x11: // TCP over IPv4
		size = 4
	case 0x21: // TCP over IPv6
		size = 16
	case 0x00, 0x31: // unknown, Unix stream
		return proxied{}, nil
	}
	if size == 0 || len(b) < 2*size+4 {
		return proxied{}, &Error{Reason: BadProxyHeader, Detail: quote(b)}
	}
	src, _ := netip.AddrFromSlice(b[:size])
	dst, _ := netip.AddrFromSlice(b[size : 2*size])
	ports := b[2*size:]
	return proxied{
		netip.AddrPortFrom(src.Unmap(), binary.BigEndian.Uint16(ports)),
		netip.AddrPortFrom(dst.Unmap(), binary.BigEndian.Uint16(ports[2:])),
	}, nil
}
