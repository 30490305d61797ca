package policyhost

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// limited is a listener with so many connections at a time, not all of them of one
// client, and none of them for long.
type limited struct {
	net.Listener
	most    int           // connections at a time
	life    time.Duration // of one
	refused *atomic.Int64 // counts the others

	mu   sync.Mutex
	open int
	of   map[netip.Prefix]int // by client
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(conn.RemoteAddr())
		if !l.enter(client) {
			l.refused.Add(1)
			_ = conn.Close()
			continue
		}
		c := &counted{Conn: conn}
		c.leave = sync.OnceFunc(func() { l.leave(client) })
		c.end = time.AfterFunc(l.life, func() { _ = conn.Close() })
		return c, nil
	}
}

func (l *limited) enter(client netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.most || l.of[client] >= max(1, l.most/shareOfClient) {
		return false
	}
	if l.of == nil {
		l.of = make(map[netip.Prefix]int)
	}
	l.open++
	l.of[client]++
	return true
}

func (l *limited) leave(client netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.of[client]--; l.of[client] == 0 {
		delete(l.of, client)
	}
}

// clientOf returns what counts as one client: an IPv4 address, or the 64 bits of IPv6
// that one customer has.
func clientOf(addr net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := at.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits)
	return p
}

// counted is a connection that is missed when it is closed.
type counted struct {
	net.Conn
	leave func()
	end   *time.Timer
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.end.Stop()
	c.leave()
	return c.Conn.Close()
}
