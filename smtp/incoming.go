package smtp

import (
	"bytes"
	"io"
	"strconv"
)

// incoming is a message on its way to a Session: its size is held to the limit
// and its lines are strict, whichever command brings it. An error stays, so
// that a message which failed cannot be taken for whole.
type incoming struct {
	src   io.Reader
	check lineCheck
	most  int64 // bytes, 0 for no limit
	size  int64
	last  [2]byte
	tail  string // the CRLF that the last line lacked
	err   error
}

func newIncoming(src io.Reader, most int64, normalize bool) *incoming {
	if normalize {
		src = &normalizer{src: src}
	}
	return &incoming{src: src, most: most}
}

// Read implements io.Reader. A message that comes by BDAT may lack the CRLF of
// its last line; it is added here, before anyone verifies it, since whoever
// sends it on by DATA must add it.
func (m *incoming) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for m.err == nil {
		n, err := m.src.Read(p)
		if n > 0 && m.take(p[:n]) == nil {
			return n, nil
		}
		if m.err == nil && err != nil {
			m.finish(err)
		}
	}
	if m.tail != "" {
		n := copy(p, m.tail)
		m.tail = m.tail[n:]
		return n, nil
	}
	return 0, m.err
}

func (m *incoming) take(b []byte) error {
	m.size += int64(len(b))
	if m.most > 0 && m.size > m.most {
		m.err = &Error{Reason: TooLarge, Verb: "message", Detail: "limit " + strconv.FormatInt(m.most, 10) + " bytes"}
		return m.err
	}
	if m.err = m.check.scan(b); m.err != nil {
		return m.err
	}
	if len(b) == 1 {
		m.last[0] = m.last[1]
	} else {
		m.last[0] = b[len(b)-2]
	}
	m.last[1] = b[len(b)-1]
	return nil
}

func (m *incoming) finish(err error) {
	m.err = err
	if err != io.EOF {
		return
	}
	if e := m.check.end(); e != nil {
		m.err = e
	} else if m.size > 0 && string(m.last[:]) != "\r\n" {
		m.tail = "\r\n"
	}
}

// failed reports whether the message ended in any way but its proper end.
func (m *incoming) failed() bool { return m.err != nil && m.err != io.EOF }

// normalizer turns each bare LF into CRLF. A dot that begins a line only then
// is text: the end of the message was found before.
type normalizer struct {
	src io.Reader
	buf []byte
	in  []byte // what of buf is not given out yet
	cr  bool
	err error
}

func (z *normalizer) Read(p []byte) (int, error) {
	if z.buf == nil {
		z.buf = make([]byte, lineBuffer)
	}
	for len(z.in) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		var n int
		n, z.err = z.src.Read(z.buf)
		z.in = z.buf[:n]
	}
	n := 0
	for n < len(p) && len(z.in) > 0 {
		if z.in[0] == '\n' && !z.cr {
			p[n] = '\r'
			z.cr = true
			n++
			continue
		}
		end := 1
		if z.in[0] != '\n' {
			if end = bytes.IndexByte(z.in, '\n'); end < 0 {
				end = len(z.in)
			}
		}
		k := copy(p[n:], z.in[:end])
		z.cr = z.in[k-1] == '\r'
		z.in = z.in[k:]
		n += k
	}
	return n, nil
}
