package dkim

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/waxseal/waxseal/message"
)

// maxColumns is where lines are folded (RFC 5322, Section 2.1.1).
const maxColumns = 78

// TagWriter writes a signature field, folded, as one appends its tags. Package
// arc writes its fields with it too. The tags' values must not have characters
// that end a tag or a line.
type TagWriter struct {
	out    []byte
	start  int // where the field begins in out
	column int
}

// NewTagWriter begins a field of that name behind what out has.
func NewTagWriter(out []byte, name string) *TagWriter {
	return &TagWriter{
		out:    append(append(out, name...), ':'),
		start:  len(out),
		column: len(name) + 1,
	}
}

// Tag appends a tag on this line or the next.
func (w *TagWriter) Tag(name, value string) {
	w.room(len(name) + len(value) + 2)
	w.write(name)
	w.write("=")
	w.write(value)
	w.write(";")
}

// List appends a tag with a colon-separated list, folded between its elements.
func (w *TagWriter) List(name string, elements []string) {
	w.room(len(name) + 1)
	w.write(name)
	w.write("=")
	for i, e := range elements {
		if i > 0 {
			w.write(":")
		}
		if w.column+len(e)+1 > maxColumns {
			w.fold()
		}
		w.write(e)
	}
	w.write(";")
}

// room separates what follows, n bytes, with a space or a fold.
func (w *TagWriter) room(n int) {
	if w.column+1+n > maxColumns {
		w.fold()
		return
	}
	w.write(" ")
}

func (w *TagWriter) fold() {
	w.out = append(w.out, "\r\n "...)
	w.column = 1
}

func (w *TagWriter) write(s string) {
	w.out = append(w.out, s...)
	w.column += len(s)
}

// Sign ends the field with the signature over header, in canonical form, and the
// field itself, and returns it behind what the writer began with.
func (w *TagWriter) Sign(k *Key, header []byte, c Canonicalization) ([]byte, error) {
	w.fold()
	w.write("b=")
	own, err := message.ParseHeader(w.out[w.start:])
	if err != nil {
		return nil, err
	}
	n := len(header)
	signed := AppendUnsigned(header[:n:n], &own.Fields[0], c)
	value, err := k.Sum(sha256.Sum256(signed))
	if err != nil {
		return nil, err
	}
	for text := base64.StdEncoding.EncodeToString(value); text != ""; {
		n := min(len(text), maxColumns-w.column)
		w.write(text[:n])
		if text = text[n:]; text != "" {
			w.fold()
		}
	}
	return append(w.out, "\r\n"...), nil
}
