package smtp

import (
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/waxseal/waxseal/message"
)

func TestParsePath(t *testing.T) {
	long := strings.Repeat("x", MaxLocalPart)
	for _, tt := range []struct{ in, want string }{
		{"<>", ""},
		{"<a@b.example>", "a@b.example"},
		{"a@b.example", "a@b.example"},
		{"<Joe.Doe+x=y@B.Example>", "Joe.Doe+x=y@b.example"},
		{"<@one.example,@two.example:a@b.example>", "a@b.example"},
		{"<@one.example:>", "error"},
		{"<@one.example,two.example:a@b.example>", "error"},
		{`<"a b"@b.example>`, `"a b"@b.example`},
		{`<"a@b"@b.example>`, `"a@b"@b.example`},
		{`<"a\"b\\"@b.example>`, `"a\"b\\"@b.example`},
		{`<"plain"@b.example>`, `plain@b.example`},
		{`<"a>b"@b.example>`, `"a>b"@b.example`},
		{`<""@b.example>`, "error"},
		{"<\"a\rb\"@b.example>", "error"},
		{"<a..b.@docomo.example>", "a..b.@docomo.example"},
		{"<postmaster>", "postmaster"},
		{"<joe>", "error"},
		{"<a@[192.0.2.1]>", "a@[192.0.2.1]"},
		{"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"},
		{"<a@[2001:db8::1]>", "error"},
		{"<a@[IPv6:192.0.2.1]>", "error"},
		{"<a@[x-tag:text]>", "error"},
		{"<a@[192.0.2.999]>", "error"},
		{"<a@b.example.>", "error"},
		{"<a@b_c.example>", "a@b_c.example"},
		{"<a@>", "error"},
		{"<@b.example>", "error"},
		{"<a@b@c>", "error"},
		{"<a b@c>", "error"},
		{"<a@b.example", "error"},
		{"<a@b.example>x", "error"},
		{"<ü@bücher.example>", "ü@xn--bcher-kva.example"},
		{"<\xff@b.example>", "error"},
		{"<" + long + "@b.example>", long + "@b.example"},
		{"<x" + long + "@b.example>", "error"},
		{"", ""}, // as "<>"
	} {
		p, err := ParsePath(tt.in)
		got := p.String()
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%q: got %q (%v), want %q", tt.in, got, err, tt.want)
		}
		if err == nil && p.check() != nil {
			t.Errorf("%q: does not check: %v", tt.in, p.check())
		}
	}
	if got, want := mustPath("<a@[IPv6:2001:db8::1]>").Addr(), netip.MustParseAddr("2001:db8::1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseReply(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"250 ok\r\n", "250 ok"},
		{"250\r\n", "250"},
		{"250 \r\n", "250"},
		{"250-a\r\n250-2.1.0 b\r\n250 c\r\n", "250 a / 2.1.0 b / c"},
		{"550-5.7.1 a\r\n550-5.7.1 b\r\n550 c\r\n", "550 5.7.1 a / b / c"},
		{"550 4.7.1 a\r\n", "550 4.7.1 a"},
		{"550 5.7.1\r\n", "550 5.7.1"},
		{"550 5.7.1234 a\r\n", "550 5.7.1234 a"},
		{"250 ok\n", "malformed reply"},
		{"250 o\rk\r\n", "malformed reply"},
		{"250_ok\r\n", "malformed reply"},
		{"25 ok\r\n", "malformed reply"},
		{"199 ok\r\n", "malformed reply"},
		{"600 ok\r\n", "malformed reply"},
		{"571 5.7.1 no\r\n", "571 5.7.1 no"},
		{"591 no\r\n", "591 no"},
		{"2x0 ok\r\n", "malformed reply"},
		{"250-a\r\n251 b\r\n", "malformed reply"},
		{"250 a\r\n250 b\r\n", "malformed reply"},
		{"250 a", "connection closed"},
		{"250 " + strings.Repeat("x", MaxReplyLine) + "\r\n", "malformed reply"},
		{strings.Repeat("250-a\r\n", MaxReplyLines) + "250 a\r\n", "reply too long"},
	} {
		r, err := ParseReply([]byte(tt.in))
		got := r.String()
		if err != nil {
			got = string(reasonOf(err))
		}
		if got != tt.want {
			t.Errorf("%q: got %q (%v), want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestReplyAppend(t *testing.T) {
	for _, tt := range []struct {
		r    *Reply
		want string
	}{
		{NewReply(250, EnhancedCode{2, 0, 0}, "a\nb"), "250-2.0.0 a\r\n250 2.0.0 b\r\n"},
		{&Reply{Code: 250}, "250 \r\n"},
		{&Reply{Code: 7}, "200 \r\n"},
		{&Reply{Code: 550, Lines: []string{"a\r\n250 ok", "ü\x00"}}, "550-a??250 ok\r\n550 ???\r\n"},
		{NewReply(550, EnhancedCode{}, strings.Repeat("x", 600)), "550-" + strings.Repeat("x", 506) + "\r\n550 " + strings.Repeat("x", 94) + "\r\n"},
	} {
		if got := string(tt.r.Append(nil)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	r := NewReply(550, EnhancedCode{5, 7, 1}, "no")
	b, err := json.Marshal(r)
	var back Reply
	if err != nil || string(b) != `{"code":550,"enhanced":"5.7.1","lines":["no"]}` || json.Unmarshal(b, &back) != nil || back.String() != r.String() {
		t.Errorf("got %s and %v, %v", b, back, err)
	}
}

func TestParameters(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"FROM:<>", ""},
		{"from: <>  SIZE=1  BODY=7bit ", " SIZE=1 BODY=7BIT"},
		{"FROM:<> SMTPUTF8 REQUIRETLS", " SMTPUTF8 REQUIRETLS"},
		{"FROM:<> SMTPUTF8=1", "malformed parameter"},
		{"FROM:<> SIZE", "malformed parameter"},
		{"FROM:<> SIZE=", "malformed parameter"},
		{"FROM:<> SIZE=-1", "malformed parameter"},
		{"FROM:<> SIZE=00000000000000000001", " SIZE=1"},
		{"FROM:<> SIZE=9999999999999999999", "malformed parameter"},
		{"FROM:<> RET=FULL ENVID=+2B", " RET=FULL ENVID=+2B"},
		{"FROM:<> ENVID=+0D+0A", "malformed parameter"},
		{"FROM:<> ENVID=+2b", "malformed parameter"},
		{"FROM:<> ENVID=" + strings.Repeat("x", 101), "malformed parameter"},
		{"FROM:<>SIZE=1", "malformed path"},
		{"FROM <>", "malformed command"},
		{"FROM:<a@b.example> ENVID=ü", "malformed parameter"},
		{"FROM:<ü@b.example>", "SMTPUTF8 needed"},
		{"FROM:<a@bücher.example>", "SMTPUTF8 needed"},
	} {
		_, o, err := ParseMail(tt.in)
		got := string(o.append(nil, &Extensions{Size: true, EightBitMIME: true, DSN: true}))
		if err != nil {
			got = string(reasonOf(err))
		}
		if got != tt.want {
			t.Errorf("%q: got %q (%v), want %q", tt.in, got, err, tt.want)
		}
	}
	for _, tt := range []struct{ in, want string }{
		{"TO:<a@b.example> NOTIFY=DELAY,success", " NOTIFY=SUCCESS,DELAY"},
		{"TO:<a@b.example> NOTIFY=DELAY,DELAY", "malformed parameter"},
		{"TO:<a@b.example> NOTIFY=", "malformed parameter"},
		{"TO:<a@b.example> ORCPT=rfc822;a+40b", " ORCPT=rfc822;a@b"},
		{"TO:<a@b.example> ORCPT=a", "malformed parameter"},
		{"TO:<a@b.example> ORCPT=;a", "malformed parameter"},
		{`TO:<a@b.example> ORCPT=utf-8;\x{FC}\x{2B}@b`, ` ORCPT=utf-8;\x{FC}\x{2B}@b`},
		{`TO:<a@b.example> ORCPT=utf-8;ü@b`, ` ORCPT=utf-8;\x{FC}@b`},
		{`TO:<a@b.example> ORCPT=utf-8;\x{D}`, "malformed parameter"},
		{`TO:<a@b.example> ORCPT=utf-8;\x{110000}`, "malformed parameter"},
		{"TO:<a@b.example> SIZE=1", "unknown parameter"},
		{"TO:<>", "malformed path"},
	} {
		_, o, err := ParseRcpt(tt.in)
		got := string(o.append(nil, &Extensions{DSN: true}))
		if err != nil {
			got = string(reasonOf(err))
		}
		if got != tt.want {
			t.Errorf("%q: got %q (%v), want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestParseExtensions(t *testing.T) {
	lines := []string{"pipelining", "SIZE 10", "AUTH PLAIN LOGIN", "STARTTLS", "", "Size"}
	want := Extensions{Pipelining: true, StartTLS: true, Size: true, MaxSize: 10, Other: []string{"AUTH PLAIN LOGIN"}}
	got := ParseExtensions(lines)
	diff(t, got, want)
	diff(t, ParseExtensions(got.Lines()), want)
}

func TestTLSRequiredNo(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   bool
	}{
		{"TLS-Required: No\r\n", true},
		{"tls-required:\r\n no \r\n", true},
		{"TLS-Required: Yes\r\n", false},
		{"TLS-Required: No\r\nTLS-Required: No\r\n", false},
		{"Subject: No\r\n", false},
	} {
		h, err := message.ParseHeader([]byte(tt.header))
		if err != nil {
			t.Fatal(err)
		}
		if got := TLSRequiredNo(h); got != tt.want {
			t.Errorf("%q: got %t, want %t", tt.header, got, tt.want)
		}
	}
}

func TestReadProxy(t *testing.T) {
	v2 := func(command, family byte, body string) string {
		return proxyV2Signature + string([]byte{command, family, byte(len(body) >> 8), byte(len(body))}) + body
	}
	for _, tt := range []struct{ name, in, want string }{
		{"v1", "PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\n", "192.0.2.1:1 192.0.2.2:65535"},
		{"v1-six", "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "[2001:db8::1]:1 [2001:db8::2]:2"},
		{"v1-unknown", "PROXY UNKNOWN whatever\r\n", "none"},
		{"v1-mixed", "PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n", "malformed PROXY header"},
		{"v1-port", "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", "malformed PROXY header"},
		{"v1-long", "PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n", "malformed PROXY header"},
		{"v1-lf", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", "malformed PROXY header"},
		{"none", "EHLO x\r\n", "malformed PROXY header"},
		{"v2", v2(0x21, 0x11, "\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02tlv"), "192.0.2.1:1 192.0.2.2:2"},
		{"v2-local", v2(0x20, 0x00, ""), "none"},
		{"v2-unix", v2(0x21, 0x31, strings.Repeat("x", 216)), "none"},
		{"v2-short", v2(0x21, 0x11, "\xc0"), "malformed PROXY header"},
		{"v2-udp", v2(0x21, 0x12, strings.Repeat("x", 36)), "malformed PROXY header"},
		{"v2-command", v2(0x22, 0x11, strings.Repeat("x", 36)), "malformed PROXY header"},
		{"v2-huge", v2(0x21, 0x11, strings.Repeat("x", 5000)), "malformed PROXY header"},
		{"v2-cut", v2(0x21, 0x11, "\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02")[:20], "connection closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReader(iotest.OneByteReader(strings.NewReader(tt.in+"EHLO x\r\n")), nil)
			if strings.HasSuffix(tt.name, "cut") {
				r = newReader(strings.NewReader(tt.in), nil)
			}
			h, err := readProxy(r)
			got := "none"
			if h.src.IsValid() {
				got = h.src.String() + " " + h.dst.String()
			}
			if err != nil {
				got = string(reasonOf(err))
			} else if line, err := r.line(100); string(line) != "EHLO x" {
				t.Errorf("after it: %q, %v", line, err)
			}
			diff(t, got, tt.want)
		})
	}
}

func TestRemoteIP(t *testing.T) {
	c := &Conn{Remote: &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}}
	diff(t, c.RemoteIP().String(), "192.0.2.1")
	c.Remote = &net.UnixAddr{Name: "/x"}
	diff(t, c.RemoteIP().IsValid(), false)
}

// TestTransactionJSON keeps an envelope as a queue does.
func TestTransactionJSON(t *testing.T) {
	tx := Transaction{
		From: Path{},
		To: []Recipient{{
			Path:    mustPath(`"a b"@[192.0.2.1]`),
			Options: RcptOptions{NotifyFailure | NotifyDelay, OriginalRecipient{"rfc822", "x@y.example"}},
		}, {Path: mustPath("c@d.example")}},
		Options: MailOptions{UTF8: true, RequireTLS: true},
	}
	b, err := json.Marshal(tx)
	var back Transaction
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	diff(t, back, tx)
}
