package smtp

import (
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Extensions is what a server offers after EHLO or LHLO.
type Extensions struct {
	Pipelining          bool  `json:"pipelining,omitempty"`          // RFC 2920
	EightBitMIME        bool  `json:"8bitmime,omitempty"`            // RFC 6152
	SMTPUTF8            bool  `json:"smtputf8,omitempty"`            // RFC 6531
	Chunking            bool  `json:"chunking,omitempty"`            // RFC 3030
	DSN                 bool  `json:"dsn,omitempty"`                 // RFC 3461
	EnhancedStatusCodes bool  `json:"enhancedstatuscodes,omitempty"` // RFC 2034
	StartTLS            bool  `json:"starttls,omitempty"`            // RFC 3207
	RequireTLS          bool  `json:"requiretls,omitempty"`          // RFC 8689
	Size                bool  `json:"size,omitempty"`                // RFC 1870
	MaxSize             int64 `json:"max_size,omitempty"`            // in bytes, 0 for no fixed limit
	// Other has the lines of all other keywords, such as "AUTH PLAIN".
	Other []string `json:"other,omitempty"`
}

// DefaultMaxSize is the largest message that a Server takes if it is not told.
const DefaultMaxSize = 50 << 20

// DefaultExtensions is what a Server offers if it is not told: all that asks
// nothing of those behind it. DSN and REQUIRETLS are promises that only they
// can keep; STARTTLS follows from the TLS configuration.
func DefaultExtensions() Extensions {
	return Extensions{
		Pipelining: true, EightBitMIME: true, SMTPUTF8: true, Chunking: true,
		EnhancedStatusCodes: true, Size: true, MaxSize: DefaultMaxSize,
	}
}

func (e *Extensions) flags() [8]struct {
	keyword string
	on      *bool
} {
	return [8]struct {
		keyword string
		on      *bool
	}{
		{"PIPELINING", &e.Pipelining},
		{"8BITMIME", &e.EightBitMIME},
		{"SMTPUTF8", &e.SMTPUTF8},
		{"CHUNKING", &e.Chunking},
		{"DSN", &e.DSN},
		{"ENHANCEDSTATUSCODES", &e.EnhancedStatusCodes},
		{"STARTTLS", &e.StartTLS},
		{"REQUIRETLS", &e.RequireTLS},
	}
}

// ParseExtensions reads the lines of a reply to EHLO after the first. What
// cannot be read is not offered.
func ParseExtensions(lines []string) Extensions {
	var e Extensions
lines:
	for _, line := range lines {
		keyword, arg, _ := strings.Cut(line, " ")
		for _, f := range e.flags() {
			if ascii.EqualFold(keyword, f.keyword) {
				*f.on = true
				continue lines
			}
		}
		switch {
		case ascii.EqualFold(keyword, "SIZE"):
			e.Size = true
			if n, ok := parseSize(ascii.TrimWSP(arg)); ok {
				e.MaxSize = n
			}
		case keyword != "":
			e.Other = append(e.Other, line)
		}
	}
	return e
}

// Lines returns one line for each extension, as in a reply to EHLO.
func (e Extensions) Lines() []string {
	var lines []string
	for _, f := range e.flags() {
		if *f.on {
			lines = append(lines, f.keyword)
		}
	}
	if e.Size {
		line := "SIZE"
		if e.MaxSize > 0 {
			line += " " + strconv.FormatInt(e.MaxSize, 10)
		}
		lines = append(lines, line)
	}
	return append(lines, e.Other...)
}
