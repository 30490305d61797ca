package smtp

import "strconv"

// mail is MAIL (RFC 5321, Section 4.1.1.2).
func (c *serverConn) mail(arg string) *Reply {
	switch {
	case c.Hello == "":
		return badSequence("say EHLO first")
	case c.tx.open:
		return badSequence("a transaction is open")
	case c.counts.messages >= c.limits.Messages:
		return NewReply(421, EnhancedCode{4, 7, 0}, "enough messages on this connection")
	}
	from, o, err := ParseMail(arg)
	if err != nil {
		return argumentReply(err, EnhancedCode{5, 1, 7})
	}
	if r := c.allowMail(&o); r != nil {
		return r
	}
	r := or(c.call(func() *Reply { return c.session.Mail(c.ctx, from, &o) }),
		NewReply(250, EnhancedCode{2, 1, 0}, "sender ok"))
	if r.Positive() {
		c.tx = transaction{open: true, utf8: o.UTF8}
		c.counts.messages++
	}
	return r
}

// allowMail holds the parameters against what was offered.
func (c *serverConn) allowMail(o *MailOptions) *Reply {
	e := c.offered()
	if o.RequireTLS && c.Extensions.RequireTLS && c.TLS == nil {
		return NewReply(530, EnhancedCode{5, 7, 10}, "REQUIRETLS needs TLS")
	}
	for _, p := range [...]struct {
		used, offered bool
		name          string
	}{
		{o.Size != 0, e.Size, "SIZE"},
		{o.Body != "", e.EightBitMIME, "BODY"},
		{o.UTF8, e.SMTPUTF8, "SMTPUTF8"},
		{o.RequireTLS, e.RequireTLS, "REQUIRETLS"},
		{o.Return != "", e.DSN, "RET"},
		{o.EnvID != "", e.DSN, "ENVID"},
	} {
		if p.used && !(p.offered && c.ESMTP) {
			return notOffered(p.name)
		}
	}
	if e.MaxSize > 0 && o.Size > e.MaxSize { // RFC 1870, Section 6.1
		return NewReply(552, EnhancedCode{5, 3, 4}, "message too large: limit "+strconv.FormatInt(e.MaxSize, 10)+" bytes")
	}
	return nil
}

// rcpt is RCPT (RFC 5321, Section 4.1.1.3).
func (c *serverConn) rcpt(arg string) *Reply {
	if !c.tx.open {
		return badSequence("say MAIL first")
	}
	to, o, err := ParseRcpt(arg)
	switch {
	case err != nil:
		return argumentReply(err, EnhancedCode{5, 1, 3})
	case !c.tx.utf8 && !is7Bit(arg): // RFC 6531, Section 3.5
		return NewReply(553, EnhancedCode{5, 6, 7}, "this address needs SMTPUTF8")
	case o != (RcptOptions{}) && !(c.Extensions.DSN && c.ESMTP):
		return notOffered("NOTIFY and ORCPT")
	case c.tx.rcpts >= c.limits.Recipients:
		return NewReply(452, EnhancedCode{4, 5, 3}, "too many recipients") // RFC 5321, Section 4.5.3.1.10
	}
	r := or(c.call(func() *Reply { return c.session.Rcpt(c.ctx, to, &o) }),
		NewReply(250, EnhancedCode{2, 1, 5}, "recipient ok"))
	if r.Positive() {
		c.tx.rcpts++
	}
	return r
}

func is7Bit(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func badSequence(text string) *Reply { return NewReply(503, EnhancedCode{5, 5, 1}, text) }

func notOffered(parameter string) *Reply {
	return NewReply(555, EnhancedCode{5, 5, 4}, parameter+" was not offered") // RFC 5321, Section 4.1.1.11
}

// argumentReply tells the client what is wrong with MAIL or RCPT.
func argumentReply(err error, path EnhancedCode) *Reply {
	switch e := asError(err); e.Reason {
	case BadPath:
		return NewReply(501, path, string(e.Reason)+": "+e.Detail)
	case UnknownParameter:
		return NewReply(555, EnhancedCode{5, 5, 4}, string(e.Reason)+": "+e.Detail)
	case NeedsUTF8:
		return NewReply(553, EnhancedCode{5, 6, 7}, "this address needs SMTPUTF8")
	default:
		return NewReply(501, EnhancedCode{5, 5, 4}, string(e.Reason)+": "+e.Detail)
	}
}
