package smtp

import (
	"context"
	"crypto/tls"
	"time"
)

func (c *serverConn) startTLS(arg string) *Reply {
	switch {
	case c.srv.TLSConfig == nil:
		return c.further(Command{"STARTTLS", arg}, NewReply(502, EnhancedCode{5, 5, 1}, "STARTTLS is not offered"))
	case c.TLS != nil:
		return NewReply(503, EnhancedCode{5, 5, 1}, "TLS is on already")
	case arg != "":
		return noArgument("STARTTLS")
	}
	c.reset()
	c.send(NewReply(220, EnhancedCode{2, 0, 0}, "begin TLS"))
	if err := c.w.flush(); err != nil {
		c.ended = err
		return nil
	}
	if err := c.handshake(); err != nil {
		c.ended = err
		return nil
	}
	if s, ok := c.session.(TLSStarter); ok {
		return c.call(func() *Reply { s.TLSStarted(c.ctx); return nil })
	}
	return nil
}

// handshake does TLS on the connection and forgets all that came before it.
func (c *serverConn) handshake() error {
	config := c.srv.TLSConfig
	if config == nil {
		return &Error{Reason: TLSFailed, Detail: "no TLS configuration"}
	}
	conn := tls.Server(c.raw, config)
	ctx, cancel := context.WithTimeout(c.ctx, min(c.limits.Command, TLSTimeout))
	defer cancel()
	_ = c.raw.SetDeadline(time.Time{})
	if err := conn.HandshakeContext(ctx); err != nil {
		return &Error{Reason: TLSFailed, Err: err}
	}
	state := conn.ConnectionState()
	c.conn, c.TLS, c.Hello, c.ESMTP = conn, &state, "", false
	c.r.reset(conn)
	c.w.reset(conn)
	return nil
}

// StartTLS says STARTTLS, does the handshake, forgets all that was said in the
// clear and says EHLO again (RFC 3207, Section 4.2). Who the server is, is for
// config to verify: a failure of VerifyConnection ends the handshake before
// anything else is said. A Refused or NotOffered error leaves the connection
// as it was; after any other it is closed.
func (k *ClientConn) StartTLS(ctx context.Context, config *tls.Config) error {
	defer k.begin(ctx)()
	switch {
	case k.broken != nil:
		return k.broken
	case k.TLS != nil:
		return &Error{Reason: BadSequence, Verb: "STARTTLS", Detail: "TLS is on already"}
	case !k.Extensions.StartTLS:
		return &Error{Reason: NotOffered, Verb: "STARTTLS"}
	}
	r, err := k.command("STARTTLS", "STARTTLS", k.timeouts.Command)
	if err != nil {
		return err
	}
	if r.Code != 220 {
		return &Error{Reason: Refused, Verb: "STARTTLS", Reply: r}
	}
	if k.r.buffered() > 0 { // words that were put into the server's mouth
		return k.fail("STARTTLS", &Error{Reason: EarlyData, Detail: quote(k.r.bytes())})
	}
	if err := k.handshake(tls.Client(k.raw, config)); err != nil {
		return err
	}
	if err := k.hello(); err != nil {
		return k.fail("EHLO", err)
	}
	return nil
}

// handshake does the client's handshake and reads and writes through conn from
// then on.
func (k *ClientConn) handshake(conn *tls.Conn) error {
	ctx, cancel := context.WithTimeout(k.ctx, k.timeouts.TLS)
	defer cancel()
	k.r.reset(conn)
	k.w.reset(conn)
	_ = k.raw.SetDeadline(time.Time{})
	if err := conn.HandshakeContext(ctx); err != nil {
		return k.fail("STARTTLS", &Error{Reason: TLSFailed, Err: err})
	}
	state := conn.ConnectionState()
	k.conn, k.TLS, k.fresh = conn, &state, true
	k.Hello, k.ESMTP, k.Extensions, k.dirty = nil, false, Extensions{}, false
	return nil
}
