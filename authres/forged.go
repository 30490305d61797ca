package authres

import (
	"bytes"
	"strings"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// SameID reports whether two authserv-ids name the same service: in any case,
// and with A-labels or U-labels (RFC 8601, Section 2.5; RFC 8616, Section 6).
func SameID(a, b string) bool {
	if ascii.EqualFold(a, b) {
		return true
	}
	m, err := domain.Parse(a)
	if err != nil {
		return false
	}
	n, err := domain.Parse(b)
	return err == nil && m == n
}

// Forged returns the indexes of the header fields that claim to be
// Authentication-Results of the service id, from the bottom up, so that they
// can be deleted one after the other. In a message from outside all of them are
// forged, and RFC 8601, Section 5 has them removed. Fields that Parse refuses
// count if a lenient reader could find id in them, so do those with encoded-words,
// which can stand for any text, and so does any field in which
// Authentication-Results stands behind a bare CR or LF.
func Forged(h *message.Header, id string) []int {
	var found []int
	for i := len(h.Fields) - 1; i >= 0; i-- {
		f := &h.Fields[i]
		if f.LooksLike(FieldName) && claims(f.Value(), id) || f.Hides(FieldName) {
			found = append(found, i)
		}
	}
	return found
}

// Find returns the Authentication-Results fields of the service id that follow
// the syntax, from the top.
func Find(h *message.Header, id string) []*Field {
	var found []*Field
	for i := range h.Fields {
		if !h.Fields[i].Is(FieldName) {
			continue
		}
		if f, err := Parse(h.Fields[i].Value()); err == nil && SameID(f.AuthServID, id) {
			found = append(found, f)
		}
	}
	return found
}

// Remove returns the bytes of the header without the fields of those indexes,
// which are in the order that Forged gives; h.Raw itself if there are none.
func Remove(h *message.Header, fields []int) []byte {
	if len(fields) == 0 {
		return h.Raw
	}
	out := make([]byte, 0, len(h.Raw))
	for i := range h.Fields {
		if n := len(fields) - 1; n >= 0 && fields[n] == i {
			fields = fields[:n]
			continue
		}
		out = append(out, h.Fields[i].Raw...)
	}
	return out
}

// claims reports whether an Authentication-Results field with that value is of
// the service id to some reader.
func claims(value []byte, id string) bool {
	if bytes.Contains(value, []byte("=?")) {
		return true // no service writes an encoded-word, and to who decodes first it is any text
	}
	if f, err := Parse(value); err == nil {
		if _, err := domain.Parse(f.AuthServID); err == nil || SameID(f.AuthServID, id) {
			return SameID(f.AuthServID, id)
		}
		// What is no host name is read in more than one way: "id/1", " id", "<id>".
		value = []byte(f.AuthServID)
	}
	names := []string{id}
	if n, err := domain.Parse(id); err == nil {
		names = append(names, n.String(), n.Unicode())
	}
	for _, text := range [][]byte{value, squeeze(value, false), squeeze(value, true)} {
		lower := strings.ToLower(string(text))
		for _, name := range names {
			if strings.Contains(lower, strings.ToLower(name)) {
				return true
			}
		}
	}
	return false
}

// squeeze returns b without its comments and all that is not visible or only
// quotes. A comment that is not closed is text. Not all readers know that a
// backslash quotes the parenthesis behind it.
func squeeze(b []byte, quotes bool) []byte {
	out := make([]byte, 0, len(b))
	open := make([]int, 0, 16) // where in out the open comments begin
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '\\' && quotes && len(open) > 0:
			i++
		case c == ')' && len(open) > 0:
			out = out[:open[len(open)-1]]
			open = open[:len(open)-1]
		case c <= ' ' || c == 0x7f || c == '"' || c == '\\':
		default:
			if c == '(' && len(open) < MaxCommentDepth {
				open = append(open, len(out))
			}
			out = append(out, c)
		}
	}
	return bytes.ReplaceAll(out, []byte("("), nil)
}
