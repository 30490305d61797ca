package smtp

import (
	"context"
	"io"
	"time"
)

// data is DATA (RFC 5321, Section 4.1.1.4).
func (c *serverConn) data(arg string) *Reply {
	switch {
	case !c.tx.open:
		return badSequence("say MAIL and RCPT first")
	case c.tx.refused:
		return badSequence("the message was refused, say RSET")
	case arg != "":
		return noArgument("DATA")
	case c.tx.rcpts == 0:
		return NewReply(554, EnhancedCode{5, 5, 1}, "no valid recipients")
	}
	c.send(NewReply(354, EnhancedCode{}, "end with <CRLF>.<CRLF>"))
	defer c.enterBody()()
	src := &dataReader{r: c.r}
	m := newIncoming(src, c.Extensions.MaxSize, c.srv.NormalizeBareLF)
	replies := c.deliver(m)
	if c.ended != nil {
		return nil
	}
	if m.err == nil && !negative(replies) {
		_ = rest(c.ctx, m, c.limits.Discard) // a session that did not care to read on
	}
	if src.done != io.EOF {
		if err := rest(c.ctx, src, c.limits.Discard); err != nil {
			c.abort(m, replies, err)
			return nil
		}
	}
	c.finish(m, replies)
	return nil
}

// enterBody changes to the patience and the buffer for messages, and returns
// what changes back.
func (c *serverConn) enterBody() func() {
	now := time.Now()
	c.body = &bodyClock{began: now, chunk: now, from: c.r.size}
	small := c.r.swap(c.srv.body())
	return func() {
		c.body = nil
		large := c.r.buf
		if len(small) == lineBuffer && len(large) == bodyBuffer && c.r.buffered() <= lineBuffer {
			c.r.swap(small)
			c.srv.bufs.Put(&large)
		}
	}
}

// finish says the replies of a message and ends the transaction.
func (c *serverConn) finish(m *incoming, replies []*Reply) {
	bad := override(m)
	if bad != nil {
		c.report(asError(m.err))
	}
	for _, r := range replies {
		if r = or(bad, r); r.Positive() {
			c.counts.errors, c.counts.idle = 0, 0 // this client does work
		}
		c.answer(r)
	}
	c.reset()
}

// abort ends the connection inside a message: what follows is no command
// (RFC 5321, Section 4.5.2 gives no other end than the dot). The client is told
// the reason where it still listens.
func (c *serverConn) abort(m *incoming, replies []*Reply, err error) {
	e := asError(err)
	if e.Reason == Timeout && c.body != nil && c.body.slow {
		e = &Error{Reason: TooSlow, Verb: "message", Err: e.Err}
	}
	c.ended = e
	if m == nil || e.Reason != TooLarge {
		return // farewell knows the words, or nobody listens
	}
	if bad := override(m); bad != nil {
		c.send(bad)
	} else if len(replies) > 0 && negative(replies) {
		c.send(replies[0])
	}
}

// deliver hands the message to the session and returns its replies: one, or for
// LMTP one for each recipient.
func (c *serverConn) deliver(m *incoming) []*Reply {
	var replies []*Reply
	usual := NewReply(250, EnhancedCode{2, 0, 0}, "message accepted")
	one := c.call(func() *Reply {
		if s, ok := c.session.(LMTPSession); ok && c.srv.LMTP {
			replies = s.DataLMTP(c.ctx, m)
			return nil
		}
		r := or(c.session.Data(c.ctx, m), usual)
		replies = []*Reply{r}
		for c.srv.LMTP && len(replies) < c.tx.rcpts {
			replies = append(replies, r)
		}
		return nil
	})
	if one != nil {
		c.refuse(one)
		return nil
	}
	want := 1
	if c.srv.LMTP {
		want = c.tx.rcpts
	}
	all := make([]*Reply, want)
	for i := range all {
		all[i] = NewReply(451, EnhancedCode{4, 3, 0}, "no verdict for this recipient, try again later")
		if i < len(replies) {
			all[i] = or(replies[i], usual)
		}
	}
	return all
}

// override returns the reply for a message that was not whole or not allowed,
// whatever the session made of it; nil for a good one.
func override(m *incoming) *Reply {
	if !m.failed() {
		return nil
	}
	switch e := asError(m.err); e.Reason {
	case TooLarge:
		return NewReply(552, EnhancedCode{5, 3, 4}, string(e.Reason)+": "+e.Detail)
	case BareLF, BareCR:
		return NewReply(554, EnhancedCode{5, 6, 0}, string(e.Reason)+" in message: lines end with CRLF and have no other CR or LF")
	}
	return NewReply(451, EnhancedCode{4, 3, 0}, "message was not read to its end")
}

// negative reports whether a session refused the message for all.
func negative(replies []*Reply) bool {
	for _, r := range replies {
		if r.Positive() {
			return false
		}
	}
	return true
}

// rest reads what the session left, at most limit bytes.
func rest(ctx context.Context, r io.Reader, limit int64) error {
	buf := make([]byte, lineBuffer)
	for limit > 0 && ctx.Err() == nil {
		n, err := r.Read(buf)
		limit -= int64(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return &Error{Reason: TooLarge, Verb: "message", Detail: "refused, and still going on"}
}
