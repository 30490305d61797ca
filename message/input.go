package message

import (
	"bytes"
	"io"
	"sync"
)

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
