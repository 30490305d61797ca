package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// serverConn is one connection of a Server.
type serverConn struct {
	Conn
	srv     *Server
	limits  Limits
	ctx     context.Context // of the hooks: ends when patience does
	session Session
	conn    net.Conn // the TLS connection once there is one
	raw     net.Conn
	r       *reader
	w       *writer

	tx       transaction
	counts   struct{ errors, idle, messages int }
	began    time.Time
	commands time.Time // until when the next command must be read
	body     *bodyClock
	pending  *Command // read while a message was, to be obeyed after it
	ended    error    // why the connection is to end; io.EOF for good manners

	mu       sync.Mutex
	draining bool
	waiting  bool // for a command
}

// bodyClock is the patience with a message.
type bodyClock struct {
	began time.Time // of the message
	chunk time.Time // of the DATA or BDAT command
	from  int64     // bytes consumed when the chunk began
	slow  bool      // the deadline set last is that of the rate
}

var errDraining = &Error{Reason: Closed, Detail: "server is stopping"}

func (s *Server) serve(ctx, hard context.Context, conn net.Conn, limits Limits) {
	c := &serverConn{
		Conn: Conn{Peer: conn.RemoteAddr(), Remote: conn.RemoteAddr(), Local: conn.LocalAddr()},
		srv:  s, limits: limits, conn: conn, raw: conn, began: time.Now(),
	}
	hard, cancel := context.WithCancel(hard)
	defer cancel()
	c.ctx = hard
	c.r = newReader(conn, c.beforeRead)
	c.w = newWriter(conn, c.beforeWrite)
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(hard, func() { _ = conn.Close() })()
	defer context.AfterFunc(ctx, c.drain)()
	c.run()
	c.closeSession()
	c.farewell()
}

