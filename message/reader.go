package message

import (
	"bytes"
	"io"
	"sync"

	"github.com/waxseal/waxseal/internal/ascii"
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

// isMboxFrom reports whether a first line is that of an mbox file, and not a
// From field in the obsolete form "From : a@b".
func isMboxFrom(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	return ok && !bytes.HasPrefix(ascii.TrimWSP(rest), []byte(":"))
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

// The sizes of reads, in bytes.
const (
	firstRead = 8 << 10
	bodyRead  = 32 << 10
)

// maxEmptyReads is how often a reader may return nothing (bufio has the same).
const maxEmptyReads = 100

// input is what is read: raw bytes from src become bytes with the line ends
// that Read promises.
type input struct {
	src io.Reader
	buf []byte          // ready to be used
	own *[bodyRead]byte // pooled memory of buf once the header, which keeps its own, is read
	raw []byte          // what was read last, while converting
	err error           // from src; io.EOF at the end

	convert  bool // LF is read as CRLF
	cr       bool // the last byte was a CR
	crlf, lf bool // seen
	bareCR   bool // seen
}

// scratches are the buffers of bodies that have been read.
var scratches = sync.Pool{New: func() any { return new([bodyRead]byte) }}

// refill reads more of the body into the empty buf.
func (in *input) refill() {
	if in.own == nil {
		in.own = scratches.Get().(*[bodyRead]byte)
	}
	in.buf = in.own[:0]
	in.more()
	if in.err != nil && len(in.buf) == 0 {
		in.buf = nil
		scratches.Put(in.own)
		in.own = nil
	}
}

// grow makes room in buf. It doubles, so that copying stays linear.
func (in *input) grow() {
	if cap(in.buf)-len(in.buf) >= firstRead/2 {
		return
	}
	in.buf = append(make([]byte, 0, 2*len(in.buf)+firstRead), in.buf...)
}

// more appends what one read gives, as it will be used, to buf.
func (in *input) more() {
	if !in.convert {
		n := len(in.buf)
		in.readRaw()
		in.look(in.buf[n:])
		return
	}
	if in.raw == nil {
		in.raw = make([]byte, bodyRead/2)
	}
	n := 0
	n, in.err = readSome(in.src, in.raw)
	in.buf = in.appendCRLF(in.buf, in.raw[:n])
}

// readRaw appends what one read gives to the free room of buf.
func (in *input) readRaw() {
	n, err := readSome(in.src, in.buf[len(in.buf):cap(in.buf)])
	in.buf, in.err = in.buf[:len(in.buf)+n], err
}

// readSome is one read that gives something or an error.
func readSome(r io.Reader, b []byte) (int, error) {
	for range maxEmptyReads {
		if n, err := r.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// look notes the line ends of b, which follows what was looked at before.
func (in *input) look(b []byte) {
	if len(b) == 0 {
		return
	}
	pairs, prev := 0, in.cr
	for off := 0; ; {
		i := bytes.IndexByte(b[off:], '\n')
		if i < 0 {
			break
		}
		off += i + 1
		if off >= 2 && b[off-2] == '\r' || off == 1 && prev {
			pairs++
		} else {
			in.lf = true
		}
	}
	// Each CR must have made a pair: those in b, the one before it, but not yet
	// one at its end.
	crs := bytes.Count(b, []byte{'\r'})
	if prev {
		crs++
	}
	if in.cr = b[len(b)-1] == '\r'; in.cr {
		crs--
	}
	in.crlf = in.crlf || pairs > 0
	in.bareCR = in.bareCR || crs > pairs
}

// appendCRLF appends b to dst with each LF as CRLF.
func (in *input) appendCRLF(dst, b []byte) []byte {
	prev := in.cr
	in.look(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		if i == 0 && !prev || i > 0 && b[i-1] != '\r' {
			dst = append(dst, '\r')
		}
		dst, b, prev = append(dst, '\n'), b[i+1:], false
	}
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
