package resolver

import "testing"

func TestCanonicalName(t *testing.T) {
	tests := []struct{ name, want string }{
		{"Example.COM.", "example.com"},
		{"example", "example"},
		{".", "."},
		{"", ""},
		{`a\.`, `a\.`},
		{`a\\.`, `a\\`},
		{`a\\\.`, `a\\\.`},
		{`a\032.`, `a\032`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := CanonicalName(tt.name); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
