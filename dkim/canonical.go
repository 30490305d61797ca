package dkim

import (
	"bytes"
	"crypto/sha256"
	"hash"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// AppendField appends the canonical form of a header field, final CRLF included
// (RFC 6376, Sections 3.4.1 and 3.4.2).
func AppendField(dst []byte, f *message.Field, c Canonicalization) []byte {
	if c == Simple {
		return append(append(dst, trimCRLF(f.Raw)...), "\r\n"...)
	}
	dst = append(ascii.AppendLower(dst, f.Name()), ':')
	return append(appendRelaxed(dst, f.Value()), "\r\n"...)
}

// AppendUnsigned appends the canonical form of the signature field itself: the
// value of b= and the white space around it left out, and no final CRLF (RFC
// 6376, Section 3.7).
func AppendUnsigned(dst []byte, f *message.Field, c Canonicalization) []byte {
	value := f.Value()
	from, to := signatureValue(value)
	if c == Simple {
		dst = append(dst, f.Raw[:len(trimCRLF(f.Raw))-len(value)]...)
		return append(append(dst, value[:from]...), value[to:]...)
	}
	dst = append(ascii.AppendLower(dst, f.Name()), ':')
	// The cut lies behind "=", which is no white space, so the two parts can be
	// relaxed one after the other, but for white space that ends the second.
	n := len(dst)
	dst = append(append(dst, value[:from]...), value[to:]...)
	return append(dst[:n], appendRelaxed(dst[n:n], dst[n:])...)
}

// signatureValue returns where the value of b= lies in a tag list, the white
// space around it included; an empty range at the end if there is none.
func signatureValue(list []byte) (from, to int) {
	for off := 0; off < len(list); {
		end := len(list)
		if i := bytes.IndexByte(list[off:], ';'); i >= 0 {
			end = off + i
		}
		spec := list[off:end]
		if eq := bytes.IndexByte(spec, '='); eq >= 0 && string(ascii.TrimFWS(spec[:eq])) == "b" {
			return off + eq + 1, end
		}
		off = end + 1
	}
	return len(list), len(list)
}

// appendRelaxed appends a field's value unfolded, runs of white space as one
// space, none at its ends (RFC 6376, Section 3.4.2). dst may be the memory of
// value: it never gets ahead of what is read.
func appendRelaxed(dst, value []byte) []byte {
	first := len(dst)
	for len(value) > 0 {
		n := cleanValue(value)
		dst = append(dst, value[:n]...)
		value = value[n:]
		k := foldingLen(value)
		switch {
		case k == 0 && len(value) > 0: // a bare CR
			dst = append(dst, value[0])
			value = value[1:]
		case k == len(value):
			return dst
		case len(dst) > first:
			dst = append(dst, ' ')
		}
		value = value[k:]
	}
	return dst
}

// cleanValue returns the length of the part of a field's value that needs no
// change: up to white space that is not one space between two other bytes, or to
// a CR.
func cleanValue(p []byte) int {
	for i, c := range p {
		switch {
		case c > ' ':
		case c == '\t' || c == '\r':
			return i
		case c == ' ' && (i == 0 || i+1 == len(p) || ascii.IsFWS(p[i+1])):
			return i
		}
	}
	return len(p)
}

// foldingLen returns the length of the white space and folds that p begins with.
func foldingLen(p []byte) int {
	n := 0
	for n < len(p) {
		switch {
		case ascii.IsWSP(p[n]):
			n++
		case p[n] == '\r' && n+1 < len(p) && p[n+1] == '\n':
			n += 2
		default:
			return n
		}
	}
	return n
}

func trimCRLF(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\r\n")) }

// digest hashes a canonical header that is gathered in memory, piece by piece
// where it is large.
type digest struct {
	buf  []byte
	long hash.Hash // nil while all fits into buf
}

// digestPiece is how much a digest gathers, but for one field that is longer.
const digestPiece = 16 << 10

func (d *digest) field(f *message.Field, c Canonicalization) {
	d.buf = AppendField(d.buf, f, c)
	if len(d.buf) < digestPiece {
		return
	}
	if d.long == nil {
		d.long = hashes.Get().(hash.Hash)
		d.long.Reset()
	}
	d.long.Write(d.buf)
	d.buf = d.buf[:0]
}

// sum ends the header with the signature field itself.
func (d *digest) sum(own *message.Field, c Canonicalization) (sum [sha256.Size]byte) {
	d.buf = AppendUnsigned(d.buf, own, c)
	if d.long == nil {
		sum = sha256.Sum256(d.buf)
	} else {
		d.long.Write(d.buf)
		d.long.Sum(sum[:0])
		hashes.Put(d.long)
		d.long = nil
	}
	if d.buf = d.buf[:0]; cap(d.buf) > 4*digestPiece {
		d.buf = nil
	}
	return sum
}
