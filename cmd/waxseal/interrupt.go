package main

import (
	"context"
	"errors"
	"io"
)

var errInterrupted = errors.New("interrupted")

// interruptible is a reader that gives up when the user does. A read from a
// terminal or pipe cannot be called off: it is left behind in a goroutine of its
// own, with the buffer that it may still fill.
type interruptible struct {
	ctx  context.Context
	r    io.Reader
	buf  []byte
	rest []byte // of buf: read and not yet handed out
	err  error
}

// Read implements io.Reader.
func (i *interruptible) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(i.rest) == 0 {
		if i.err != nil {
			return 0, i.err
		}
		i.fill()
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}

func (i *interruptible) fill() {
	if i.buf == nil {
		i.buf = make([]byte, 64<<10)
	}
	type outcome struct {
		n   int
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		n, err := i.r.Read(i.buf)
		done <- outcome{n, err}
	}()
	select {
	case o := <-done:
		i.rest, i.err = i.buf[:o.n], o.err
	case <-i.ctx.Done():
		i.err = errInterrupted
	}
}
