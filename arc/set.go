package arc

import (
	"bytes"
	"fmt"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/internal/taglist"
	"github.com/waxseal/waxseal/message"
)

// The names of the three fields of a set (RFC 8617, Section 4.1).
const (
	aarName = "ARC-Authentication-Results"
	amsName = "ARC-Message-Signature"
	asName  = "ARC-Seal"
)

// fields are the three fields of one set as indexes into Header.Fields, -1 for
// one that is missing.
type fields struct{ aar, ams, as int }

// chain is the sets of a message before anything is verified. What is wrong with
// its structure is in reason.
type chain struct {
	header *message.Header
	sets   []fields // by instance, from 1
	reason string
}

// collect finds the sets of a message (RFC 8617, Section 5.2, steps 1 and 3).
func collect(h *message.Header) chain {
	c := chain{header: h}
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case f.Is(aarName):
			c.add(i, aarName, func(s *fields) *int { return &s.aar })
		case f.Is(amsName):
			c.add(i, amsName, func(s *fields) *int { return &s.ams })
		case f.Is(asName):
			c.add(i, asName, func(s *fields) *int { return &s.as })
		}
	}
	for i, s := range c.sets {
		for _, part := range [...]struct {
			name string
			at   int
		}{{aarName, s.aar}, {amsName, s.ams}, {asName, s.as}} {
			if part.at < 0 {
				c.fail("set %d has no %s", i+1, part.name)
			}
		}
	}
	return c
}

// add puts a field into its set.
func (c *chain) add(at int, name string, place func(*fields) *int) {
	n := 0
	if name == aarName {
		n, _ = parseAAR(c.header.Fields[at].Value())
	} else {
		n = tagInstance(c.header.Fields[at].Value())
	}
	if n == 0 {
		c.fail("%s without an instance between 1 and %d", name, MaxSets)
		return
	}
	for len(c.sets) < n {
		c.sets = append(c.sets, fields{-1, -1, -1})
	}
	p := place(&c.sets[n-1])
	if *p >= 0 {
		c.fail("set %d has two %s fields", n, name)
		return
	}
	*p = at
}

// fail keeps the first reason.
func (c *chain) fail(format string, args ...any) {
	if c.reason == "" {
		c.reason = fmt.Sprintf(format, args...)
	}
}

// tagInstance returns the i= of a tag list, 0 if it has none that is allowed.
func tagInstance(value []byte) int {
	list, err := taglist.Parse(nil, value)
	if err != nil {
		return 0
	}
	return instance(list.Value("i"))
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
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			if i == 0 {
				return 0
			}
			return i + 1
		}
	}
	return 0
}

// unfold returns v for a person: folds and runs of white space as one space.
func unfold(v []byte) string { return string(bytes.Join(bytes.Fields(v), []byte(" "))) }

// coversSeal reports whether h= names ARC-Seal, which RFC 8617, Section 4.1.2
// forbids.
func coversSeal(s *dkim.Signature) bool {
	for _, name := range bytes.Split(s.Fields, []byte(":")) {
		if ascii.EqualFold(ascii.TrimFWS(name), asName) {
			return true
		}
	}
	return false
}
