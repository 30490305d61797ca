package mtasts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/mtasts"
)

func TestParseRecord(t *testing.T) {
	tests := []struct {
		name, in, id string // id "" for an error
	}{
		{"rfc", "v=STSv1; id=20160831085700Z;", "20160831085700Z"},
		{"no-last-semicolon", "v=STSv1;id=1", "1"},
		{"blank-at-end", "v=STSv1; id=1; ", "1"},
		{"tabs", "v=STSv1;\tid=1 \t;", "1"},
		{"extension", "v=STSv1; x-y.z_1=a:b; id=1", "1"},
		{"longest", "v=STSv1; id=" + strings.Repeat("a", 32), strings.Repeat("a", 32)},
		{"too-long-id", "v=STSv1; id=" + strings.Repeat("a", 33), ""},
		{"empty", "", ""},
		{"no-id", "v=STSv1;", ""},
		{"empty-id", "v=STSv1; id=;", ""},
		{"bad-id", "v=STSv1; id=2016-08-31", ""},
		{"two-ids", "v=STSv1; id=1; id=2", ""},
		{"empty-field", "v=STSv1;; id=1", ""},
		{"two-at-end", "v=STSv1; id=1;;", ""},
		{"no-equals", "v=STSv1; id", ""},
		{"upper-version", "V=STSv1; id=1", ""},
		{"other-version", "v=STSv2; id=1", ""},
		{"version-not-first", "id=1; v=STSv1;", ""},
		{"blank-in-version", "v=STSv1 ; id=1", ""},
		{"blank-in-id", "v=STSv1; id=1 2", ""},
		{"blank-round-equals", "v=STSv1; id =1", ""},
		{"bad-extension", "v=STSv1; id=1; x=a=b", ""},
		{"control", "v=STSv1; id=1; x=\x00", ""},
		{"huge", "v=STSv1; id=1; x=" + strings.Repeat("a", 5000), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := mtasts.ParseRecord(tt.in)
			var e *mtasts.Error
			switch {
			case tt.id == "" && (!errors.As(err, &e) || e.Reason != mtasts.RecordInvalid):
				t.Errorf("got %v, %v, want an error", r, err)
			case tt.id != "" && (err != nil || r.ID != tt.id):
				t.Errorf("got %v, %v, want %q", r, err, tt.id)
			}
		})
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z;")
	f.Add("v=STSv1;id=1;x-y=1")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := mtasts.ParseRecord(s)
		if err != nil {
			return
		}
		again, err := mtasts.ParseRecord("v=STSv1; id=" + r.ID + ";")
		if err != nil || *again != *r {
			t.Errorf("got %v, %v, want %v", again, err, r)
		}
	})
}
