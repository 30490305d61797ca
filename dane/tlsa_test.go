package dane_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/dane"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, in, want string
		reason         dane.Reason
	}{
		{"plain", "3 1 1 0a0B", "3 1 1 0a0b", ""},
		{"blanks", "  2\t0 2  0A 0b\r\n 0C ", "2 0 2 0a0b0c", ""},
		{"unusable-is-fine", "255 9 7 00", "255 9 7 00", ""},
		{"empty", "", "", dane.Incomplete},
		{"no-data", "3 1 1", "", dane.Incomplete},
		{"no-data-blank", "3 1 1 ", "", dane.Incomplete},
		{"big-number", "256 1 1 00", "", dane.BadNumber},
		{"negative", "-1 1 1 00", "", dane.BadNumber},
		{"signed", "+3 1 1 00", "", dane.BadNumber},
		{"odd", "3 1 1 000", "", dane.BadHex},
		{"not-hex", "3 1 1 zz", "", dane.BadHex},
		{"too-long", "3 1 1 " + strings.Repeat("00", 65536), "", dane.TooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := dane.Parse(tt.in)
			if tt.reason != "" {
				var e *dane.Error
				if !errors.As(err, &e) || e.Reason != tt.reason {
					t.Fatalf("got %v, want %s", err, tt.reason)
				}
				return
			}
			if err != nil || r.String() != tt.want {
				t.Errorf("got %q, %v, want %q", r, err, tt.want)
			}
		})
	}
}

func FuzzTLSA(f *testing.F) {
	f.Add("3 1 1 0a0b", []byte("\x30\x00"))
	f.Add("2 0 0 3000", []byte{0x30, 3, 2, 1, 1})
	f.Fuzz(func(t *testing.T, s string, data []byte) {
		r, err := dane.Parse(s)
		if err == nil {
			again, err := dane.Parse(r.String())
			if err != nil || again.String() != r.String() {
				t.Fatalf("got %q, %v, want %q", again, err, r)
			}
			if !bytes.Equal(again.Data, r.Data) {
				t.Fatal("data changed")
			}
		}
		r.Data = data
		for r.Usage = 0; r.Usage < 5; r.Usage++ {
			r.Unusable()
		}
	})
}
