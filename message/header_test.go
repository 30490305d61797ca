package message

import (
	"errors"
	"strings"
	"testing"
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
