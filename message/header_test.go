package message

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/internal/ascii"
)

func TestParseHeader(t *testing.T) {
	raw := "From: a@b.example\r\nSubject :folded\r\n\tline\r\nnonsense\r\nX-Lf: a\nTo: c\r\nEmpty:\r\nLast: no end"
	h, err := ParseHeader([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"From| a@b.example", "Subject|folded\r\n\tline", "|nonsense",
		"X-Lf| a\nTo: c", "Empty|", "Last| no end",
	}
	var got []string
	for i := range h.Fields {
		got = append(got, string(h.Fields[i].Name())+"|"+string(h.Fields[i].Value()))
	}
	if strings.Join(got, "#") != strings.Join(want, "#") {
		t.Errorf("got %q, want %q", got, want)
	}
	if !h.Fields[1].SpaceBeforeColon() || h.Fields[0].SpaceBeforeColon() || !h.Fields[2].Malformed() || h.Fields[4].Malformed() {
		t.Errorf("marks are wrong: %v", h.Fields)
	}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     Reason
	}{
		{"fields", strings.Repeat("A: b\r\n", MaxFields+1), TooManyFields},
		{"field", "A: " + strings.Repeat("b\r\n ", MaxFieldBytes/4) + "\r\n", FieldTooLarge},
		{"header", strings.Repeat("A: "+strings.Repeat("b", 997)+"\r\n", MaxHeaderBytes/1000), HeaderTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseHeader([]byte(tt.in))
			var e *Error
			if !errors.As(err, &e) || e.Reason != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestLooksLike(t *testing.T) {
	for _, tt := range []struct {
		name, in     string
		looks, hides bool
	}{
		{"exact", "from: x", true, false},
		{"spaced", "From\t: x", true, false},
		{"nul", "From\x00: x", true, false},
		{"utf8", "\u200bFrom: x", true, false},
		{"longer", "From-X: x", false, false},
		{"shorter", "Fro: x", false, false},
		{"nothing", "\x01\x02\x03\x04\x05: x", false, false},
		{"no-colon", "From", false, false},
		{"behind-lf", "X: y\nfrom: x", false, true},
		{"behind-cr", "X: y\rFrom : x", false, true},
		{"behind-lf-other", "X: y\nFromage: x", false, false},
		{"folded", "X: y\r\n From: x", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parseField([]byte(tt.in + "\r\n"))
			if looks, hides := f.LooksLike("From"), f.Hides("From"); looks != tt.looks || hides != tt.hides {
				t.Errorf("got %v %v, want %v %v", looks, hides, tt.looks, tt.hides)
			}
		})
	}
}

func TestCount(t *testing.T) {
	h, err := ParseHeader([]byte("To: a\r\nCc: b\r\ntO: c\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if h.Count("to") != 2 || h.First("TO") != &h.Fields[0] || h.Count("From") != 0 || h.First("From") != nil {
		t.Errorf("got %d %v %d %v", h.Count("to"), h.First("TO"), h.Count("From"), h.First("From"))
	}
}

// The fields of a header are its bytes, none left out and none twice.
func FuzzParseHeader(f *testing.F) {
	f.Add([]byte("From: a@b.example\r\nSubject :folded\r\n\tline\r\nnonsense\r\nX-Lf: a\nTo: c\r\nEmpty:\r\nLast: no end"))
	f.Add([]byte("\r\n\r\n:\r\n : \r\n\x00:\xff\r"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ParseHeader(in)
		if err != nil {
			return
		}
		var all []byte
		for i := range h.Fields {
			field := &h.Fields[i]
			all = append(all, field.Raw...)
			if got := fmt.Sprintf("%s%s", field.Name(), field.Value()); len(got) > len(field.Raw) {
				t.Errorf("%q is longer than its field %q", got, field.Raw)
			}
			if i > 0 && ascii.IsWSP(field.Raw[0]) {
				t.Errorf("field %d begins with a continuation line: %q", i, field.Raw)
			}
			if field.Is("From") && !field.LooksLike("From") {
				t.Errorf("%q does not look like itself", field.Raw)
			}
		}
		if !bytes.Equal(all, in) {
			t.Errorf("got %q, want %q", all, in)
		}
	})
}

func BenchmarkParseHeader(b *testing.B) {
	in := []byte(strings.Repeat("Received: from x by y with z;\r\n\tsome date of the day\r\nSubject: hello\r\n", 20))
	var h *Header
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		h, _ = AppendHeader(h, in)
	}
}
