package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// Client opens connections to servers. Its zero value works.
type Client struct {
	Hostname string // the argument of EHLO; "" means localhost
	LMTP     bool   // speak LMTP
	Timeouts Timeouts
	// Trace is told of every line of a command or a reply, without its CRLF;
	// messages are not among them. nil means that nobody is.
	Trace func(sent bool, line string)
}

// ClientConn is a connection to a server. Its methods must be called one at a
// time. After an error that is not Refused, NotOffered, NeedsTLS, TooLarge or
// about what the caller asked for, the connection is closed and every method
// returns that error.
type ClientConn struct {
	Greeting   *Reply
	Hello      *Reply               // to EHLO, LHLO or HELO
	ESMTP      bool                 // Hello is not that to HELO
	Extensions Extensions           // what Hello offers
	TLS        *tls.ConnectionState // nil in the clear

	client   *Client
	timeouts Timeouts
	conn     net.Conn // the TLS connection once there is one
	raw      net.Conn
	r        *reader
	w        *writer
	broken   error
	dirty    bool      // a transaction may be open
	readBy   time.Time // the patience with the reply at hand
	writeFor time.Duration
	fresh    bool   // nothing came since the handshake
	block    []byte // gathers a message on its way to DATA
	chunk    []byte // a message's part on its way to BDAT

	mu  sync.Mutex // held while a deadline is set
	ctx context.Context
}

// Open reads the greeting from conn and says EHLO (LHLO with LMTP), then HELO
// where the server refuses EHLO for good. If conn is a *tls.Conn the handshake
// is done first. On error conn is closed; the error is a *Error.
func (c *Client) Open(ctx context.Context, conn net.Conn) (*ClientConn, error) {
	k := &ClientConn{client: c, timeouts: c.Timeouts.withDefaults(), conn: conn, raw: conn}
	k.r = newReader(conn, k.beforeRead)
	k.w = newWriter(conn, k.beforeWrite)
	defer k.begin(ctx)()
	err := k.open()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return k, nil
}

func (k *ClientConn) open() (err error) {
	if t, ok := k.conn.(*tls.Conn); ok {
		if err := k.handshake(t); err != nil {
			return err
		}
	}
	if k.Greeting, err = k.reply("greeting", k.timeouts.Greeting); err != nil {
		return err
	}
	if k.Greeting.Code != 220 {
		return &Error{Reason: Refused, Verb: "greeting", Reply: k.Greeting}
	}
	return k.hello()
}

// begin makes ctx the one that the connection obeys, until the returned
// function is called.
func (k *ClientConn) begin(ctx context.Context) (end func()) {
	k.mu.Lock()
	k.ctx = ctx
	k.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.ctx == ctx {
			_ = k.raw.SetDeadline(time.Unix(1, 0))
		}
	})
	return func() {
		stop()
		k.mu.Lock()
		k.ctx = nil
		k.mu.Unlock()
	}
}

func (k *ClientConn) beforeRead() error {
	if err := k.w.flush(); err != nil {
		return err
	}
	return k.deadline(k.raw.SetReadDeadline, k.readBy)
}

func (k *ClientConn) beforeWrite() {
	_ = k.deadline(k.raw.SetWriteDeadline, time.Now().Add(k.writeFor))
}

// deadline sets a deadline, in the past if ctx is over.
func (k *ClientConn) deadline(set func(time.Time) error, t time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx != nil && k.ctx.Err() != nil {
		t = time.Unix(1, 0)
	} else if k.ctx != nil {
		if d, ok := k.ctx.Deadline(); ok {
			t = earlier(t, d)
		}
	}
	return set(t)
}

// fail closes the connection for good.
func (k *ClientConn) fail(verb string, err error) error {
	e := asError(err)
	if e.Verb == "" {
		e.Verb = verb
	}
	if k.ctx != nil && k.ctx.Err() != nil {
		e = &Error{Reason: e.Reason, Verb: e.Verb, Err: context.Cause(k.ctx)}
		if errors.Is(k.ctx.Err(), context.Canceled) {
			e.Reason = GivenUp
		}
	}
	if k.broken == nil {
		k.broken = e
		_ = k.raw.Close()
	}
	return e
}

// reply reads the reply to a command. Refusals are replies too.
func (k *ClientConn) reply(verb string, patience time.Duration) (*Reply, error) {
	k.readBy = time.Now().Add(patience)
	k.writeFor = patience
	r, err := readReply(k.r)
	if err != nil {
		return nil, k.fail(verb, k.afterHandshake(err))
	}
	k.fresh = false
	k.traceReply(r)
	if r.Code == 421 { // RFC 5321, Section 3.8: the server closes
		k.fail(verb, &Error{Reason: Closed, Verb: verb, Reply: r})
	}
	return r, nil
}

