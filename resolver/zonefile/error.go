package zonefile

import (
	"strconv"
	"strings"
)

// Reason says what is wrong with a master file.
type Reason string

// The reasons.
const (
	Syntax     Reason = "syntax"
	Unreadable Reason = "cannot be read"
	TooLarge   Reason = "too large"
	BadClass   Reason = "only class IN is served"
	BadRecord  Reason = "does not fit a DNS message"
)

// Error is returned for a master file that cannot be used.
type Error struct {
	Reason Reason
	File   string // the name that Parse or Add was given
	Line   int    // from 1; 0 if the error is not about a line
	Text   string // the line; may be empty
	Detail string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("zone " + e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line))
	}
	b.WriteString(": " + string(e.Reason))
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Text != "" {
		b.WriteString(" in " + strconv.Quote(e.Text))
	}
	return b.String()
}
