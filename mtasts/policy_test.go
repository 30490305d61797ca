package mtasts_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
)

func TestParsePolicy(t *testing.T) {
	valid := func(m mtasts.Mode, age int64, mx ...string) *mtasts.Policy {
		return &mtasts.Policy{Version: "STSv1", Mode: m, MX: append([]string{}, mx...), MaxAge: age}
	}
	warned := func(p *mtasts.Policy, w ...string) *mtasts.Policy { p.Warnings = w; return p }
	tests := []struct {
		name, in string
		want     *mtasts.Policy
		err      string // what the error says at its end
	}{
		{
			"rfc", "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmx: backupmx.example.com\nmax_age: 604800\n",
			valid(mtasts.Enforce, 604800, "mail.example.com", "*.example.net", "backupmx.example.com"), "",
		},
		{"crlf", "version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmax_age: 1\r\n", valid(mtasts.Testing, 1, "a.example"), ""},
		{"no-last-newline", "version:STSv1\nmode:testing\nmx:\t a.example  \nmax_age: 0", valid(mtasts.Testing, 0, "a.example"), ""},
		{"case-and-dot", "version: STSv1\nmode: testing\nmx: *.A.Example.\nmax_age: 1", valid(mtasts.Testing, 1, "*.a.example"), ""},
		{"none-without-mx", "version: STSv1\nmode: none\nmax_age: 86400\n", valid(mtasts.NoMode, 86400), ""},
		{"any-order", "max_age: 1\nmx: a.example\nmode: enforce\nversion: STSv1\n", valid(mtasts.Enforce, 1, "a.example"), ""},
		{
			"unknown-key", "version: STSv1\nmode: enforce\nx-y: ü:\nmx: a.example\nmax_age: 1\n",
			warned(valid(mtasts.Enforce, 1, "a.example"), `line 3: the key "x-y" is unknown and ignored`), "",
		},
		{
			"first-wins", "version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 1\nmax_age: x\n",
			warned(valid(mtasts.Enforce, 1, "a.example"), "line 3: a second mode is ignored", "line 6: a second max_age is ignored"), "",
		},
		{
			"capped", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9999999999\n",
			warned(valid(mtasts.Enforce, 31557600, "a.example"), "line 4: max_age is over the maximum and counts as 31557600"), "",
		},
		{
			"empty-line", "version: STSv1\n\nmode: enforce\nmx: a.example\nmax_age: 1",
			warned(valid(mtasts.Enforce, 1, "a.example"), "line 2: the line is empty"), "",
		},
		{
			"address-dropped", "version: STSv1\nmode: enforce\nmx: 192.0.2.1\nmx: a.example\nmx: 2001:db8::1\nmax_age: 1",
			warned(valid(mtasts.Enforce, 1, "a.example"), `line 3: mx "192.0.2.1" is not a host name in A-labels and is ignored`,
				`line 5: mx "2001:db8::1" is not a host name in A-labels and is ignored`), "",
		},
		{"only-addresses", "version: STSv1\nmode: enforce\nmx: 192.0.2.1\nmax_age: 1", nil, "no mx is a host name"},
		{"wildcard-inside", "version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1", nil, "no mx is a host name"},
		{"bare-wildcard", "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1", nil, "no mx is a host name"},
		{"no-mx", "version: STSv1\nmode: enforce\nmax_age: 1", nil, "there is no mx"},
		{"empty-mx", "version: STSv1\nmode: enforce\nmx:\nmax_age: 1", nil, "no mx is a host name"},
		{"empty", "", nil, "there is no version"},
		{"no-mode", "version: STSv1\nmx: a.example\nmax_age: 1", nil, "there is no mode"},
		{"no-max-age", "version: STSv1\nmode: none", nil, "there is no max_age"},
		{"bad-version", "version: STSv2\nmode: none\nmax_age: 1", nil, `line 1: the version is "STSv2", not STSv1`},
		{"bad-mode", "version: STSv1\nmode: Enforce\nmax_age: 1", nil, `line 2: the mode is "Enforce", not enforce, testing or none`},
		{"negative-age", "version: STSv1\nmode: none\nmax_age: -1", nil, `line 3: max_age is "-1", not 1 to 10 digits`},
		{"signed-age", "version: STSv1\nmode: none\nmax_age: +1", nil, `line 3: max_age is "+1", not 1 to 10 digits`},
		{"long-age", "version: STSv1\nmode: none\nmax_age: 00000000001", nil, `line 3: max_age is "00000000001", not 1 to 10 digits`},
		{"upper-key", "Version: STSv1\nmode: none\nmax_age: 1", nil, "there is no version"},
		{"html", "<!DOCTYPE html>\n<title>x</title>", nil, `line 1: "<!DOCTYPE html>" is no key and value`},
		{"blank-key", "version : STSv1", nil, `line 1: "version : STSv1" is no key and value`},
		{"not-utf8", "version: STSv1\nx: \xff", nil, "not UTF-8"},
		{"bare-cr", "version: STSv1\rmode: none\rmax_age: 1", nil, `line 1: the version is "STSv1\rmode: none\rmax_age: 1", not STSv1`},
		{"too-large", "version: STSv1\nx: " + strings.Repeat("a", 65536), nil, "over 64 KB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := mtasts.ParsePolicy([]byte(tt.in))
			if diff := cmp.Diff(p, tt.want); diff != "" {
				t.Errorf("%s (%v)", diff, err)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.HasSuffix(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestPolicyMatch(t *testing.T) {
	p := &mtasts.Policy{MX: []string{"mail.example.com", "*.example.net"}}
	tests := []struct{ name, host, want string }{
		{"exact", "mail.example.com", "mail.example.com"},
		{"case-and-dot", "Mail.Example.COM.", "mail.example.com"},
		{"wildcard", "a.example.net", "*.example.net"},
		{"two-labels", "a.b.example.net", ""},
		{"no-label", "example.net", ""},
		{"suffix-of-label", "a.xexample.net", ""},
		{"other", "mail.example.org", ""},
		{"below-exact", "a.mail.example.com", ""},
		{"literal-star", "*.example.net", "*.example.net"},
		{"empty", "", ""},
		{"leading-dot", ".example.net", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := p.Match(tt.host); got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %t, want %q", got, ok, tt.want)
			}
		})
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte("version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n"))
	f.Add([]byte("version: STSv1\r\nmode: none\r\nmax_age: 99999999999\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := mtasts.ParsePolicy(body)
		if err != nil {
			return
		}
		again, err := mtasts.ParsePolicy([]byte(p.String()))
		p.Warnings = nil
		if err != nil || cmp.Diff(again, p) != "" {
			t.Errorf("got %+v, %v, want %+v", again, err, p)
		}
		p.Match("mail.example.com")
	})
}
