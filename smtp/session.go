package smtp

import (
	"strings"
	"time"
)

// transaction is what was agreed since MAIL.
type transaction struct {
	open    bool // MAIL was accepted
	utf8    bool // with SMTPUTF8
	rcpts   int  // accepted recipients
	refused bool // a BDAT was; those that follow are too (RFC 3030, Section 2)
}

// step reads and obeys one command.
func (c *serverConn) step() {
	cmd, err := c.command()
	if err != nil {
		if e := asError(err); e.Reason != BadCommand && e.Reason != ControlCharacter {
			c.ended = err
			return
		}
		c.answer(NewReply(500, EnhancedCode{5, 5, 2}, "malformed command"))
		return
	}
	if c.early() && c.outOfTurn(cmd.Verb) {
		c.tooEarly(cmd.Verb)
		return
	}
	c.answer(c.obey(cmd))
}

// command returns the next command: one that was read inside a message, or a
// line.
func (c *serverConn) command() (Command, error) {
	if p := c.pending; p != nil {
		c.pending = nil
		return *p, nil
	}
	c.commands = time.Now().Add(c.limits.Command)
	line, err := c.r.line(MaxCommandLine)
	if err != nil {
		if asError(err).Reason == Timeout && c.isDraining() {
			err = errDraining
		}
		return Command{}, err
	}
	return ParseCommand(line)
}

// early reports whether the client sent more than the command at hand.
func (c *serverConn) early() bool { return c.r.buffered() > 0 }

// outOfTurn reports whether nothing may follow the command before its reply:
// PIPELINING was not offered, or the command is one of those that must be the
// last of a group (RFC 2920, Section 3.1; RFC 3207, Section 4.2) and which an
// attacker would use to put words into another's mouth.
func (c *serverConn) outOfTurn(verb string) bool {
	switch verb {
	case "EHLO", "HELO", "LHLO", "DATA", "STARTTLS", "XCLIENT", "AUTH":
		return true
	case "QUIT":
		return false // all the rest is not read
	}
	return !c.ESMTP || !c.Extensions.Pipelining
}

func (c *serverConn) tooEarly(verb string) {
	c.ended = &Error{Reason: EarlyData, Verb: verb, Detail: quote(c.r.bytes())}
}

// answer sends the reply of a command and counts it.
func (c *serverConn) answer(r *Reply) {
	if r == nil {
		return
	}
	c.send(r)
	if r.Permanent() {
		c.counts.errors++
	}
	if c.ended == nil && (c.counts.errors > c.limits.Errors || c.counts.idle > c.limits.Idle) {
		c.refuse(NewReply(421, EnhancedCode{4, 7, 0}, "too many errors or idle commands"))
	}
}

// obey does what a command asks and returns its reply, nil if all was said.
func (c *serverConn) obey(cmd Command) *Reply {
	switch cmd.Verb {
	case "EHLO", "HELO", "LHLO":
		return c.hello(cmd)
	case "MAIL":
		return c.mail(cmd.Arg)
	case "RCPT":
		return c.rcpt(cmd.Arg)
	case "DATA":
		return c.data(cmd.Arg)
	case "BDAT":
		return c.bdat(cmd.Arg)
	case "RSET":
		c.counts.idle++
		if cmd.Arg != "" {
			return noArgument("RSET")
		}
		c.reset()
		return ok()
	case "NOOP", "VRFY":
		c.counts.idle++
		return idleCommand(cmd)
	case "QUIT":
		c.refuse(NewReply(221, EnhancedCode{2, 0, 0}, c.srv.hostname()+" closing connection"))
		return nil
	case "STARTTLS":
		return c.startTLS(cmd.Arg)
	}
	return c.other(cmd)
}

func idleCommand(cmd Command) *Reply {
	switch {
	case cmd.Verb == "NOOP":
		return ok()
	case cmd.Arg == "":
		return NewReply(501, EnhancedCode{5, 5, 4}, "want VRFY name")
	}
	return NewReply(252, EnhancedCode{2, 5, 0}, "cannot verify, send mail and see") // RFC 5321, Section 3.5.3
}

// other is for commands that we or the session may know, and for those that
// must end the connection.
func (c *serverConn) other(cmd Command) *Reply {
	switch cmd.Verb {
	case "XCLIENT":
		if r, known := c.xclient(cmd.Arg); known {
			return r
		}
	case "GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "PROXY":
		// A browser that was made to talk to us, or a PROXY header from
		// one who is no proxy of ours: their next lines are not commands.
		c.ended = &Error{Reason: BadSequence, Verb: cmd.Verb, Detail: "not SMTP"}
		c.send(NewReply(554, EnhancedCode{5, 5, 1}, "this is SMTP"))
		return nil
	case "EXPN", "HELP", "TURN", "ETRN", "AUTH", "SEND", "SOML", "SAML":
		return c.further(cmd, NewReply(502, EnhancedCode{5, 5, 1}, cmd.Verb+" is not implemented"))
	}
	return c.further(cmd, NewReply(500, EnhancedCode{5, 5, 1}, "unknown command"))
}

// further asks the session whether it knows a command.
func (c *serverConn) further(cmd Command, unknown *Reply) *Reply {
	if s, ok := c.session.(Commander); ok {
		return or(c.call(func() *Reply { return s.Command(c.ctx, cmd) }), unknown)
	}
	return unknown
}

func ok() *Reply { return NewReply(250, EnhancedCode{2, 0, 0}, "ok") }

func noArgument(verb string) *Reply {
	return NewReply(501, EnhancedCode{5, 5, 4}, verb+" takes no argument")
}

func (c *serverConn) reset() {
	if c.tx != (transaction{}) {
		c.tx = transaction{}
		c.call(func() *Reply { c.session.Reset(); return nil })
	}
}

// hello is EHLO, HELO and, for LMTP, LHLO instead of them (RFC 2033, Section
// 4.1).
func (c *serverConn) hello(cmd Command) *Reply {
	if c.srv.LMTP != (cmd.Verb == "LHLO") {
		return NewReply(500, EnhancedCode{5, 5, 1}, cmd.Verb+" is not spoken here")
	}
	name, err := parseHello(cmd.Arg)
	if err != nil {
		return NewReply(501, EnhancedCode{5, 5, 4}, "want "+cmd.Verb+" and a domain name or an address literal")
	}
	c.counts.idle++
	c.reset() // RFC 5321, Section 4.1.4
	before, beforeESMTP := c.Hello, c.ESMTP
	c.Hello, c.ESMTP = name, cmd.Verb != "HELO"
	var said *Reply
	if s, ok := c.session.(Greeter); ok {
		said = c.call(func() *Reply { return s.Hello(c.ctx) })
	}
	if said != nil && !said.Positive() {
		c.Hello, c.ESMTP = before, beforeESMTP
		return said
	}
	r := NewReply(250, EnhancedCode{}, c.srv.hostname())
	if said != nil {
		r.Lines = said.Lines[:min(1, len(said.Lines))]
	}
	if c.ESMTP {
		r.Lines = append(r.Lines, c.offered().Lines()...)
	}
	return r
}

// offered is what the client may use now.
func (c *serverConn) offered() Extensions {
	e := c.Extensions
	e.StartTLS = c.srv.TLSConfig != nil && c.TLS == nil
	e.RequireTLS = e.RequireTLS && c.TLS != nil // RFC 8689, Section 2: never in the clear
	if c.trustXClient() {
		e.Other = append(e.Other[:len(e.Other):len(e.Other)], "XCLIENT "+strings.Join(xclientNames[:], " "))
	}
	return e
}
