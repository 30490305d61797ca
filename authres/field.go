// Package authres parses and formats Authentication-Results header fields (RFC
// 8601, with the UTF-8 of RFC 8616) and finds those that a sender forged.
//
// Methods, results and properties are plain text here: those registered for
// ARC (RFC 8617) or dnswl (RFC 8904) as well as those nobody knows. Parse
// follows the grammar and beyond it takes what large mail systems write: a
// field without authserv-id and properties without a type (Microsoft), values
// with characters that should be quoted (Google), a comment that touches a
// result, a last semicolon with nothing behind it (Yahoo). It refuses what
// could give a value to the wrong name. What it formats is strict.
package authres

import (
	"fmt"
)

// FieldName is the name of the header field.
const FieldName = "Authentication-Results"

// Limits on a stranger's field. RFC 8601 sets none.
const (
	MaxFieldBytes   = 64 << 10
	MaxResults      = 500 // results of one field
	MaxProps        = 100 // properties of one result
	MaxCommentDepth = 20  // comments in comments
)

// Field is the payload of an Authentication-Results field. All keywords are in
// lower case.
type Field struct {
	AuthServID string   `json:"authserv_id"` // unquoted; "" if the field has none
	Version    int      `json:"version,omitempty"`
	Results    []Result `json:"results"` // none: no authentication was done
}

// Result is one method with what it found (RFC 8601, Section 2.2, resinfo). A
// Version of 0, here and in Field, was not written and means 1.
type Result struct {
	Method        string `json:"method"` // "dkim"
	MethodVersion int    `json:"method_version,omitempty"`
	Value         string `json:"result"`            // "pass"
	Reason        string `json:"reason,omitempty"`  // unquoted
	Comment       string `json:"comment,omitempty"` // the first one, without its parentheses, white space collapsed
	Props         []Prop `json:"props,omitempty"`
}

// Prop is one property (RFC 8601, Section 2.3), such as header.d=example.com.
type Prop struct {
	Type  string `json:"type,omitempty"` // "header"; "" where the field has none
	Name  string `json:"name"`           // "d"
	Value string `json:"value"`          // unquoted, but a quoted local part keeps its quotes
}

// Prop returns the value of the first property of that type and name and
// whether there is one.
func (r *Result) Prop(typ, name string) (string, bool) {
	for i := range r.Props {
		if r.Props[i].Type == typ && r.Props[i].Name == name {
			return r.Props[i].Value, true
		}
	}
	return "", false
}

// Reason says why a field cannot be read.
type Reason string

// The reasons.
const (
	TooLarge       Reason = "field over 65536 bytes"
	TooManyResults Reason = "over 500 results"
	TooManyProps   Reason = "over 100 properties"
	DeepComment    Reason = "comments nested over 20 deep"
	OpenComment    Reason = "comment is not closed"
	OpenQuote      Reason = "quoted string is not closed"
	BadCharacter   Reason = "character that is not allowed there"
	TouchingText   Reason = "text or comment touches a value"
	NoAuthServID   Reason = "no authserv-id"
	BadVersion     Reason = "malformed version"
	BadResult      Reason = "malformed result"
	BadProperty    Reason = "malformed property"
)

// Error is returned for a field that cannot be read.
type Error struct {
	Reason Reason
	Offset int // in the value, in bytes
}

func (e *Error) Error() string {
	return fmt.Sprintf("authres: %s at offset %d", e.Reason, e.Offset)
}
