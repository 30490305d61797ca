package smtp

import (
	"bytes"
	"errors"
	"io"
	"net"
)

const (
	lineBuffer = 4 << 10  // holds any command or reply line
	bodyBuffer = 32 << 10 // while a message is read
)

// reader reads lines and blocks from a connection. What it returns is valid
// until the next call.
type reader struct {
	src  io.Reader
	idle func() error // called before a read that may block; nil for nothing
	buf  []byte
	r, w int
	err  error
	size int64 // bytes consumed so far
}

func newReader(src io.Reader, idle func() error) *reader {
	return &reader{src: src, idle: idle, buf: make([]byte, lineBuffer)}
}

// reset forgets all that is buffered and reads from src from now on.
func (r *reader) reset(src io.Reader) { r.src, r.r, r.w, r.err = src, 0, 0, nil }

// swap moves what is buffered to another buffer and returns the old one. It
// does nothing and returns buf if what is buffered does not fit.
func (r *reader) swap(buf []byte) []byte {
	if r.w-r.r > len(buf) {
		return buf
	}
	old := r.buf
	r.w = copy(buf, old[r.r:r.w])
	r.r, r.buf = 0, buf
	return old
}

func (r *reader) buffered() int { return r.w - r.r }

func (r *reader) bytes() []byte { return r.buf[r.r:r.w] }

func (r *reader) discard(n int) { r.r += n; r.size += int64(n) }

// fill reads at least one byte more behind what is buffered. There must be
// room.
func (r *reader) fill() error {
	if r.err != nil {
		return r.err
	}
	if r.idle != nil {
		if r.err = r.idle(); r.err != nil {
			return r.err
		}
	}
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.w:])
		r.w += n
		if err != nil {
			r.err = readError(err)
		}
		if n > 0 {
			return nil
		}
		if r.err != nil {
			return r.err
		}
	}
	r.err = &Error{Reason: Closed, Err: io.ErrNoProgress}
	return r.err
}

// line returns the next line of at most most bytes without its CRLF. The error
// is a *Error; after one about the bytes the line was not consumed.
func (r *reader) line(most int) ([]byte, error) {
	seen := 0
	for {
		b := r.bytes()
		if len(b) > most {
			b = b[:most]
		}
		if i := bytes.IndexByte(b[seen:], '\n'); i >= 0 {
			return r.takeLine(b[:seen+i+1])
		}
		if len(b) == most {
			return nil, &Error{Reason: LineTooLong, Detail: quote(b)}
		}
		seen = len(b)
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// takeLine consumes b, which ends with LF. RFC 5321, Section 2.3.8: CR and LF
// occur only together, and only to end a line.
func (r *reader) takeLine(b []byte) ([]byte, error) {
	n := len(b)
	if n < 2 || b[n-2] != '\r' {
		return nil, &Error{Reason: BareLF, Detail: quote(b)}
	}
	if bytes.IndexByte(b[:n-2], '\r') >= 0 {
		return nil, &Error{Reason: BareCR, Detail: quote(b)}
	}
	r.discard(n)
	return b[:n-2], nil
}

// readError gives an error of the connection its reason.
func readError(err error) error {
	var e *Error
	var ne net.Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.As(err, &ne) && ne.Timeout():
		return &Error{Reason: Timeout, Err: err}
	}
	return &Error{Reason: Closed, Err: err}
}
