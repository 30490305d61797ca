package message

import (
	"bytes"
	"io"
)

// Message is a message being read: its header, and its body as it comes.
type Message struct {
	Header *Header
	// Body is what follows the empty line, with line ends as Read says. It also
	// is an io.WriterTo, which copies less.
	Body io.Reader
	// MboxFrom is the "From " line of an mbox file, without its line end, that
	// stood before the header and was left out; nil if there was none.
	MboxFrom []byte
	// BOM is set if a UTF-8 byte order mark before the header was left out.
	BOM bool
	// NoBody is set if the input ended without the empty line after the header.
	NoBody bool

	in *input
}

// LineEnd is how the lines of a message end.
type LineEnd string

// The line ends. NoLineEnd is said of an input without any.
const (
	NoLineEnd LineEnd = "none"
	CRLF      LineEnd = "crlf"
	LF        LineEnd = "lf"
	Mixed     LineEnd = "mixed"
)

// LineEnds says how lines ended in the input.
type LineEnds struct {
	Kind      LineEnd `json:"kind"`
	Converted bool    `json:"converted"` // the first line ended in LF: each LF was read as CRLF
	BareCR    bool    `json:"bare_cr"`   // a CR without LF was seen; it is never changed
}

// LineEnds says how the lines ended that have been read so far, which is the
// whole message when Body has been read to its end.
func (m *Message) LineEnds() LineEnds {
	in := m.in
	e := LineEnds{Converted: in.convert, BareCR: in.bareCR || in.cr && in.err == io.EOF}
	switch {
	case in.crlf && in.lf:
		e.Kind = Mixed
	case in.crlf:
		e.Kind = CRLF
	case in.lf:
		e.Kind = LF
	default:
		e.Kind = NoLineEnd
	}
	return e
}

// Read reads a message up to the end of its header; the body is left to be
// streamed. If the first line ends in LF alone, as in a file of a Unix system,
// each LF without CR is read as CRLF; otherwise all bytes are taken as they
// are, and a bare LF ends no line. A byte order mark and the "From " line of an
// mbox file are left out.
//
// An error of type *Error means that the header is over a limit: the Message
// is there all the same, with the fields before the limit and the whole body,
// so that a verdict can be given. Any other error is that of r, and there is no
// Message.
func Read(r io.Reader) (*Message, error) {
	m := &Message{in: &input{src: r}}
	m.readStart()
	raw, tooLarge, err := m.readHeader()
	if err != nil {
		return nil, err
	}
	m.Body = &body{m.in}
	m.Header, err = ParseHeader(raw)
	if tooLarge {
		h := m.Header
		if n := len(h.Fields); err == nil && n > 0 {
			h.Fields = h.Fields[:n-1] // it was cut off
		}
		if err == nil {
			err = &Error{Reason: HeaderTooLarge, Limit: MaxHeaderBytes}
		}
	}
	return m, err
}

// readStart reads until the first line end decides how lines end, and drops
// what stands before the header.
func (m *Message) readStart() {
	in := m.in
	in.buf = make([]byte, 0, firstRead)
	for bytes.IndexByte(in.buf, '\n') < 0 && len(in.buf) < MaxFieldBytes && in.err == nil {
		in.grow()
		in.readRaw()
	}
	if rest, ok := bytes.CutPrefix(in.buf, []byte("\xef\xbb\xbf")); ok {
		in.buf, m.BOM = rest, true
	}
	raw := in.buf
	if i := bytes.IndexByte(raw[:min(len(raw), MaxFieldBytes)], '\n'); i >= 0 {
		in.convert = i == 0 || raw[i-1] != '\r'
		if isMboxFrom(raw[:i]) {
			m.MboxFrom = bytes.TrimSuffix(raw[:i], []byte("\r"))
			raw = raw[i+1:]
		}
	}
	in.buf = raw
	if in.convert {
		in.buf = in.appendCRLF(make([]byte, 0, len(raw)+len(raw)/16+firstRead/4), raw)
	} else {
		in.look(raw)
	}
}

