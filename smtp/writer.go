package smtp

import "io"

const (
	writeBuffer  = 4 << 10
	replyRoom    = 1 << 10  // holds most replies
	largestWrite = 64 << 10 // at once, so that patience is for each block
)

// writer gathers what goes to a connection. An error stays.
type writer struct {
	dst   io.Writer
	block func() // called before each write; nil for nothing
	buf   []byte
	err   error
}

func newWriter(dst io.Writer, block func()) *writer {
	return &writer{dst: dst, block: block, buf: make([]byte, 0, writeBuffer)}
}

func (w *writer) reset(dst io.Writer) { w.dst, w.buf, w.err = dst, w.buf[:0], nil }

// swap takes another buffer, into which what is gathered must fit, and returns
// the old one.
func (w *writer) swap(buf []byte) []byte {
	old := w.buf
	w.buf = append(buf[:0], old...)
	return old
}

func (w *writer) flush() error {
	if len(w.buf) == 0 || w.err != nil {
		return w.err
	}
	w.emit(w.buf)
	w.buf = w.buf[:0]
	return w.err
}

func (w *writer) emit(b []byte) {
	if w.err != nil {
		return
	}
	if w.block != nil {
		w.block()
	}
	if _, err := w.dst.Write(b); err != nil {
		w.err = &Error{Reason: WriteFailed, Err: err}
		if e, ok := readError(err).(*Error); ok && e.Reason == Timeout {
			w.err = e
		}
	}
}

// write is for blocks of a message: what does not fit goes out, large blocks
// without being gathered first.
func (w *writer) write(b []byte) {
	for len(b) > 0 && w.err == nil {
		if len(w.buf) == 0 && len(b) >= cap(w.buf) {
			n := min(len(b), largestWrite)
			w.emit(b[:n])
			b = b[n:]
			continue
		}
		n := copy(w.buf[len(w.buf):cap(w.buf)], b)
		w.buf = w.buf[:len(w.buf)+n]
		if b = b[n:]; len(w.buf) == cap(w.buf) {
			_ = w.flush()
		}
	}
}

// reply gathers a reply.
func (w *writer) reply(r *Reply) {
	if cap(w.buf)-len(w.buf) < replyRoom && w.flush() != nil {
		return
	}
	b := r.Append(w.buf)
	if len(b) <= cap(w.buf) {
		w.buf = b
		return
	}
	w.write(b[len(w.buf):])
}

func (w *writer) str(s string) *writer {
	for len(s) > 0 && w.err == nil {
		n := copy(w.buf[len(w.buf):cap(w.buf)], s)
		w.buf = w.buf[:len(w.buf)+n]
		if s = s[n:]; len(w.buf) == cap(w.buf) {
			_ = w.flush()
		}
	}
	return w
}
