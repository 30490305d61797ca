package milter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// wire reads and writes packets: a length of 4 bytes, a command, its data.
type wire struct {
	conn   net.Conn
	r      *bufio.Reader
	out    []byte // not sent yet
	fault  error  // of an earlier flush: half a packet may be out
	limit  time.Duration
	before func(wait time.Duration) error // sets the deadline of the next packet, see conn.arm
	ack    func()                         // see acker; may be nil

	large *[largePacket]byte // of the pool, while a packet needs it
}

// readBuffer takes some dozen header fields, or a small body.
const readBuffer = 8 << 10

// What connections read into: most mail servers make one for each message.
var (
	readers      = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}
	largePackets = sync.Pool{New: func() any { return new([largePacket]byte) }}
)

// next reads a packet; its data is valid until the next one is read. The first
// byte may take wait to come.
func (w *wire) next(wait time.Duration) (cmd byte, data []byte, err error) {
	if w.r.Buffered() < 5 {
		w.release()
		if err := w.before(wait); err != nil {
			return 0, nil, err
		}
		w.acknowledge()
		if _, err := w.r.Peek(1); err != nil {
			return 0, nil, err
		}
		if err := w.conn.SetReadDeadline(time.Now().Add(w.limit)); err != nil {
			return 0, nil, err
		}
	}
	head, err := w.r.Peek(5)
	if err != nil {
		return 0, nil, torn(err)
	}
	size := binary.BigEndian.Uint32(head)
	cmd = head[4]
	switch {
	case size == 0:
		return 0, nil, &Error{Reason: BadPacket, Detail: "no command"}
	case size > MaxPacket:
		// What is no mail server at all shows here: "GET " is a length, too.
		return 0, nil, &Error{Reason: TooLarge, Command: cmd, Detail: strconv.FormatUint(uint64(size), 10) + " bytes"}
	}
	_, _ = w.r.Discard(5)
	data, err = w.body(int(size - 1))
	return cmd, data, err
}

// body reads the data of a packet, which stays in the reader if it has the room.
func (w *wire) body(n int) ([]byte, error) {
	if w.r.Buffered() < n {
		w.acknowledge()
		if err := w.conn.SetReadDeadline(time.Now().Add(w.limit)); err != nil {
			return nil, err
		}
	}
	if n <= w.r.Size() {
		b, err := w.r.Peek(n)
		_, _ = w.r.Discard(len(b))
		return b, torn(err)
	}
	if n > largePacket {
		return w.huge(n)
	}
	if w.large == nil {
		w.large = largePackets.Get().(*[largePacket]byte)
	}
	b := w.large[:n]
	_, err := io.ReadFull(w.r, b)
	return b, torn(err)
}

func (w *wire) acknowledge() {
	if w.ack != nil {
		w.ack()
	}
}

// huge reads the data of a packet into memory that grows as it comes, so that a
// length alone costs nothing.
func (w *wire) huge(n int) ([]byte, error) {
	b := make([]byte, 0, largePacket)
	for len(b) < n {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(n, 2*cap(b))), b...)
		}
		k, err := io.ReadFull(w.r, b[len(b):min(n, cap(b))])
		b = b[:len(b)+k]
		if err != nil {
			return nil, torn(err)
		}
	}
	return b, nil
}

// release gives the buffer back, so that a connection that waits has none.
func (w *wire) release() {
	if w.large != nil {
		largePackets.Put(w.large)
		w.large = nil
	}
}

// close gives back all buffers.
func (w *wire) close() {
	w.release()
	w.r.Reset(nil)
	readers.Put(w.r)
}

// torn makes the end of the input within a packet an error of its own.
func torn(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// add appends a packet to what will be sent.
func (w *wire) add(cmd byte, parts ...[]byte) {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	w.out = binary.BigEndian.AppendUint32(w.out, uint32(n))
	w.out = append(w.out, cmd)
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

// flush sends what was added.
func (w *wire) flush() error {
	if len(w.out) == 0 || w.fault != nil {
		return w.fault
	}
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.limit))
	_, err := w.conn.Write(w.out)
	if w.out = w.out[:0]; cap(w.out) > smallOut {
		w.out = nil
	}
	if err != nil {
		w.fault = &Error{Reason: WriteFailed, Err: err}
	}
	return w.fault
}

// faultOf says what a failed read means; within is set inside of a message. The end
// of a connection between messages means nothing, however it comes: a mail server
// that is killed resets those that it has.
func faultOf(err error, within bool) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Reason: Timeout, Err: err}
	case !within && (err == io.EOF || errors.Is(err, syscall.ECONNRESET)):
		return nil
	}
	return &Error{Reason: Closed, Err: err}
}
