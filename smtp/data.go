package smtp

import (
	"bytes"
	"io"
)

// dataReader reads a message in the form that DATA gives it: it takes away the
// dots that the client put in (RFC 5321, Section 4.5.2) and ends at CRLF.CRLF
// and nowhere else. It changes no other byte and judges none: what is read has
// the bare CRs and LFs that came. Since it takes a line to end only at CRLF, a
// dot after a bare CR or LF is never taken for anything.
type dataReader struct {
	r    *reader
	mid  bool // not at the beginning of a line
	cr   bool // the last byte given out was a CR
	done error
}

// Read returns io.EOF after the final dot and a *Error, Truncated where the
// connection ended, before it.
func (d *dataReader) Read(p []byte) (int, error) {
	n := 0
	for d.done == nil && n < len(p) {
		if !d.mid {
			d.mid = d.line()
		}
		var b []byte
		if d.mid {
			b = d.piece(len(p) - n)
		}
		switch {
		case len(b) > 0:
			n += copy(p[n:], b)
			d.r.discard(len(b))
		case n > 0: // give what we have before a read that may block
			return n, nil
		case d.done == nil:
			d.fill()
		}
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, d.done
}

// line looks at the first bytes of a line: the end, or a dot too many. It
// reports whether text follows; if not, and that was not the end, more bytes
// are needed to know.
func (d *dataReader) line() bool {
	b := d.r.bytes()
	switch {
	case len(b) > 0 && b[0] != '.':
		return true
	case len(b) >= 3 && b[1] == '\r' && b[2] == '\n':
		d.r.discard(3)
		d.done = io.EOF
		return false
	case len(b) >= 2 && b[1] != '\r', len(b) >= 3:
		d.r.discard(1) // the rest is text even if it is one more dot
		return true
	}
	return false
}

// piece returns what can be given out of the text at hand, at most room bytes:
// all of it, or up to a line that begins with a dot, or up to a CR whose LF may
// follow. It is empty if more must be read first.
func (d *dataReader) piece(room int) []byte {
	b := d.r.bytes()
	all := len(b) <= room
	if !all {
		b = b[:room]
	}
	switch n := len(b); {
	case n == 0:
		return nil
	case d.cr && b[0] == '\n':
		b, d.mid, d.cr = b[:1], false, false
		return b
	}
	if i := bytes.Index(b, []byte("\r\n.")); i >= 0 {
		d.mid, d.cr = false, false
		return b[:i+2]
	}
	if n := len(b); all && b[n-1] == '\r' {
		if b = b[:n-1]; n == 1 {
			return nil
		}
	}
	d.mid, d.cr = !bytes.HasSuffix(b, []byte("\r\n")), b[len(b)-1] == '\r'
	return b
}

func (d *dataReader) fill() {
	if err := d.r.fill(); err != nil {
		d.done = truncated(err)
	}
}

// truncated turns the end of a connection inside a message into an error that
// no one takes for the end of the message.
func truncated(err error) error {
	if e, ok := err.(*Error); ok && e.Reason == Closed {
		return &Error{Reason: Truncated, Verb: "message", Err: e.Err}
	}
	return err
}

// dotWriter writes a message in the form of DATA.
type dotWriter struct {
	w     *writer
	check lineCheck
	mid   bool
}

// Write passes b on with dots put in. A bare CR or LF is an error: to send it
// is to let the next server choose where the message ends.
func (d *dotWriter) Write(b []byte) (int, error) {
	if err := d.check.scan(b); err != nil {
		return 0, err
	}
	n := len(b)
	for len(b) > 0 {
		if !d.mid && b[0] == '.' {
			d.w.str(".")
		}
		i := bytes.Index(b, []byte("\n.")) // its CR was checked
		if i < 0 {
			i = len(b) - 1
		}
		d.w.write(b[:i+1])
		d.mid = b[i] != '\n'
		b = b[i+1:]
	}
	return n, d.w.err
}

// end completes the last line if it is not complete and writes the final dot.
func (d *dotWriter) end() error {
	if err := d.check.end(); err != nil {
		return err
	}
	if d.mid {
		d.w.str("\r\n")
	}
	d.w.str(".\r\n")
	return d.w.flush()
}

// lineCheck finds bare CRs and LFs (RFC 5321, Section 2.3.8) in bytes that come
// in pieces.
type lineCheck struct {
	cr bool // the last byte was a CR
}

func (c *lineCheck) scan(b []byte) error {
	if c.cr && len(b) > 0 && b[0] != '\n' {
		return bare(BareCR)
	}
	for cr := c.cr; len(b) > 0; cr = false {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return c.tail(b)
		}
		switch {
		case i == 0 && !cr, i > 0 && b[i-1] != '\r':
			return bare(BareLF)
		case i > 1 && bytes.IndexByte(b[:i-1], '\r') >= 0:
			return bare(BareCR)
		}
		c.cr = false
		b = b[i+1:]
	}
	return nil
}

// tail is for what follows the last LF.
func (c *lineCheck) tail(b []byte) error {
	i := bytes.IndexByte(b, '\r')
	if i >= 0 && i < len(b)-1 {
		return bare(BareCR)
	}
	c.cr = i >= 0
	return nil
}

func (c *lineCheck) end() error {
	if c.cr {
		return bare(BareCR)
	}
	return nil
}

func bare(r Reason) error { return &Error{Reason: r, Verb: "message"} }
