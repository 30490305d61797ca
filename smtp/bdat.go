package smtp

import (
	"io"
	"time"
)

// chunkReader reads a message that comes in BDAT chunks (RFC 3030). Between two
// of them it asks next, which answers the first and reads commands up to the
// second; so those who read the message need not know of chunks, and no chunk
// is asked for before they want it.
type chunkReader struct {
	r    *reader
	at   chunk // size is what is left of it
	next func() (chunk, error)
	done error
}

// Read returns io.EOF after the last byte of the chunk marked LAST. Where the
// connection or the transaction ends before it, the error is a *Error.
func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for c.done == nil && c.at.size == 0 {
		if c.at.last {
			c.done = io.EOF
			break
		}
		c.at, c.done = c.next()
	}
	if c.done == nil && c.r.buffered() == 0 {
		if err := c.r.fill(); err != nil {
			c.done = truncated(err)
		}
	}
	if c.done != nil {
		return 0, c.done
	}
	n := copy(p[:min(int64(len(p)), c.at.size)], c.r.bytes())
	c.r.discard(n)
	c.at.size -= int64(n)
	return n, nil
}

// skip drops the rest of the chunk at hand: a chunk that is refused is read all
// the same (RFC 3030, Section 2).
func (c *chunkReader) skip() error {
	for c.at.size > 0 {
		if c.r.buffered() == 0 {
			if err := c.r.fill(); err != nil {
				return truncated(err)
			}
		}
		n := min(c.at.size, int64(c.r.buffered()))
		c.r.discard(int(n))
		c.at.size -= n
	}
	return nil
}

// bdat is BDAT (RFC 3030, Section 2).
func (c *serverConn) bdat(arg string) *Reply {
	first, err := parseChunk(arg)
	if err != nil || !(c.Extensions.Chunking && c.ESMTP) {
		// How many bytes follow is not known, or was not ours to ask for:
		// they must not be taken for commands.
		c.send(NewReply(501, EnhancedCode{5, 5, 4}, "BDAT was not offered or cannot be read"))
		c.ended = &Error{Reason: BadParameter, Verb: "BDAT", Detail: quote(arg)}
		return nil
	}
	defer c.enterBody()()
	src := &chunkReader{r: c.r, at: first}
	src.next = c.nextChunk
	switch {
	case !c.tx.open, c.tx.refused:
		return c.skipChunk(src, badSequence("say MAIL and RCPT first"))
	case c.tx.rcpts == 0:
		c.tx.refused = true
		return c.skipChunk(src, NewReply(554, EnhancedCode{5, 5, 1}, "no valid recipients"))
	}
	m := newIncoming(src, c.Extensions.MaxSize, c.srv.NormalizeBareLF)
	replies := c.deliver(m)
	if c.ended != nil {
		return nil
	}
	if m.err == nil && !negative(replies) {
		_ = rest(c.ctx, m, c.limits.Discard)
	}
	return c.endChunks(src, m, replies)
}

// endChunks brings a message by BDAT to its end, which may be in any chunk.
func (c *serverConn) endChunks(src *chunkReader, m *incoming, replies []*Reply) *Reply {
	switch {
	case src.done == io.EOF:
		c.finish(m, replies)
		return nil
	case src.done == errInterrupted:
		return nil // pending holds the command, which says its own reply
	case src.done != nil:
		c.abort(m, replies, src.done)
		return nil
	}
	if src.at.size > c.limits.Discard {
		c.abort(m, replies, &Error{Reason: TooLarge, Verb: "BDAT", Detail: "refused, and still going on"})
		return nil
	}
	if err := src.skip(); err != nil {
		c.abort(m, replies, err)
		return nil
	}
	if !src.at.last {
		replies = replies[:1] // RFC 2033 gives only the last chunk one for each recipient
	}
	c.finish(m, replies)
	// Chunks that the client sent already must find a transaction to fail in.
	c.tx.refused = !src.at.last
	return nil
}

// skipChunk reads a chunk that is not wanted and returns its reply.
func (c *serverConn) skipChunk(src *chunkReader, r *Reply) *Reply {
	if src.at.size > c.limits.Discard {
		c.refuse(NewReply(552, EnhancedCode{5, 3, 4}, "chunk too large"))
		return nil
	}
	if err := src.skip(); err != nil {
		c.abort(nil, nil, err)
		return nil
	}
	return r
}

var errInterrupted = &Error{Reason: Truncated, Verb: "message", Detail: "the transaction was ended between two chunks"}

// nextChunk answers a chunk and reads commands up to the next BDAT. Whatever
// ends the transaction instead is left in pending.
func (c *serverConn) nextChunk() (chunk, error) {
	c.send(ok())
	patience := c.body
	for c.ended == nil {
		c.body = nil
		cmd, err := c.command()
		c.body = patience
		if err != nil {
			return chunk{}, truncated(err)
		}
		switch cmd.Verb {
		case "BDAT":
			at, err := parseChunk(cmd.Arg)
			if err != nil {
				c.send(NewReply(501, EnhancedCode{5, 5, 4}, "BDAT cannot be read"))
				return chunk{}, err
			}
			c.body.chunk, c.body.from = time.Now(), c.r.size
			if c.body.chunk.After(c.body.began.Add(c.limits.Message)) {
				return chunk{}, &Error{Reason: Timeout, Verb: "message", Detail: "chunk after chunk"}
			}
			return at, nil
		case "NOOP":
			c.counts.idle++
			c.answer(ok())
		case "RSET", "QUIT", "EHLO", "LHLO":
			c.pending = &cmd
			return chunk{}, errInterrupted
		default: // DATA among them (RFC 3030, Section 2)
			c.counts.idle++
			c.answer(badSequence("only BDAT or RSET can follow BDAT"))
		}
	}
	return chunk{}, errInterrupted
}