// afterHandshake finds the handshakes that failed on the other side: with TLS
// 1.3 the client is done before the server has judged its last words.
func (k *ClientConn) afterHandshake(err error) error {
	e := asError(err)
	var alert tls.AlertError
	var op *net.OpError
	if k.fresh && e.Reason == Closed &&
		(errors.As(err, &alert) || errors.As(err, &op) && op.Op == "remote error") {
		return &Error{Reason: TLSFailed, Err: e.Err}
	}
	return err
}

func (k *ClientConn) traceReply(r *Reply) {
	if k.client.Trace == nil {
		return
	}
	for _, l := range strings.Split(strings.TrimSuffix(string(r.Append(nil)), "\r\n"), "\r\n") {
		k.client.Trace(false, l)
	}
}

// say gathers a command; it goes out before the next reply is read.
func (k *ClientConn) say(line string) {
	if k.client.Trace != nil {
		k.client.Trace(true, line)
	}
	k.w.str(line).str("\r\n")
}

// ready reports whether a command can be said: the connection lives, and the
// server has not said anything that was not asked for. A reply that lies ready
// would be taken for that to the next command, and all that follow for those
// before them.
func (k *ClientConn) ready(verb string) error {
	if k.broken != nil {
		return k.broken
	}
	if k.r.buffered() == 0 {
		return nil
	}
	if strings.HasPrefix(string(k.r.bytes()), "421") {
		if r, err := k.reply(verb, k.timeouts.Command); err == nil {
			return k.fail(verb, &Error{Reason: Closed, Verb: verb, Reply: r})
		}
		return k.broken
	}
	return k.fail(verb, &Error{Reason: EarlyData, Detail: quote(k.r.bytes())})
}

// command says one command and reads its reply.
func (k *ClientConn) command(verb, line string, patience time.Duration) (*Reply, error) {
	if err := k.ready(verb); err != nil {
		return nil, err
	}
	k.writeFor = patience
	k.say(line)
	return k.reply(verb, patience)
}

// positive makes an error of a refusal.
func positive(verb string, r *Reply, err error) error {
	if err == nil && !r.Positive() {
		err = &Error{Reason: Refused, Verb: verb, Reply: r}
	}
	return err
}

// hello says EHLO and where that is unknown HELO (RFC 5321, Section 3.2).
func (k *ClientConn) hello() error {
	name := k.client.Hostname
	if name == "" {
		name = "localhost"
	}
	if _, err := parseHello(name); err != nil {
		return err
	}
	verb := "EHLO "
	if k.client.LMTP {
		verb = "LHLO "
	}
	k.Extensions = Extensions{}
	r, err := k.command(verb[:4], verb+name, k.timeouts.Command)
	if err == nil && r.Permanent() && !k.client.LMTP {
		verb = "HELO "
		r, err = k.command("HELO", "HELO "+name, k.timeouts.Command)
	}
	if err := positive(verb[:4], r, err); err != nil {
		return err
	}
	k.Hello, k.ESMTP = r, verb != "HELO "
	if k.ESMTP {
		k.Extensions = ParseExtensions(r.Lines[1:])
	}
	return nil
}

// Err returns the error that closed the connection, nil while it is open. A
// server that hung up since the last reply is not noticed.
func (k *ClientConn) Err() error { return k.broken }

// Reset says RSET.
func (k *ClientConn) Reset(ctx context.Context) error {
	defer k.begin(ctx)()
	r, err := k.command("RSET", "RSET", k.timeouts.Command)
	if err = positive("RSET", r, err); err == nil {
		k.dirty = false
	}
	return err
}

// Noop says NOOP, to see whether the server is still there.
func (k *ClientConn) Noop(ctx context.Context) error {
	defer k.begin(ctx)()
	r, err := k.command("NOOP", "NOOP", k.timeouts.Command)
	return positive("NOOP", r, err)
}

// Quit says QUIT, waits QuitTimeout at most for the reply and closes the
// connection. What goes wrong then changes nothing.
func (k *ClientConn) Quit(ctx context.Context) {
	if k.broken == nil {
		defer k.begin(ctx)()
		_, _ = k.command("QUIT", "QUIT", QuitTimeout)
		if k.broken == nil {
			k.broken = &Error{Reason: Closed, Detail: "by us"}
			_ = k.conn.Close() // with TLS this says that nothing was cut off
		}
	}
}

// Close closes the connection without a word.
func (k *ClientConn) Close() error {
	if k.broken == nil {
		k.broken = &Error{Reason: Closed, Detail: "by us"}
		return k.raw.Close()
	}
	return nil
}
