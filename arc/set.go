package arc

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// The names of the three fields of a set (RFC 8617, Section 4.1).
const (
	aarName = "ARC-Authentication-Results"
	amsName = "ARC-Message-Signature"
	asName  = "ARC-Seal"
)

// fields are the three fields of one set as they were received.
type fields struct {
	aar     *message.Field
	results []byte // of the AAR, behind its instance
	ams, as signed
}

// signed is a field with a signature; field is nil for one that is missing.
type signed struct {
	field *message.Field
	at    int // index in Header.Fields
	sig   *dkim.Signature
	err   error // of the parser
}

// chain is the sets of a message before anything is verified. What is wrong with
// its structure is in reason.
type chain struct {
	sets   []fields // by instance, from 1
	reason string
	free   []dkim.Signature // memory for what is parsed next
}

// parse parses a field with a signature.
func (c *chain) parse(form dkim.Form, f *message.Field) (*dkim.Signature, error) {
	if len(c.free) == 0 {
		const three = 6 // as many as three sets have
		c.free = make([]dkim.Signature, three)
	}
	sig := &c.free[0]
	c.free = c.free[1:]
	return sig, sig.Parse(form, f.Value())
}

// collect finds the sets of a message (RFC 8617, Section 5.2, steps 1 and 3).
func collect(h *message.Header) chain {
	var c chain
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case f.Is(aarName):
			n, results := parseAAR(f.Value())
			if set := c.set(n, aarName); set != nil && c.once(set.aar, n, aarName) {
				set.aar, set.results = f, results
			}
		case f.Is(amsName):
			sig, err := c.parse(dkim.ARCMessageSignature, f)
			n := instance(sig.Instance)
			if set := c.set(n, amsName); set != nil && c.once(set.ams.field, n, amsName) {
				set.ams = signed{f, i, sig, err}
			}
		case f.Is(asName):
			sig, err := c.parse(dkim.ARCSeal, f)
			n := instance(sig.Instance)
			if set := c.set(n, asName); set != nil && c.once(set.as.field, n, asName) {
				set.as = signed{f, i, sig, err}
			}
		}
	}
	for i := range c.sets {
		s := &c.sets[i]
		for _, part := range [...]struct {
			name  string
			field *message.Field
		}{{aarName, s.aar}, {amsName, s.ams.field}, {asName, s.as.field}} {
			if part.field == nil {
				c.fail("set %d has no %s", i+1, part.name)
			}
		}
	}
	return c
}

// set returns set n, made if need be; nil if a field has no instance.
func (c *chain) set(n int, name string) *fields {
	if n == 0 {
		c.fail("%s without an instance between 1 and %d", name, MaxSets)
		return nil
	}
	if c.sets == nil {
		c.sets = make([]fields, 0, max(n, 4))
	}
	for len(c.sets) < n {
		c.sets = append(c.sets, fields{})
	}
	return &c.sets[n-1]
}

// once reports whether the part of set n is still missing.
func (c *chain) once(part *message.Field, n int, name string) bool {
	if part != nil {
		c.fail("set %d has two %s fields", n, name)
	}
	return part == nil
}

// fail keeps the first reason.
func (c *chain) fail(format string, args ...any) {
	if c.reason == "" {
		c.reason = fmt.Sprintf(format, args...)
	}
}

// instance reads 1*2DIGIT between 1 and MaxSets (RFC 8617, Section 4.2.1).
func instance(v []byte) int {
	if len(v) == 0 || len(v) > 2 {
		return 0
	}
	n := 0
	for _, c := range v {
		if !ascii.IsDigit(c) {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	if n > MaxSets {
		return 0
	}
	return n
}

// parseAAR splits the value of an ARC-Authentication-Results field into instance
// and the rest (RFC 8617, Section 4.1.1): arc-info = instance [CFWS] ";" ...
func parseAAR(v []byte) (n int, results []byte) {
	v = skipCFWS(v)
	if len(v) == 0 || v[0] != 'i' {
		return 0, nil
	}
	v = skipCFWS(v[1:])
	if len(v) == 0 || v[0] != '=' {
		return 0, nil
	}
	v = skipCFWS(v[1:])
	digits := 0
	for digits < len(v) && ascii.IsDigit(v[digits]) {
		digits++
	}
	n = instance(v[:digits])
	v = skipCFWS(v[digits:])
	if len(v) == 0 || v[0] != ';' {
		return 0, nil
	}
	return n, ascii.TrimFWS(v[1:])
}

// skipCFWS returns v behind comments and folding white space (RFC 5322, Section
// 3.2.2). A comment that does not end is none.
func skipCFWS(v []byte) []byte {
	for {
		for len(v) > 0 && ascii.IsFWS(v[0]) {
			v = v[1:]
		}
		n := commentLen(v)
		if n == 0 {
			return v
		}
		v = v[n:]
	}
}

// commentLen returns the length of the comment that v begins with, 0 if none.
func commentLen(v []byte) int {
	if len(v) == 0 || v[0] != '(' {
		return 0
	}
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// unfold returns v for a person: folds and runs of white space as one space.
func unfold(v []byte) string {
	var b strings.Builder
	b.Grow(len(v))
	for i, c := range v {
		switch {
		case !ascii.IsFWS(c):
			b.WriteByte(c)
		case i > 0 && !ascii.IsFWS(v[i-1]):
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// covers reports whether h= names a field.
func covers(s *dkim.Signature, field string) bool {
	for rest, more := s.Fields, true; more; {
		var name []byte
		name, rest, more = bytes.Cut(rest, []byte(":"))
		if ascii.EqualFold(ascii.TrimFWS(name), field) {
			return true
		}
	}
	return false
}
