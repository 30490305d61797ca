package milter

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/waxseal/waxseal/internal/accept"
)

// conn is one connection of a mail server: the scope of a client. The scope of a
// message is in msg.
type conn struct {
	wire
	server *Server
	stop   accept.Stop
	limits Limits

	negotiated bool
	actions    uint32
	flags      uint32

	client Client
	macros Macros
	msg    *envelope // nil between messages

	mu   sync.Mutex
	busy bool // within a message, for wake
}

func newConn(s *Server, stop accept.Stop, nc net.Conn, limits Limits) *conn {
	c := &conn{server: s, stop: stop, limits: limits}
	c.wire = wire{conn: nc, r: readers.Get().(*bufio.Reader), limit: limits.Packet, before: c.arm, ack: acker(nc)}
	c.r.Reset(nc)
	return c
}

// message returns the message under way, nil without one.
func (c *conn) message() *Message {
	if c.msg == nil {
		return nil
	}
	return &c.msg.Message
}

// run serves commands until the mail server leaves. The error is nil if it left in
// good order.
func (c *conn) run() error {
	defer c.close()
	for {
		cmd, data, err := c.next(c.wait())
		if err != nil {
			return faultOf(err, c.msg != nil)
		}
		if cmd == cmdQuit {
			return nil
		}
		if err := c.command(cmd, data); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
}

// wait returns how long the next packet may take to begin.
func (c *conn) wait() time.Duration {
	switch {
	case !c.negotiated:
		return c.limits.Packet
	case c.msg != nil && c.msg.inContent:
		return c.limits.Content
	}
	return c.limits.Idle
}

// arm sets the deadline of the next packet, unless there is to be none.
func (c *conn) arm(wait time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = c.msg != nil
	if !c.busy && c.stop.Soon.Err() != nil {
		return net.ErrClosed
	}
	if c.stop.Now.Err() != nil {
		return net.ErrClosed
	}
	return c.conn.SetReadDeadline(time.Now().Add(wait))
}

// wake ends the wait of a connection that is between messages.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.busy {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// command carries out one command. An error ends the connection.
func (c *conn) command(cmd byte, data []byte) error {
	if !c.negotiated && cmd != cmdNegotiate {
		return &Error{Reason: BadSequence, Command: cmd, Detail: "before negotiation"}
	}
	switch cmd {
	case cmdNegotiate:
		return c.negotiate(data)
	case cmdMacro:
		return c.macro(data)
	case cmdConnect:
		return c.connect(data)
	case cmdHelo:
		return c.helo(data)
	case cmdMail:
		return c.mail(data)
	case cmdAbort:
		c.reset()
		return nil
	case cmdQuitNoConn:
		c.reset()
		c.client = Client{}
		c.macros.forget(0)
		return nil
	case cmdUnknown:
		c.goOn(cmd)
		return nil
	}
	if c.msg == nil {
		return &Error{Reason: BadSequence, Command: cmd, Detail: "without a message"}
	}
	return c.inMessage(cmd, data)
}

// inMessage carries out one command that belongs to a message.
func (c *conn) inMessage(cmd byte, data []byte) error {
	switch cmd {
	case cmdRcpt:
		return c.rcpt(data)
	case cmdData:
		c.goOn(cmd)
		return nil
	case cmdHeader:
		return c.header(data)
	case cmdEndHeader:
		return c.endHeader()
	case cmdBody:
		return c.body(data)
	case cmdEndBody:
		return c.endBody(data)
	}
	return &Error{Reason: BadPacket, Command: cmd, Detail: "unknown command"}
}

// goOn replies that the mail server should go on, if it waits for a reply.
func (c *conn) goOn(cmd byte) {
	if flag := noReply(cmd); flag == 0 || c.flags&flag == 0 {
		c.add(repContinue)
	}
}

// negotiate grants us what the mail server offers and we want.
func (c *conn) negotiate(data []byte) error {
	if c.negotiated || len(data) < 12 {
		return &Error{Reason: BadPacket, Command: cmdNegotiate, Detail: strconv.Itoa(len(data)) + " bytes"}
	}
	version := binary.BigEndian.Uint32(data)
	c.actions = binary.BigEndian.Uint32(data[4:]) & wantActions
	c.flags = binary.BigEndian.Uint32(data[8:]) & wantFlags
	if version < minVersion || c.actions&needActions != needActions {
		return &Error{
			Reason: BadOffer, Command: cmdNegotiate,
			Detail: fmt.Sprintf("version %d, actions %#x: header fields must be added and deleted", version, binary.BigEndian.Uint32(data[4:])),
		}
	}
	c.negotiated = true
	var reply []byte
	for _, n := range [...]uint32{min(version, maxVersion), c.actions, c.flags} {
		reply = binary.BigEndian.AppendUint32(reply, n)
	}
	if c.actions&actSetMacros != 0 {
		for _, want := range wantMacros {
			reply = binary.BigEndian.AppendUint32(reply, want.stage)
			reply = append(append(reply, want.names...), 0)
		}
	}
	c.add(cmdNegotiate, reply)
	return nil
}

// macro takes the macros of a stage, which come before its command.
func (c *conn) macro(data []byte) error {
	if len(data) == 0 || len(data) > MaxMacros {
		return &Error{Reason: BadPacket, Command: cmdMacro, Detail: strconv.Itoa(len(data)) + " bytes"}
	}
	c.macros.set(data[0], data[1:])
	return nil
}

// connect begins a client.
func (c *conn) connect(data []byte) error {
	client, ok := parseConnect(data)
	if !ok {
		return &Error{Reason: BadPacket, Command: cmdConnect, Detail: strconv.QuoteToASCII(string(data[:min(len(data), 80)]))}
	}
	c.reset()
	c.client = client
	c.macros.forget(stageHelo)
	c.goOn(cmdConnect)
	return nil
}

// helo also ends a message that was begun (RFC 5321, Section 4.1.4).
func (c *conn) helo(data []byte) error {
	args, ok := parseStrings(data)
	if !ok {
		return &Error{Reason: BadPacket, Command: cmdHelo}
	}
	c.reset()
	c.client.Helo = args[0]
	c.goOn(cmdHelo)
	return nil
}

// reset ends the scope of a message.
func (c *conn) reset() {
	c.abort()
	c.macros.forget(stageMail)
}

// abort ends a message without a judgement.
func (c *conn) abort() {
	if c.msg != nil {
		c.msg.drop()
		c.msg = nil
	}
}
