package milter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/message"
)

// envelope is the scope of a message.
type envelope struct {
	Message
	conn *conn

	raw       []byte // the header so far
	fields    int
	inContent bool
	begun     bool // the header is complete

	ctx    context.Context
	cancel context.CancelFunc
	tx     Transaction // nil before the end of the header, and once there is an answer
	answer *Answer     // found before the end of the body
}

// mail begins a message.
func (c *conn) mail(data []byte) error {
	args, ok := parseStrings(data)
	if !ok {
		return &Error{Reason: BadPacket, Command: cmdMail}
	}
	c.abort() // its macros came already, so they are left
	e := &envelope{conn: c}
	e.Message = Message{Client: c.client, From: path(args[0]), Args: args[1:], Macros: &c.macros}
	e.ctx, e.cancel = context.WithCancel(c.stop.Now)
	c.msg = e
	e.checkAddr()
	c.goOn(cmdMail)
	return nil
}

// checkAddr completes the client's address. The connect command comes before what
// macros say: those of some mail servers are free text of the configuration.
func (e *envelope) checkAddr() {
	text := e.Macros.Value("client_addr")
	if text == "" {
		return
	}
	addr, ok := parseAddr(text)
	switch {
	case !ok || addr == e.Client.Addr:
	case !e.Client.Addr.IsValid():
		e.Client.Addr = addr
	default:
		e.conn.server.report(&e.Message, &Error{Reason: AddrDiffer, Detail: fmt.Sprintf("%s and %s", e.Client.Addr, addr)})
	}
}

func (c *conn) rcpt(data []byte) error {
	args, ok := parseStrings(data)
	if !ok || c.msg.inContent {
		return &Error{Reason: BadPacket, Command: cmdRcpt}
	}
	e := c.msg
	if len(e.To) >= c.limits.Recipients {
		e.fail(&Error{Reason: ManyRcpt, Detail: strconv.Itoa(c.limits.Recipients)},
			&Answer{Action: TempFail, Code: 452, Enhanced: "4.5.3", Text: "too many recipients"})
	} else {
		e.To = append(e.To, path(args[0]))
	}
	c.goOn(cmdRcpt)
	return nil
}

// header takes one header field.
func (c *conn) header(data []byte) error {
	e := c.msg
	name, value, ok := parseHeader(data)
	if !ok || e.begun {
		return &Error{Reason: BadPacket, Command: cmdHeader, Detail: strconv.QuoteToASCII(string(data[:min(len(data), 80)]))}
	}
	e.inContent = true
	switch {
	case e.Limit != nil || e.answer != nil:
	case len(e.raw)+len(name)+len(value)+len(": \r\n") > message.MaxHeaderBytes:
		e.Limit = &message.Error{Reason: message.HeaderTooLarge, Limit: message.MaxHeaderBytes}
	case e.fields == message.MaxFields:
		e.Limit = &message.Error{Reason: message.TooManyFields, Limit: message.MaxFields, Field: e.fields + 1}
	default:
		n := len(e.raw)
		e.fields++
		if e.raw, ok = appendField(e.raw, name, value, c.flags&leadingSpace != 0); !ok {
			e.fail(&Error{Reason: BadHeader, Command: cmdHeader, Detail: strconv.QuoteToASCII(string(e.raw[n:min(len(e.raw), n+80)]))},
				&Answer{Action: TempFail, Code: 451, Enhanced: "4.6.0", Text: "a header field cannot be read"})
		}
	}
	c.goOn(cmdHeader)
	return nil
}

// endHeader hands the message over.
func (c *conn) endHeader() error {
	if c.msg.begun {
		return &Error{Reason: BadSequence, Command: cmdEndHeader}
	}
	c.begin()
	if e := c.msg; e.answer != nil && c.flags&noReplyEOH == 0 {
		c.say(e.answer) // header fields cannot be changed before the end of the body
		c.done()
		return nil
	}
	c.goOn(cmdEndHeader)
	return nil
}

// begin calls the Handler.
func (c *conn) begin() {
	e := c.msg
	e.inContent, e.begun = true, true
	if e.answer != nil {
		return
	}
	defer e.recover()
	header, err := message.ParseHeader(e.raw)
	e.Header = header
	var limit *message.Error
	if errors.As(err, &limit) && e.Limit == nil {
		e.Limit = limit
	}
	e.ctx, e.cancel = withTimeout(e.ctx, e.cancel, c.limits.Message)
	tx, answer := c.server.Handler.Begin(e.ctx, &e.Message)
	switch {
	case answer != nil:
		e.answer = answer
	case tx == nil:
		e.answer = &Answer{Action: Accept}
	default:
		e.tx = tx
	}
}

func withTimeout(parent context.Context, cancel context.CancelFunc, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithTimeout(parent, limit)
	return ctx, func() { end(); cancel() }
}

// body takes a chunk of the body.
func (c *conn) body(data []byte) error {
	e := c.msg
	if !e.begun { // a mail server may leave out the end of the header
		c.begin()
	}
	e.write(data)
	switch {
	case c.flags&noReplyBody != 0:
	case e.answer != nil:
		c.say(e.answer)
		c.done()
	case c.flags&canSkip != 0 && e.skips():
		c.add(repSkip)
	default:
		c.add(repContinue)
	}
	return nil
}

// write hands a chunk over.
func (e *envelope) write(data []byte) {
	if e.tx == nil || len(data) == 0 {
		return
	}
	defer e.recover()
	if _, err := e.tx.Write(data); err != nil {
		e.fail(&Error{Reason: BodyFailed, Err: err}, later())
	}
}

func (e *envelope) skips() bool {
	s, ok := e.tx.(Skipper)
	defer e.recover()
	return ok && s.Skip()
}

// fail answers a message for which something is wrong that its Handler is not to
// blame for, or can do nothing about.
func (e *envelope) fail(why *Error, a *Answer) {
	if e.answer != nil {
		return
	}
	e.answer = a
	e.conn.server.report(&e.Message, why)
	e.drop()
}

// later is the answer to a message that cannot be judged now.
func later() *Answer {
	return &Answer{Action: TempFail, Code: 451, Enhanced: "4.7.0", Text: "the message cannot be checked now, try again later"}
}

// recover keeps a panic to its message.
func (e *envelope) recover() {
	if p := panics.Of(recover()); p != nil {
		e.fail(panicked(p), later())
	}
}

func panicked(p *panics.Panic) *Error { return &Error{Reason: Panicked, Err: p} }

// drop aborts the Transaction.
func (e *envelope) drop() {
	tx := e.tx
	e.tx = nil
	e.cancel()
	if tx == nil {
		return
	}
	defer func() {
		if p := panics.Of(recover()); p != nil {
			e.conn.server.report(&e.Message, panicked(p))
		}
	}()
	tx.Abort()
}

// done ends a message that was answered.
func (c *conn) done() {
	c.abort()
	c.macros.forget(stageMail)
}
