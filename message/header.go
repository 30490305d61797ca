// Package message reads Internet messages (RFC 5322, with the UTF-8 of RFC
// 6532) as the bytes that came: header fields are slices of the received header,
// nothing is decoded before it is asked for and nothing is ever serialised
// again. It finds the author address the way an attacker fears: what is
// ambiguous is said, not guessed.
//
// It takes more than the RFC allows where mail in use does: any length of line,
// any bytes, lines that are no header field, the obsolete forms of Section 4.
// It differs in one thing: only CRLF ends a line (see Read for files that have
// LF), so what hides behind a bare CR or LF is part of the field in front of it.
// Bodies are streamed and MIME is not looked at.
package message

import (
	"bytes"
	"fmt"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Limits on a stranger's header. Beyond one of them ParseHeader gives an Error;
// those who check the message say permerror and the reason.
const (
	MaxHeaderBytes = 8 << 20   // the whole header
	MaxFields      = 100_000   // header fields
	MaxFieldBytes  = 512 << 10 // one field with its folding
)

// Reason says why a message cannot be read.
type Reason string

// The reasons.
const (
	HeaderTooLarge Reason = "header too large"
	FieldTooLarge  Reason = "header field too large"
	TooManyFields  Reason = "too many header fields"

	TooManyAddresses Reason = "too many addresses"
	BadAddress       Reason = "malformed address list"
	BadReceived      Reason = "unreadable trace field"
)

// Error is returned for a header or an address list over a limit, and for a
// field that cannot be read.
type Error struct {
	Reason Reason
	Limit  int    // in bytes, fields or addresses; 0 if no limit was reached
	Field  int    // the field that reached it, counted from 1 at the top; 0 if it is not one field
	Detail string // what cannot be read, where no limit was reached
}

func (e *Error) Error() string {
	switch {
	case e.Field > 0:
		return fmt.Sprintf("message: %s: limit %d reached at field %d", e.Reason, e.Limit, e.Field)
	case e.Limit > 0:
		return fmt.Sprintf("message: %s: limit %d", e.Reason, e.Limit)
	}
	return fmt.Sprintf("message: %s: %s", e.Reason, e.Detail)
}

// Header is a parsed header. It refers to the bytes it was parsed from.
type Header struct {
	Raw    []byte  // as received with CRLF line ends, without the empty line
	Fields []Field // from the top
}

// Field is one header field, or one line that is none (see Malformed).
type Field struct {
	Raw   []byte // from the first byte of the name to the final CRLF
	name  int32  // length of the name, white space before the colon left out
	value int32  // where the value begins, after the colon
}

// Name returns the field's name as written.
func (f *Field) Name() []byte { return f.Raw[:f.name] }

// Value returns all that follows the colon, folding included, without the final
// CRLF.
func (f *Field) Value() []byte { return trimCRLF(f.Raw[f.value:]) }

// Is reports whether the field has that name, in any case.
func (f *Field) Is(name string) bool {
	return int(f.name) == len(name) && ascii.EqualFold(f.Raw[:f.name], name)
}

// Malformed reports whether the line has no colon or its name has bytes that
// RFC 5322, Section 2.2 forbids. Its Name is empty if it has no colon.
func (f *Field) Malformed() bool {
	for _, c := range f.Raw[:f.name] {
		if !ascii.IsPrint(c) {
			return true
		}
	}
	return f.name == 0
}

// SpaceBeforeColon reports whether white space stands between the name and the
// colon, the obsolete form (RFC 5322, Section 4.5) that some readers do not
// take for a field of that name.
func (f *Field) SpaceBeforeColon() bool { return f.name != 0 && f.value != f.name+1 }

// ParseHeader parses a header that ends before the empty line. Only CRLF ends a
// line; the last line may lack it. The error is a *Error; the Header is then
// that of the fields before the limit.
func ParseHeader(raw []byte) (*Header, error) {
	return AppendHeader(nil, raw)
}

// AppendHeader is ParseHeader with the memory of an earlier Header, which must
// no longer be used; nil for none.
func AppendHeader(h *Header, raw []byte) (*Header, error) {
	if h == nil {
		h = &Header{Fields: make([]Field, 0, 24)}
	}
	h.Raw, h.Fields = raw, h.Fields[:0]
	if len(raw) > MaxHeaderBytes {
		return h, &Error{Reason: HeaderTooLarge, Limit: MaxHeaderBytes}
	}
	for off := 0; off < len(raw); {
		n := fieldLen(raw[off:])
		switch {
		case n > MaxFieldBytes:
			return h, &Error{Reason: FieldTooLarge, Limit: MaxFieldBytes, Field: len(h.Fields) + 1}
		case len(h.Fields) == MaxFields:
			return h, &Error{Reason: TooManyFields, Limit: MaxFields, Field: len(h.Fields) + 1}
		}
		h.Fields = append(h.Fields, parseField(raw[off:off+n:off+n]))
		off += n
	}
	return h, nil
}

// fieldLen returns the length of the first field of b with its continuation
// lines and final CRLF.
func fieldLen(b []byte) int {
	for off := 0; ; {
		i := bytes.IndexByte(b[off:], '\n')
		if i < 0 {
			return len(b)
		}
		off += i + 1
		if off < 2 || b[off-2] != '\r' {
			continue // a bare LF ends nothing
		}
		if off == len(b) || !ascii.IsWSP(b[off]) {
			return off
		}
	}
}

func parseField(raw []byte) Field {
	f := Field{Raw: raw}
	colon := bytes.IndexByte(raw, ':')
	if colon < 0 {
		return f
	}
	f.value = int32(colon + 1)
	f.name = int32(len(ascii.TrimFWS(raw[:colon])))
	if f.name > 0 && ascii.IsFWS(raw[0]) {
		f.name = int32(colon) // leading white space: a malformed name, kept whole
	}
	return f
}

func trimCRLF(b []byte) []byte {
	if n := len(b); n >= 2 && b[n-2] == '\r' && b[n-1] == '\n' {
		return b[:n-2]
	}
	return b
}

// Count returns how many fields have that name.
func (h *Header) Count(name string) int {
	n := 0
	for i := range h.Fields {
		if h.Fields[i].Is(name) {
			n++
		}
	}
	return n
}

// First returns the topmost field of that name, nil if there is none.
func (h *Header) First(name string) *Field {
	for i := range h.Fields {
		if h.Fields[i].Is(name) {
			return &h.Fields[i]
		}
	}
	return nil
}
