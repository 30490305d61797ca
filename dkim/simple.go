package dkim

// writeSimple is the simple body canonicalization (RFC 6376, Section 3.4.3): all
// bytes as they are, but for the empty lines at the end.
func (b *Body) writeSimple(p []byte) {
	s := &b.canon[Simple]
	if s.cr && p[0] == '\n' {
		s.cr, p = false, p[1:]
		s.crlfs++
	}
	end := len(p)
	cr := end > 0 && p[end-1] == '\r'
	if cr {
		end--
	}
	var crlfs int64
	for end >= 2 && p[end-1] == '\n' && p[end-2] == '\r' {
		end -= 2
		crlfs++
	}
	if end > 0 || s.cr && len(p) > 0 {
		b.flush(Simple)
		b.emit(Simple, p[:end])
	}
	s.crlfs += crlfs
	s.cr = s.cr || cr
}

// closeSimple ends the body with exactly one CRLF, an empty one too (RFC 6376,
// Section 3.4.3).
func (b *Body) closeSimple() {
	s := &b.canon[Simple]
	if s.cr {
		b.flush(Simple)
	}
	s.crlfs = 1
	b.flush(Simple)
}
