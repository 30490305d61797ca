package smtp

import (
	"io"
	"strconv"
)

const writeBuffer = 4 << 10

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

// write is for blocks of a message: what does not fit goes out.
func (w *writer) write(b []byte) {
	for len(b) > 0 && w.err == nil {
		n := copy(w.buf[len(w.buf):cap(w.buf)], b)
		w.buf = w.buf[:len(w.buf)+n]
		if b = b[n:]; len(w.buf) == cap(w.buf) {
			_ = w.flush()
		}
	}
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

func (w *writer) num(n int64) *writer {
	var b [20]byte
	w.write(strconv.AppendInt(b[:0], n, 10))
	return w
}
