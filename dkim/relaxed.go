package dkim

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/waxseal/waxseal/internal/ascii"
)

// writeRelaxed is the relaxed body canonicalization (RFC 6376, Section 3.4.4).
// The two ends of a chunk, where white space may go on beyond it, pass through
// stepRelaxed byte by byte; what lies between is taken in spans.
func (b *Body) writeRelaxed(p []byte) {
	s := &b.canon[Relaxed]
	i := 0
	for i < len(p) && (s.wsp || s.cr) {
		b.stepRelaxed(p[i])
		i++
	}
	end := i + lastContent(p[i:])
	if end > i {
		i += b.skipLineEnds(p[i:end])
		b.spansRelaxed(p[i:end])
	}
	for _, c := range p[end:] {
		b.stepRelaxed(c)
	}
}

// lastContent returns the length of p without what may vanish at its end: white
// space and line ends, and a last CR.
func lastContent(p []byte) int {
	n := len(p)
	if n > 0 && p[n-1] == '\r' {
		n--
	}
	for n > 0 {
		switch {
		case ascii.IsWSP(p[n-1]):
			n--
		case n > 1 && p[n-1] == '\n' && p[n-2] == '\r':
			n -= 2
		default:
			return n
		}
	}
	return n
}

// skipLineEnds counts the CRLFs that p begins with and returns their length.
func (b *Body) skipLineEnds(p []byte) int {
	n := 0
	for n+1 < len(p) && p[n] == '\r' && p[n+1] == '\n' {
		b.canon[Relaxed].crlfs++
		n += 2
	}
	return n
}

// stepRelaxed takes one byte.
func (b *Body) stepRelaxed(c byte) {
	s := &b.canon[Relaxed]
	switch {
	case s.cr && c == '\n':
		s.cr, s.wsp = false, false // white space at the end of a line is ignored
		s.crlfs++
	case ascii.IsWSP(c):
		if s.cr {
			b.flush(Relaxed)
		}
		s.wsp = true
	case c == '\r':
		if s.cr {
			b.flush(Relaxed)
		}
		s.cr = true
	default:
		b.flush(Relaxed)
		b.scratch[0] = c
		b.emit(Relaxed, b.scratch[:1])
	}
}

// spansRelaxed takes a p that ends in content. Short spans are gathered so that
// the hash is not called for each of them.
func (b *Body) spansRelaxed(p []byte) {
	const direct = 256 // a span from this length on is hashed where it lies
	gather, n := b.scratch[:], 0
	for begun := false; len(p) > 0; {
		keep := p[:cleanSpan(p)]
		p = p[len(keep):]
		space := false
		if len(p) > 0 { // at white space that cannot stay as it is
			for ascii.IsWSP(p[0]) {
				p = p[1:]
			}
			space = len(p) < 2 || p[0] != '\r' || p[1] != '\n'
		}
		if !begun {
			if len(keep) == 0 && !space { // an empty line once its white space is gone
				p = p[b.skipLineEnds(p):]
				continue
			}
			begun = true
			b.flush(Relaxed)
		}
		if len(keep) >= direct || n+len(keep)+1 > len(gather) {
			b.emit(Relaxed, gather[:n])
			n = 0
		}
		if len(keep) >= direct {
			b.emit(Relaxed, keep)
		} else {
			n += copy(gather[n:], keep)
		}
		if space {
			gather[n] = ' '
			n++
		}
	}
	b.emit(Relaxed, gather[:n])
}

// closeRelaxed ends a body that has any content with one CRLF; an empty one
// stays empty (RFC 6376, Section 3.4.4).
func (b *Body) closeRelaxed() {
	s := &b.canon[Relaxed]
	if s.cr {
		b.flush(Relaxed)
	}
	s.wsp, s.crlfs = false, 0
	if s.total > 0 {
		s.crlfs = 1
		b.flush(Relaxed)
	}
}

const (
	ones  = 0x0101010101010101
	low7  = 0x7f * ones
	highs = 0x80 * ones

	// cleanBlock is how much is searched at once for any space or tab at all.
	// Most large mail is base64 and has none.
	cleanBlock = 1024
)

// cleanSpan returns the length of the part at the beginning of p that relaxed
// leaves as it is: up to white space that is not one space between two other
// bytes or that ends a line.
func cleanSpan(p []byte) int {
	for i := 0; i < len(p); {
		block := p[i:min(i+cleanBlock, len(p))]
		if bytes.IndexByte(block, ' ') < 0 && bytes.IndexByte(block, '\t') < 0 {
			i += len(block)
			continue
		}
		for end := i + len(block); i < end; i++ {
			if i += suspect(p, i); i >= len(p) {
				return len(p)
			}
			space := i > 0 && p[i-1] == ' '
			switch {
			case p[i] == ' ' && space, p[i] == '\t' && space:
				return i - 1
			case p[i] == '\t':
				return i
			case p[i] == '\r' && i+1 < len(p) && p[i+1] == '\n':
				if space {
					return i - 1
				}
				i++
			}
		}
	}
	return len(p)
}

// suspect returns how far behind p[i:] the next byte is that is a control, or
// that is a space behind a space or control; at least as far as the end if there
// is none. It looks at eight bytes at a time.
func suspect(p []byte, i int) int {
	first := i
	var before uint64 // 0x80 if the byte in front is a space or control
	if i > 0 && p[i-1] <= ' ' {
		before = 0x80
	}
	for ; i+8 <= len(p); i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		blank := ^((w&low7 + (0x7f-' ')*ones) | w) & highs
		control := ^((w&low7 + (0x80-' ')*ones) | w) & highs
		if hit := control | blank&(blank<<8|before); hit != 0 {
			return i - first + bits.TrailingZeros64(hit)/8
		}
		before = blank >> 56
	}
	for ; i < len(p); i++ {
		if p[i] < ' ' || p[i] == ' ' && i > 0 && p[i-1] <= ' ' {
			break
		}
	}
	return i - first
}
