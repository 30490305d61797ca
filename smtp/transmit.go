package smtp

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"
)

const (
	rcptGroup    = 100      // RCPTs sent before a reply is read, so that neither side's buffers fill up
	chunkSize    = 64 << 10 // of one BDAT
	chunksUnread = 8        // BDATs sent before a reply is read, where PIPELINING is offered
)

// Transaction is one message's envelope.
type Transaction struct {
	From    Path
	Options MailOptions
	To      []Recipient // at least one
	// Chunked sends the message by BDAT where the server offers CHUNKING.
	Chunked bool
}

// Recipient is one recipient of a Transaction.
type Recipient struct {
	Path    Path
	Options RcptOptions
}

// Delivery is what became of a Transaction.
type Delivery struct {
	Mail       *Reply           `json:"mail,omitempty"`       // to MAIL
	Data       *Reply           `json:"data,omitempty"`       // to DATA; nil with BDAT
	Recipients []RecipientReply `json:"recipients,omitempty"` // in the order of Transaction.To
}

// RecipientReply is what the server said about one recipient. A nil Reply was
// never given.
type RecipientReply struct {
	Rcpt  *Reply `json:"rcpt,omitempty"`  // to RCPT
	Final *Reply `json:"final,omitempty"` // to the message, or to the command that ended it
}

// Delivered reports whether the server took the message for this recipient.
func (r RecipientReply) Delivered() bool { return r.Final.Positive() }

// Send sends one message. Refusals are in the Delivery, which is never nil; the
// error, a *Error, says that the server was not asked at all (NotOffered,
// NeedsTLS, TooLarge and the like: the connection is as it was) or that the
// connection broke. If it broke after the last byte of the message was sent, a
// recipient without a Final reply may have the message or not.
//
// The message must have CRLF line ends and no CR or LF elsewhere; where it has,
// the connection is closed before the server could accept it. A missing last
// CRLF is added. SMTPUTF8 is asked for where a local-part needs it; where the
// header does, the caller sets Options.UTF8. SIZE, DSN and BODY parameters are
// left out where the server does not know them, except that 8BITMIME is an
// error then.
func (k *ClientConn) Send(ctx context.Context, t *Transaction, message io.Reader) (*Delivery, error) {
	d := &Delivery{Recipients: make([]RecipientReply, len(t.To))}
	if k.broken != nil {
		return d, k.broken
	}
	mail, rcpts, err := k.commands(t)
	if err != nil {
		return d, err
	}
	defer k.begin(ctx)()
	chunked := t.Chunked && k.Extensions.Chunking
	if err := k.envelope(d, mail, rcpts, !chunked); err != nil {
		return d, err
	}
	if chunked {
		err = k.chunks(d, message)
	} else {
		err = k.data(d, message)
	}
	return d, err
}

// commands makes the command lines and checks them: whatever the caller put
// into the options, each is one well-formed command.
func (k *ClientConn) commands(t *Transaction) (mail string, rcpts []string, err error) {
	o := t.Options
	if len(t.To) == 0 {
		return "", nil, &Error{Reason: BadSequence, Verb: "RCPT", Detail: "no recipients"}
	}
	if err := t.From.check(); err != nil {
		return "", nil, withVerb(err, "MAIL")
	}
	o.UTF8 = o.UTF8 || !t.From.IsASCII()
	rcpts = make([]string, len(t.To))
	for i, to := range t.To {
		if err := to.Path.check(); err != nil {
			return "", nil, withVerb(err, "RCPT")
		}
		o.UTF8 = o.UTF8 || !to.Path.IsASCII()
		arg := to.Options.append([]byte("TO:<"+to.Path.String()+">"), &k.Extensions)
		if _, _, err := ParseRcpt(string(arg)); err != nil {
			return "", nil, err
		}
		rcpts[i] = "RCPT " + string(arg)
	}
	if err := k.can(&o); err != nil {
		return "", nil, err
	}
	arg := o.append([]byte("FROM:<"+t.From.String()+">"), &k.Extensions)
	_, _, err = ParseMail(string(arg))
	return "MAIL " + string(arg), rcpts, err
}

