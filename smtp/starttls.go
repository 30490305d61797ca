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
