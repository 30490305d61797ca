package taglist

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"spaces", " \r\n ", ""},
		{"semicolon", ";", ""},
		{"two", "v=1; a=b", "v=1|a=b"},
		{"trailing", "v=1; ", "v=1"},
		{"folded", " v =\r\n\t1 ;a= b\r\n c", "v=1|a=b\r\n c"},
		{"empty-value", "p=;t=s", "p=|t=s"},
		{"equals-inside", "p=AA==", "p=AA=="},
		{"utf8", "i=grå@x", "i=grå@x"},
		{"case", "a=1;A=2", "a=1|A=2"},
		{"empty-spec", "a=1;;b=2", `error: no = in tag "" at offset 4`},
		{"no-equals", "a=1; b", `error: no = in tag "b" at offset 4`},
		{"duplicate", "a=1; b=2; a=1", `error: duplicate tag "a" at offset 9`},
		{"name-digit", "1a=1", `error: malformed tag name "1a" at offset 0`},
		{"name-space", "a b=1", `error: malformed tag name "a b" at offset 0`},
		{"nul", "a=\x00", `error: malformed tag value "a" at offset 0`},
		{"long-name", strings.Repeat("-", 99) + "=1", `error: malformed tag name "` + strings.Repeat("-", 32) + `..." at offset 0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := Parse(nil, []byte(tt.in))
			got := format(l)
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMaxTags(t *testing.T) {
	var b strings.Builder
	for i := range MaxTags + 1 {
		fmt.Fprintf(&b, "a%d=;", i)
	}
	_, err := Parse(nil, []byte(b.String()))
	var e *Error
	if !errors.As(err, &e) || e.Reason != TooMany {
		t.Errorf("got %v, want %v", err, TooMany)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("v=1; a=rsa-sha256;\r\n d=example.com; b=AA\r\n ==;"))
	f.Add([]byte("v=DMARC1;p=none;;"))
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := Parse(nil, in)
		if err != nil {
			return
		}
		again, err := Parse(nil, []byte(strings.ReplaceAll(format(l), "|", ";")))
		if !strings.Contains(string(in), "|") && (err != nil || format(again) != format(l)) {
			t.Errorf("parse(format(%q)) = %q, %v", format(l), format(again), err)
		}
	})
}

func format(l List) string {
	parts := make([]string, len(l))
	for i, t := range l {
		parts[i] = string(t.Name) + "=" + string(t.Value)
	}
	return strings.Join(parts, "|")
}