// can holds the options against what the server offers.
func (k *ClientConn) can(o *MailOptions) error {
	e := &k.Extensions
	switch {
	case o.RequireTLS && k.TLS == nil: // RFC 8689, Section 2
		return &Error{Reason: NeedsTLS, Verb: "MAIL", Detail: "REQUIRETLS"}
	case o.RequireTLS && !e.RequireTLS:
		return &Error{Reason: NotOffered, Verb: "MAIL", Detail: "REQUIRETLS"}
	case o.UTF8 && !e.SMTPUTF8: // RFC 6531, Section 3.6
		return &Error{Reason: NotOffered, Verb: "MAIL", Detail: "SMTPUTF8"}
	case o.Body == Body8Bit && !e.EightBitMIME: // RFC 6152, Section 3
		return &Error{Reason: NotOffered, Verb: "MAIL", Detail: "8BITMIME"}
	case e.MaxSize > 0 && o.Size > e.MaxSize: // RFC 1870, Section 5
		return &Error{Reason: TooLarge, Verb: "MAIL", Detail: "limit of the server " + strconv.FormatInt(e.MaxSize, 10) + " bytes"}
	}
	return nil
}

// envelope says MAIL, RCPT and, if it is wanted, DATA: all at once where
// PIPELINING is offered.
func (k *ClientConn) envelope(d *Delivery, mail string, rcpts []string, data bool) error {
	if err := k.ready("MAIL"); err != nil {
		return err
	}
	if k.dirty {
		r, err := k.command("RSET", "RSET", k.timeouts.Command)
		if err := positive("RSET", r, err); err != nil {
			return k.fail("RSET", err)
		}
	}
	k.dirty = true
	if !k.Extensions.Pipelining {
		return k.oneByOne(d, mail, rcpts, data)
	}
	k.writeFor = k.timeouts.Mail
	k.say(mail)
	for i := 0; i < len(rcpts); i += rcptGroup {
		end := min(i+rcptGroup, len(rcpts))
		for _, line := range rcpts[i:end] {
			k.say(line)
		}
		if data && end == len(rcpts) {
			k.say("DATA")
		}
		if err := k.envelopeReplies(d, i, end, data && end == len(rcpts)); err != nil {
			return err
		}
	}
	return nil
}

func (k *ClientConn) envelopeReplies(d *Delivery, from, to int, data bool) (err error) {
	if from == 0 {
		if d.Mail, err = k.reply("MAIL", k.timeouts.Mail); err != nil {
			return err
		}
	}
	for i := from; i < to && k.broken == nil; i++ {
		if d.Recipients[i].Rcpt, err = k.reply("RCPT", k.timeouts.Rcpt); err != nil {
			return err
		}
	}
	if data && k.broken == nil {
		d.Data, err = k.reply("DATA", k.timeouts.Data)
	}
	if err == nil && k.broken != nil {
		return k.broken // a 421
	}
	return err
}

func (k *ClientConn) oneByOne(d *Delivery, mail string, rcpts []string, data bool) (err error) {
	if d.Mail, err = k.command("MAIL", mail, k.timeouts.Mail); err != nil || !d.Mail.Positive() {
		return err
	}
	for i, line := range rcpts {
		if d.Recipients[i].Rcpt, err = k.command("RCPT", line, k.timeouts.Rcpt); err != nil {
			return err
		}
	}
	if data && d.accepted() > 0 {
		d.Data, err = k.command("DATA", "DATA", k.timeouts.Data)
	}
	return err
}

func (d *Delivery) accepted() int {
	n := 0
	for _, r := range d.Recipients {
		if r.Rcpt.Positive() {
			n++
		}
	}
	return n
}

// settle gives all accepted recipients that have none the final reply.
func (d *Delivery) settle(r *Reply) {
	for i := range d.Recipients {
		if p := &d.Recipients[i]; p.Rcpt.Positive() && p.Final == nil {
			p.Final = r
		}
	}
}

// data sends the message after the reply to DATA.
func (k *ClientConn) data(d *Delivery, message io.Reader) error {
	switch {
	case d.Data == nil, k.broken != nil:
		return k.broken
	case d.Data.Code != 354:
		if d.Data.Code < 400 {
			return k.fail("DATA", &Error{Reason: BadReply, Verb: "DATA", Reply: d.Data})
		}
		d.settle(d.Data)
		return nil
	}
	out := &dotWriter{w: k.w}
	if d.Mail.Positive() && d.accepted() > 0 {
		if err := k.copy(out, message); err != nil {
			return k.lastReply(d, err)
		}
	} // else RFC 2920, Section 3.1: end at once a message that nobody takes
	if err := out.end(); err != nil {
		return k.lastReply(d, err)
	}
	return k.finals(d)
}

// copy writes the message in large blocks, each with its own patience.
func (k *ClientConn) copy(out io.Writer, message io.Reader) error {
	if err := k.w.flush(); err != nil {
		return err
	}
	k.writeFor = k.timeouts.DataBlock
	if k.block == nil {
		k.block = make([]byte, 0, bodyBuffer)
	}
	small := k.w.swap(k.block)
	defer func() {
		if k.w.flush() == nil {
			k.w.swap(small)
		}
	}()
	_, err := io.Copy(out, message)
	var e *Error
	if err != nil && (!errors.As(err, &e) || k.w.err == nil && e.Verb != "message") {
		err = &Error{Reason: BadMessage, Verb: "message", Err: err}
	}
	return err
}

