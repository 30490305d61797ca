package dkim

import (
	"crypto/sha256"
	"hash"
	"io"
	"math"
	"sync"
)

// Body is the one pass over the body of a message: whoever needs a hash of it
// calls Want before the first byte, then the body is written in chunks of any
// size, CRLF line ends and all, then closed. The zero value is ready to use. It
// holds no part of the body, and where a canonical form leaves bytes as they are
// they are hashed where they lie.
//
// Only CRLF ends a line: a bare CR or LF is an ordinary byte, as are form feed,
// NUL and no-break space.
type Body struct {
	canon  [2]canonicalBody // by Canonicalization
	hashes []bodyHash
	first  [2]bodyHash // memory for hashes
	closed bool

	// scratch is where bytes are written that the body does not have as such.
	scratch [1024]byte
}

// BodyHash names one hash that a Body computes.
type BodyHash int

type bodyHash struct {
	canon Canonicalization
	limit int64 // how many canonical bytes are hashed; math.MaxInt64 for all
	left  int64
	hash  hash.Hash
	sum   [sha256.Size]byte
}

// canonicalBody is the state of one canonical form between two chunks: what was
// seen and may still turn out to be nothing.
type canonicalBody struct {
	wanted bool
	wsp    bool  // relaxed: white space not yet written
	cr     bool  // a CR whose LF may come
	crlfs  int64 // line ends not yet written: empty lines at the end vanish
	total  int64 // canonical bytes written
}

var hashes = sync.Pool{New: func() any { return sha256.New() }}

// Want registers a hash of the first limit bytes of the canonical body, or of
// all of it if limit is negative. SHA-256 is the one hash that RFC 8301 left.
func (b *Body) Want(c Canonicalization, limit int64) BodyHash {
	if limit < 0 {
		limit = math.MaxInt64
	}
	for i := range b.hashes {
		if b.hashes[i].canon == c && b.hashes[i].limit == limit {
			return BodyHash(i)
		}
	}
	if b.hashes == nil {
		b.hashes = b.first[:0]
	}
	h := hashes.Get().(hash.Hash)
	h.Reset()
	b.hashes = append(b.hashes, bodyHash{canon: c, limit: limit, left: limit, hash: h})
	b.canon[c].wanted = true
	return BodyHash(len(b.hashes) - 1)
}

// Wanted reports whether anybody wants a hash: if not, the body need not be written.
func (b *Body) Wanted() bool { return len(b.hashes) > 0 }

// Write takes the next chunk of the body. It never fails.
func (b *Body) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.canon[Simple].wanted {
		b.writeSimple(p)
	}
	if b.canon[Relaxed].wanted {
		b.writeRelaxed(p)
	}
	return len(p), nil
}

// Close ends the body. Writing after it is an error of the program.
func (b *Body) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	if b.canon[Simple].wanted {
		b.closeSimple()
	}
	if b.canon[Relaxed].wanted {
		b.closeRelaxed()
	}
	for i := range b.hashes {
		d := &b.hashes[i]
		d.hash.Sum(d.sum[:0])
		hashes.Put(d.hash)
		d.hash = nil
	}
	return nil
}

// Sum returns the hash and the length of the whole canonical body. It panics
// before Close.
func (b *Body) Sum(h BodyHash) (sum [sha256.Size]byte, total int64) {
	if !b.closed {
		panic("dkim: Body.Sum before Close")
	}
	d := &b.hashes[h]
	return d.sum, b.canon[d.canon].total
}

// emit hashes bytes of a canonical form.
func (b *Body) emit(c Canonicalization, p []byte) {
	b.canon[c].total += int64(len(p))
	for i := range b.hashes {
		d := &b.hashes[i]
		if d.canon != c || d.left == 0 {
			continue
		}
		q := p
		if int64(len(q)) > d.left {
			q = q[:d.left]
		}
		d.left -= int64(len(q))
		d.hash.Write(q)
	}
}

// lineEnds is what runs of empty lines are written from.
const lineEnds = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" +
	"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"

// flush writes what was held back, now that more of the body follows it.
func (b *Body) flush(c Canonicalization) {
	s := &b.canon[c]
	for s.crlfs > 0 {
		n := min(2*s.crlfs, int64(len(lineEnds)))
		copy(b.scratch[:], lineEnds[:n])
		s.crlfs -= n / 2
		b.emit(c, b.scratch[:n])
	}
	n := 0
	if s.wsp {
		b.scratch[n] = ' '
		n++
	}
	if s.cr {
		b.scratch[n] = '\r'
		n++
	}
	s.wsp, s.cr = false, false
	if n > 0 {
		b.emit(c, b.scratch[:n])
	}
}

var chunks = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// ReadAll writes to b all that r has, and closes b. The error is that of r.
func (b *Body) ReadAll(r io.Reader) error {
	if w, ok := r.(io.WriterTo); ok {
		if _, err := w.WriteTo(b); err != nil {
			return err
		}
		return b.Close()
	}
	buf := chunks.Get().(*[32 << 10]byte)
	defer chunks.Put(buf)
	for {
		n, err := r.Read(buf[:])
		b.Write(buf[:n])
		if err == io.EOF {
			return b.Close()
		}
		if err != nil {
			return err
		}
	}
}
