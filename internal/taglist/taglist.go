// Package taglist parses the tag=value lists of RFC 6376, Section 3.2, which
// DKIM signatures and keys, ARC fields, DMARC, MTA-STS and TLSRPT records use.
package taglist

import (
	"bytes"
	"fmt"

	"github.com/waxseal/waxseal/internal/ascii"
)

// MaxTags is how many tags a list may have. The RFC sets no limit; no tag-list
// in use comes near, and it keeps the search for duplicates cheap.
const MaxTags = 100

// Tag is one tag of a list, as slices of the parsed bytes.
type Tag struct {
	Name  []byte // as written; tag names are case-sensitive
	Value []byte // white space at the two ends removed, inside kept
}

// List is a parsed tag-list in the order written.
type List []Tag

// Reason says why a tag-list is refused.
type Reason string

// The reasons.
const (
	NoEquals  Reason = "no = in tag"
	BadName   Reason = "malformed tag name"
	BadValue  Reason = "malformed tag value"
	Duplicate Reason = "duplicate tag"
	TooMany   Reason = "too many tags"
)

// Error is returned for a malformed list.
type Error struct {
	Reason Reason
	Tag    string // the text of the offending tag's name, shortened
	Offset int    // where the tag begins in the list, in bytes
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %q at offset %d", e.Reason, e.Tag, e.Offset)
}

// Parse appends the tags of b to dst and returns the list. A trailing semicolon
// is allowed, an empty list is not an error. With an error the tags before the
// offending one are returned as well, for messages that name the domain.
func Parse(dst List, b []byte) (List, error) {
	if dst == nil {
		dst = make(List, 0, min(bytes.Count(b, []byte{';'})+1, MaxTags))
	}
	first := len(dst)
	for off := 0; off < len(b); {
		spec, next := b[off:], len(b)
		if i := bytes.IndexByte(spec, ';'); i >= 0 {
			spec, next = spec[:i], off+i+1
		}
		if len(ascii.TrimFWS(spec)) == 0 && next == len(b) {
			break // RFC 6376, Section 3.2: tag-list = tag-spec *( ";" tag-spec ) [ ";" ]
		}
		tag, reason := parseSpec(spec)
		if reason == "" && dst[first:].has(tag.Name) {
			reason = Duplicate // RFC 6376, Section 3.2: the entire tag-list is invalid
		}
		if reason == "" && len(dst)-first == MaxTags {
			reason = TooMany
		}
		if reason != "" {
			return dst, &Error{Reason: reason, Tag: shorten(tag.Name, spec), Offset: off}
		}
		dst = append(dst, tag)
		off = next
	}
	return dst, nil
}

// parseSpec parses tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS].
func parseSpec(spec []byte) (Tag, Reason) {
	eq := bytes.IndexByte(spec, '=')
	if eq < 0 {
		return Tag{}, NoEquals
	}
	t := Tag{Name: ascii.TrimFWS(spec[:eq]), Value: ascii.TrimFWS(spec[eq+1:])}
	if !validName(t.Name) {
		return t, BadName
	}
	for _, c := range t.Value {
		// tval is VALCHAR with inner WSP or FWS; UTF-8 by RFC 8616, Section 3.
		if c < 0x20 && !ascii.IsFWS(c) || c == 0x7f {
			return t, BadValue
		}
	}
	return t, ""
}

// validName reports whether b is a tag-name: ALPHA *(ALPHA / DIGIT / "_").
func validName(b []byte) bool {
	if len(b) == 0 || !ascii.IsAlpha(b[0]) {
		return false
	}
	for _, c := range b[1:] {
		if !ascii.IsAlpha(c) && !ascii.IsDigit(c) && c != '_' {
			return false
		}
	}
	return true
}

func (l List) has(name []byte) bool {
	for i := range l {
		if bytes.Equal(l[i].Name, name) {
			return true
		}
	}
	return false
}

// Lookup returns the value of the named tag and whether the list has it.
func (l List) Lookup(name string) ([]byte, bool) {
	for i := range l {
		if string(l[i].Name) == name {
			return l[i].Value, true
		}
	}
	return nil, false
}

// Value returns the value of the named tag, nil if the list lacks it.
func (l List) Value(name string) []byte {
	v, _ := l.Lookup(name)
	return v
}

func shorten(name, spec []byte) string {
	const most = 32
	if len(name) == 0 {
		name = ascii.TrimFWS(spec)
	}
	if len(name) > most {
		return string(name[:most]) + "..."
	}
	return string(name)
}