// lastReply ends a connection on which a message could not be sent. A server
// that hung up may have said why.
func (k *ClientConn) lastReply(d *Delivery, err error) error {
	const patience = 2 * time.Second
	if k.w.err != nil && asError(k.w.err).Reason == WriteFailed {
		k.r.idle = nil
		_ = k.deadline(k.raw.SetReadDeadline, time.Now().Add(patience))
		if r, rerr := readReply(k.r); rerr == nil && !r.Positive() {
			k.traceReply(r)
			d.settle(r)
		}
	}
	return k.fail("message", err)
}

// finals reads the reply to the message, or with LMTP one for each recipient
// that was accepted (RFC 2033, Section 4.2).
func (k *ClientConn) finals(d *Delivery) error {
	if !k.client.LMTP {
		r, err := k.reply("message", k.timeouts.DataEnd)
		if err != nil {
			return err
		}
		d.settle(r)
		k.dirty = !r.Positive() || d.accepted() == 0
		return k.oddFinal(r)
	}
	for i := range d.Recipients {
		p := &d.Recipients[i]
		if !p.Rcpt.Positive() || p.Final != nil {
			continue
		}
		var err error
		if p.Final, err = k.reply("message", k.timeouts.DataEnd); err != nil {
			return err
		}
		if err := k.oddFinal(p.Final); err != nil {
			return err
		}
		if k.broken != nil {
			return k.broken
		}
	}
	return nil
}

// oddFinal refuses a 3yz where the server must have decided.
func (k *ClientConn) oddFinal(r *Reply) error {
	if r.Code/100 == 3 {
		return k.fail("message", &Error{Reason: BadReply, Reply: r})
	}
	return nil
}

// chunks sends the message by BDAT (RFC 3030).
func (k *ClientConn) chunks(d *Delivery, message io.Reader) error {
	if k.broken != nil || !d.Mail.Positive() || d.accepted() == 0 {
		return k.broken
	}
	window := 1
	if k.Extensions.Pipelining {
		window = chunksUnread
	}
	if k.chunk == nil {
		k.chunk = make([]byte, chunkSize+2)
	}
	s := chunkSender{src: message, buf: k.chunk}
	unread := 0
	for !s.last {
		b, err := s.next()
		if err != nil {
			return k.fail("message", err)
		}
		k.writeFor = k.timeouts.DataBlock
		line := "BDAT " + strconv.Itoa(len(b))
		if s.last {
			line += " LAST"
		}
		k.say(line)
		k.w.write(b)
		for unread++; !s.last && unread >= window; unread-- {
			if refused, err := k.chunkReply(d, unread); refused || err != nil {
				return err
			}
		}
	}
	for ; unread > 1; unread-- {
		if refused, err := k.chunkReply(d, unread); refused || err != nil {
			return err
		}
	}
	return k.finals(d)
}

// chunkReply reads the reply to a chunk that is not the last. After a refusal
// it reads those to all chunks that were sent and settles the message.
func (k *ClientConn) chunkReply(d *Delivery, unread int) (refused bool, err error) {
	r, err := k.reply("BDAT", k.timeouts.DataEnd)
	if err != nil {
		return false, err
	}
	if r.Positive() {
		return false, nil
	}
	d.settle(r)
	for unread--; unread > 0 && k.broken == nil; unread-- {
		if _, err := k.reply("BDAT", k.timeouts.DataEnd); err != nil {
			return true, err
		}
	}
	return true, k.broken
}

// chunkSender cuts a message into chunks.
type chunkSender struct {
	src   io.Reader
	buf   []byte // two bytes more than a chunk, for the last CRLF
	check lineCheck
	crlf  bool // what was sent ends with CRLF, or nothing was
	sent  bool
	last  bool
}

// next returns the next chunk, which may be empty if it is the last.
func (s *chunkSender) next() ([]byte, error) {
	n, err := io.ReadFull(s.src, s.buf[:chunkSize])
	switch err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		s.last = true
	default:
		return nil, &Error{Reason: BadMessage, Verb: "message", Err: err}
	}
	b := s.buf[:n]
	if err := s.check.scan(b); err != nil {
		return nil, err
	}
	if n > 0 {
		s.sent, s.crlf = true, b[n-1] == '\n'
	}
	if !s.last {
		return b, nil
	}
	if err := s.check.end(); err != nil {
		return nil, err
	}
	if s.sent && !s.crlf {
		b = append(b, "\r\n"...)
	}
	return b, nil
}