// drain makes a connection that waits for a command stop waiting.
func (c *serverConn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.waiting {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// beforeRead flushes the replies and sets the deadline of a read that may
// block.
func (c *serverConn) beforeRead() error {
	if err := c.w.flush(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting = c.body == nil; c.waiting && c.draining {
		return errDraining
	}
	return c.raw.SetReadDeadline(c.deadline(time.Now()))
}

func (c *serverConn) deadline(now time.Time) time.Time {
	if c.body == nil {
		return earlier(c.commands, c.began.Add(c.limits.Session))
	}
	b := c.body
	idle := earlier(now.Add(c.limits.Command), b.began.Add(c.limits.Message))
	if c.limits.MinRate < 0 {
		return idle
	}
	bytes := c.r.size + int64(c.r.buffered()) - b.from
	rate := b.chunk.Add(c.limits.Command + time.Duration(float64(bytes)/float64(c.limits.MinRate)*float64(time.Second)))
	if b.slow = rate.Before(idle); b.slow {
		return rate
	}
	return idle
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (c *serverConn) beforeWrite() {
	_ = c.raw.SetWriteDeadline(time.Now().Add(c.limits.Command))
}

// run goes from the first byte to the last command.
func (c *serverConn) run() {
	c.commands = time.Now().Add(c.limits.Command)
	if err := c.proxy(); err != nil {
		c.ended = err
		return
	}
	if ip := c.RemoteIP(); ip.IsValid() {
		if !c.srv.enterIP(ip, c.limits.ConnectionsPerIP) {
			c.refuse(NewReply(421, EnhancedCode{4, 7, 0}, "too many connections from your address"))
			return
		}
		defer c.srv.leaveIP(ip)
	}
	if c.srv.ImplicitTLS {
		if err := c.handshake(); err != nil {
			c.ended = err
			return
		}
	}
	if !c.greet() {
		return
	}
	for c.ended == nil {
		c.step()
	}
}

// greet opens the session and greets, or refuses to.
func (c *serverConn) greet() bool {
	c.Extensions = DefaultExtensions()
	if c.srv.Extensions != nil {
		c.Extensions = *c.srv.Extensions
	}
	reply := c.call(func() (r *Reply) {
		c.session, r = c.srv.Handler.NewSession(c.ctx, &c.Conn)
		return r
	})
	if reply != nil && !reply.Positive() {
		c.refuse(reply)
		return false
	}
	if c.early() || c.srv.GreetDelay > 0 && c.pregreet() {
		c.tooEarly("greeting") // RFC 5321, Section 3.1: the server speaks first
		return false
	}
	proto := " ESMTP"
	if c.srv.LMTP {
		proto = " LMTP"
	}
	c.send(or(reply, NewReply(220, EnhancedCode{}, c.srv.hostname()+proto)))
	return c.ended == nil
}

// pregreet watches for a client that does not wait for the greeting.
func (c *serverConn) pregreet() bool {
	patience := c.commands
	c.commands = time.Now().Add(c.srv.GreetDelay)
	err := c.r.fill()
	c.commands = patience
	var e *Error
	if errors.As(err, &e) && e.Reason == Timeout && !c.isDraining() {
		c.r.err = nil
		return false
	}
	return err == nil
}

func (c *serverConn) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// refuse says the reply and ends the connection.
func (c *serverConn) refuse(r *Reply) {
	c.send(r)
	if c.ended == nil {
		c.ended = io.EOF
	}
}

// send gathers a reply; it goes out before the next read that may block.
func (c *serverConn) send(r *Reply) {
	c.w.reply(r)
	if r.Code == 421 && c.ended == nil { // RFC 5321, Section 3.8
		c.ended = io.EOF
	}
	if c.w.err != nil {
		c.ended = c.w.err
	}
}

// call runs a hook. A panic costs its client the connection and no more.
func (c *serverConn) call(hook func() *Reply) (r *Reply) {
	defer func() {
		if v := recover(); v != nil {
			c.report(&Error{Reason: Panicked, Err: fmt.Errorf("%v\n%s", v, debug.Stack())})
			r = NewReply(421, EnhancedCode{4, 3, 0}, "internal error, try again later")
		}
	}()
	return hook()
}

func (c *serverConn) report(err error) {
	if c.srv.Report != nil {
		c.srv.Report(&c.Conn, err)
	}
}

func (c *serverConn) closeSession() {
	if c.session == nil {
		return
	}
	c.reset()
	if closer, ok := c.session.(io.Closer); ok {
		c.call(func() *Reply { _ = closer.Close(); return nil })
	}
	c.session = nil
}

// farewell says why the connection ends, if the client can still be told, and
// sees to it that our words arrive.
func (c *serverConn) farewell() {
	if c.ended != io.EOF {
		e := asError(c.ended)
		if e != errDraining && (e.Reason != Closed || c.tx.open) {
			c.report(e)
		}
		if r := lastWords(e); r != nil {
			c.w.reply(r)
		}
		if e.Reason == TLSFailed || e.Reason == Closed && e != errDraining {
			return
		}
	}
	if c.w.flush() != nil {
		return
	}
	// A close with unread input resets the connection, and the reply with it.
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = c.raw.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.CopyN(io.Discard, c.raw, maxTrailing)
	}
}

func asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Reason: Closed, Err: err}
	}
	return e
}

// lastWords returns the reply for an error that ends the connection.
func lastWords(e *Error) *Reply {
	switch e.Reason {
	case Timeout, TooSlow:
		return NewReply(421, EnhancedCode{4, 4, 2}, string(e.Reason)+", closing connection")
	case EarlyData:
		return NewReply(554, EnhancedCode{5, 5, 0}, "you sent data before it was your turn")
	case BareLF, BareCR:
		return NewReply(500, EnhancedCode{5, 5, 2}, string(e.Reason)+": lines end with CRLF and have no other CR or LF")
	case LineTooLong:
		return NewReply(500, EnhancedCode{5, 5, 2}, string(e.Reason))
	case BadProxyHeader:
		return nil
	}
	if e == errDraining {
		return NewReply(421, EnhancedCode{4, 3, 2}, e.Detail+", try again later")
	}
	return nil
}

func or(r, usual *Reply) *Reply {
	if r != nil {
		return r
	}
	return usual
}
