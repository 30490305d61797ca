package message

import (
	"bytes"

	"github.com/waxseal/waxseal/internal/ascii"
)

// LooksLike reports whether a careless reader takes f for a field of that name:
// the name is that one once all bytes are left out that RFC 5322, Section 2.2
// forbids in names. It is true wherever Is is.
func (f *Field) LooksLike(name string) bool {
	if int(f.name) <= len(name) || !f.Malformed() {
		return f.Is(name)
	}
	n := 0
	for _, c := range f.Raw[:f.name] {
		if !ascii.IsPrint(c) {
			continue
		}
		if n == len(name) || ascii.Lower(c) != ascii.Lower(name[n]) {
			return false
		}
		n++
	}
	return n == len(name)
}

// Hides reports whether in f a field of that name stands behind a bare CR or
// LF, where a reader that takes those for line ends finds it.
func (f *Field) Hides(name string) bool {
	found := false
	if hasBareEnd(f.Raw) {
		f.eachHidden(name, func(Field) { found = true })
	}
	return found
}

// eachHidden calls do for the fields of that name that begin behind a bare CR
// or LF in f.
func (f *Field) eachHidden(name string, do func(Field)) {
	for j, c := range f.Raw[:len(f.Raw)-1] {
		if c != '\r' && c != '\n' || !isBareEnd(f.Raw, j) || !ascii.HasPrefixFold(f.Raw[j+1:], name) {
			continue
		}
		rest := f.Raw[j+1:]
		if k := bytes.IndexAny(rest, "\r\n"); k >= 0 {
			rest = rest[:k]
		}
		if hidden := parseField(rest); hidden.Is(name) {
			do(hidden)
		}
	}
}

// isBareEnd reports whether the CR or LF at b[i] is not half of a CRLF.
func isBareEnd(b []byte, i int) bool {
	if b[i] == '\r' {
		return i+1 == len(b) || b[i+1] != '\n'
	}
	return i == 0 || b[i-1] != '\r'
}

// hasBareEnd reports whether b has a CR or LF that is not half of a CRLF.
func hasBareEnd(b []byte) bool {
	lines := 0
	for off := 0; ; lines++ {
		i := bytes.IndexByte(b[off:], '\n')
		if i < 0 {
			return bytes.Count(b, []byte{'\r'}) != lines
		}
		off += i + 1
		if off < 2 || b[off-2] != '\r' {
			return true
		}
	}
}
