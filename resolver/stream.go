package resolver

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Limits on connections kept open.
const (
	maxIdle  = 8                // for each server
	idleTime = 10 * time.Second // RFC 7766, Section 6.2.3: of the order of a few seconds
)

// stream asks over TCP or TLS (RFC 7766).
func (x *Exchanger) stream(ctx context.Context, s Server, m *dns.Msg, wire []byte) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(x.TCPTimeout, TCPTimeout))
	defer cancel()
	if conn := x.Idle.take(s); conn != nil {
		r, err := x.converse(ctx, s, conn, m, wire)
		if err == nil || isTimeout(err) {
			return r, err
		}
		// The server may have closed it meanwhile (RFC 7766, Section 6.2.4).
	}
	conn, err := x.connect(ctx, s)
	if err != nil {
		return nil, err
	}
	return x.converse(ctx, s, conn, m, wire)
}

func (x *Exchanger) connect(ctx context.Context, s Server) (net.Conn, error) {
	conn, err := x.dial(ctx, "tcp", s.Addr)
	if err != nil || !s.TLS {
		return conn, err
	}
	t := tls.Client(conn, x.tlsConfig(s))
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return t, nil
}

func (x *Exchanger) tlsConfig(s Server) *tls.Config {
	c := new(tls.Config)
	if x.TLS != nil {
		c = x.TLS.Clone()
	}
	c.ServerName = s.Name
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(s.Addr)
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12) // RFC 8310, Section 9; RFC 9325
	return c
}

// converse sends one query and reads its reply. Only a connection over which
// nothing went wrong is kept: another could hold the reply to another query.
func (x *Exchanger) converse(ctx context.Context, s Server, conn net.Conn, m *dns.Msg, wire []byte) (*dns.Msg, error) {
	release := bound(ctx, conn)
	r, err := ask(conn, m, wire)
	if release() && err == nil && s.TLS {
		x.Idle.put(s, conn)
	} else {
		_ = conn.Close()
	}
	return r, err
}

func ask(conn net.Conn, m *dns.Msg, wire []byte) (*dns.Msg, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, len(wire)+2), uint16(len(wire)))
	if _, err := conn.Write(append(framed, wire...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	reply := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, err
	}
	r, err := read(reply, m)
	if err == nil && r.Truncated {
		err = errMalformed // there is nothing larger to ask over
	}
	return r, err
}

// bound makes conn end with ctx. Release undoes that and reports whether ctx
// had not ended.
func bound(ctx context.Context, conn net.Conn) (release func() bool) {
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// Idle keeps connections to servers asked over TLS open for the next query (RFC
// 7858, Section 3.4). A nil one keeps none. The zero value works; it is safe for
// concurrent use.
type Idle struct {
	mu     sync.Mutex
	conns  map[Server][]idle
	closed bool
}

type idle struct {
	conn  net.Conn
	timer *time.Timer
}

// Close closes the connections, and those that come back later.
func (p *Idle) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, l := range p.conns {
		for _, c := range l {
			c.timer.Stop()
			errs = append(errs, c.conn.Close())
		}
	}
	p.conns = nil
	return errors.Join(errs...)
}

// take returns the connection to s that was used last, nil if there is none.
func (p *Idle) take(s Server) net.Conn {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.conns[s]
	if len(l) == 0 {
		return nil
	}
	c := l[len(l)-1]
	p.conns[s] = l[:len(l)-1]
	c.timer.Stop()
	return c.conn
}

func (p *Idle) put(s Server, conn net.Conn) {
	if p == nil {
		_ = conn.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.conns[s]) >= maxIdle {
		_ = conn.Close()
		return
	}
	if p.conns == nil {
		p.conns = map[Server][]idle{}
	}
	p.conns[s] = append(p.conns[s], idle{conn, time.AfterFunc(idleTime, func() { p.expire(s, conn) })})
}

// expire closes conn unless somebody took it.
func (p *Idle) expire(s Server, conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range p.conns[s] {
		if c.conn == conn {
			p.conns[s] = append(p.conns[s][:i], p.conns[s][i+1:]...)
			_ = conn.Close()
			return
		}
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}