// isMboxFrom reports whether a first line is that of an mbox file, and not one
// that some reader takes for a From field, such as "From : a@b": leaving that
// out would hide an author.
func isMboxFrom(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("From ")) {
		return false
	}
	f := parseField(line)
	return !f.LooksLike("From")
}

// readHeader returns the header without the empty line, cut at the limit, and
// leaves the beginning of the body in in.buf.
func (m *Message) readHeader() (raw []byte, tooLarge bool, err error) {
	in, done := m.in, 0
	for {
		if end, next := headerEnd(in.buf, done); next > 0 {
			raw, in.buf = in.buf[:end:end], in.buf[next:]
			if end > MaxHeaderBytes {
				return raw[:MaxHeaderBytes], true, nil
			}
			return raw, false, nil
		}
		done = max(0, len(in.buf)-3)
		switch {
		case in.err == io.EOF:
			m.NoBody = true
			raw, in.buf = in.buf, nil
			if len(raw) > MaxHeaderBytes {
				return raw[:MaxHeaderBytes], true, nil
			}
			return raw, false, nil
		case in.err != nil:
			return nil, false, in.err
		case len(in.buf) > MaxHeaderBytes+2: // the empty line would have fitted
			raw = in.buf[:MaxHeaderBytes:MaxHeaderBytes]
			return raw, true, m.skipHeader(in.buf[done:])
		}
		in.grow()
		in.more()
	}
}

// skipHeader reads on to the end of a header that is too large.
func (m *Message) skipHeader(tail []byte) error {
	in := m.in
	in.buf = append(make([]byte, 0, bodyRead), tail...)
	for {
		if i := bytes.Index(in.buf, emptyLine); i >= 0 {
			in.buf = in.buf[i+len(emptyLine):]
			return nil
		}
		keep := min(3, len(in.buf))
		in.buf = in.buf[:copy(in.buf[:keep], in.buf[len(in.buf)-keep:])]
		switch in.err {
		case nil:
			in.more()
		case io.EOF:
			m.NoBody = true
			in.buf = nil
			return nil
		default:
			return in.err
		}
	}
}

// emptyLine is what ends a header, with the line end before it.
var emptyLine = []byte("\r\n\r\n")

// headerEnd returns where the header in b ends, its last CRLF included, and
// where the body begins; 0, 0 if b has no empty line from b[from:] on.
func headerEnd(b []byte, from int) (end, next int) {
	if from == 0 && bytes.HasPrefix(b, []byte("\r\n")) {
		return 0, 2
	}
	if i := bytes.Index(b[from:], emptyLine); i >= 0 {
		return from + i + 2, from + i + 4
	}
	return 0, 0
}

// body is the reader of what follows the header.
type body struct{ in *input }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	in := b.in
	if len(p) == 0 {
		return 0, nil
	}
	for len(in.buf) == 0 {
		if in.err != nil {
			return 0, in.err
		}
		if !in.convert { // straight into p
			n, err := readSome(in.src, p)
			in.look(p[:n])
			in.err = err
			if n > 0 {
				err = nil
			}
			return n, err
		}
		in.refill()
	}
	n := copy(p, in.buf)
	in.buf = in.buf[n:]
	return n, nil
}

// WriteTo implements io.WriterTo.
func (b *body) WriteTo(w io.Writer) (total int64, err error) {
	in := b.in
	for {
		if len(in.buf) > 0 {
			n, err := w.Write(in.buf)
			total += int64(n)
			if err == nil && n < len(in.buf) {
				err = io.ErrShortWrite
			}
			in.buf = in.buf[n:]
			if err != nil {
				return total, err
			}
		}
		if in.err != nil {
			break
		}
		in.refill()
	}
	if in.err == io.EOF {
		return total, nil
	}
	return total, in.err
}
