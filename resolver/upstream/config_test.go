package upstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseServer(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"192.0.2.1", "192.0.2.1:53"},
		{"192.0.2.1:5353", "192.0.2.1:5353"},
		{"2001:DB8::1", "[2001:db8::1]:53"},
		{"[2001:db8::1]", "[2001:db8::1]:53"},
		{"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
		{"fe80::1%eth0", "[fe80::1%eth0]:53"},
		{"tls://192.0.2.1", "tls://192.0.2.1:853"},
		{"tls://192.0.2.1#dns.example", "tls://192.0.2.1:853#dns.example"},
		{"tls://[2001:db8::1]:8853#dns.example", "tls://[2001:db8::1]:8853#dns.example"},
		{"", "error"},
		{"dns.example", "error"},
		{"dns.example:53", "error"},
		{"192.0.2.1:0", "error"},
		{"192.0.2.1:99999", "error"},
		{"192.0.2.1:", "error"},
		{"192.0.2.1#name", "error"},
		{"https://192.0.2.1", "error"},
	} {
		s, err := ParseServer(tt.in)
		got := s.String()
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
		if again, err := ParseServer(got); got != "error" && (err != nil || again != s) {
			t.Errorf("%q: reads back as %+v, error %v", got, again, err)
		}
	}
}

func TestParseResolvConf(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"usual", "# by hand\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 ; second\noptions edns0\n", []string{"192.0.2.1:53", "[2001:db8::1]:53"}},
		{"empty", "", []string{"127.0.0.1:53"}},
		{"broken", "nameserver\nnameserver localhost\nnameserver tls://192.0.2.1\n#nameserver 192.0.2.9\n", []string{"127.0.0.1:53"}},
		{"crlf", "nameserver 192.0.2.1\r\n", []string{"192.0.2.1:53"}},
	} {
		servers, err := ParseResolvConf(strings.NewReader(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		want, err := ParseServers(tt.want)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(servers, want); d != "" {
			t.Errorf("%s: got (-), want (+):\n%s", tt.name, d)
		}
	}
}

func FuzzParseServer(f *testing.F) {
	for _, s := range []string{"192.0.2.1:53", "tls://[2001:db8::1]:853#dns.example", "[::1%a]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		srv, err := ParseServer(s)
		if err != nil {
			return
		}
		if again, err := ParseServer(srv.String()); err != nil || again != srv {
			t.Errorf("%q: %+v reads back as %+v, error %v", s, srv, again, err)
		}
	})
}
