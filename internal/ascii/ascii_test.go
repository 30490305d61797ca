package ascii

import "testing"

func TestTrim(t *testing.T) {
	for _, tt := range []struct{ in, wsp, fws string }{
		{"", "", ""},
		{" \t", "", ""},
		{" a b\t", "a b", "a b"},
		{"\r\n a\r\n", "\r\n a\r\n", "a"},
		{"\fa\u00a0", "\fa\u00a0", "\fa\u00a0"}, // form feed and NBSP are not white space
	} {
		if got := TrimWSP(tt.in); got != tt.wsp {
			t.Errorf("TrimWSP(%q) = %q, want %q", tt.in, got, tt.wsp)
		}
		if got := string(TrimFWS([]byte(tt.in))); got != tt.fws {
			t.Errorf("TrimFWS(%q) = %q, want %q", tt.in, got, tt.fws)
		}
	}
}

func TestEqualFold(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"From", "fROM", true},
		{"From", "Form", false},
		{"a", "ab", false},
		{"K", "\u212a", false}, // KELVIN SIGN folds to k in Unicode, not here
		{"[", "{", false},
	} {
		if got := EqualFold(tt.a, []byte(tt.b)); got != tt.want {
			t.Errorf("EqualFold(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestAppendWithoutFWS(t *testing.T) {
	if got := string(AppendWithoutFWS(nil, " a\r\n\tb c ")); got != "abc" {
		t.Errorf("got %q, want %q", got, "abc")
	}
	if got := ToLower("ABC\u00c9z"); got != "abc\u00c9z" {
		t.Errorf("got %q", got)
	}
}
