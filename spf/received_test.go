package spf

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

// checkField holds that a field is one field, in lines that SMTP takes.
func checkField(t *testing.T, field string) {
	t.Helper()
	body, ok := strings.CutSuffix(field, "\r\n")
	if !ok || strings.ContainsAny(strings.ReplaceAll(body, "\r\n\t", ""), "\r\n\x00") {
		t.Errorf("not one field: %q", field)
	}
	for line := range strings.SplitSeq(body, "\r\n") {
		if len(line) > 998 { // RFC 5322, Section 2.1.1
			t.Errorf("line of %d bytes: %q", len(line), line)
		}
	}
}

func TestReceived(t *testing.T) {
	zone := `
		example.com. TXT "v=spf1 ip4:192.0.2.1 -include:x.example.com ?include:y.example.com"
		x.example.com. TXT "v=spf1 ip4:192.0.2.2"
		y.example.com. TXT "v=spf1 ip4:192.0.2.3"
	`
	c := Checker{Resolver: newZone(zone), Receiver: "mx.example.org"}
	tests := []struct {
		name, ip, helo, from, want string
	}{
		{"pass", "192.0.2.1", "mail.example.com", "a@example.com", "Received-SPF: pass\r\n" +
			"\t(mx.example.org: example.com allows 192.0.2.1 by ip4:192.0.2.1 in the SPF record of example.com)\r\n" +
			"\treceiver=mx.example.org;\r\n\tclient-ip=192.0.2.1;\r\n\tenvelope-from=\"a@example.com\";\r\n" +
			"\thelo=mail.example.com;\r\n\tidentity=mailfrom;\r\n\tmechanism=\"ip4:192.0.2.1\"\r\n"},
		{"default", "2001:db8::1", "mail.example.com", "a@example.com", "Received-SPF: neutral\r\n" +
			"\t(mx.example.org: no term of the SPF record of example.com matches 2001:db8::1)\r\n" +
			"\treceiver=mx.example.org;\r\n\tclient-ip=\"2001:db8::1\";\r\n\tenvelope-from=\"a@example.com\";\r\n" +
			"\thelo=mail.example.com;\r\n\tidentity=mailfrom;\r\n\tmechanism=default\r\n"},
		{"hostile", "192.0.2.1", "x\r\nEvil: 1 (", "\"a\\\"\r\n;helo=b\u00e9(\"@gone.example", "Received-SPF: none\r\n" +
			"\t(mx.example.org: the domain gone.example does not exist)\r\n" +
			"\treceiver=mx.example.org;\r\n\tclient-ip=192.0.2.1;\r\n\tenvelope-from=\"\\\"a\\\\\\\"??;helo=b\u00e9(\\\"@gone.example\";\r\n" +
			"\thelo=\"x??Evil: 1 (\";\r\n\tidentity=mailfrom\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := Args{IP: netip.MustParseAddr(tt.ip), Helo: tt.helo, MailFrom: tt.from}
			got := c.Received(args, c.CheckHost(context.Background(), args)).String()
			checkField(t, got)
			if got != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestParseReceived(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	tests := []struct {
		name, value string
		want        Received
		ok          bool
	}{
		{
			"rfc7208-9.1", "pass (mybox.example.org: domain of\r\n myname@example.com designates 192.0.2.1 as permitted sender)\r\n receiver=mybox.example.org; client-ip=192.0.2.1;\r\n envelope-from=\"myname@example.com\"; helo=foo.example.com;",
			Received{
				Result: Pass, Comment: "mybox.example.org: domain of myname@example.com designates 192.0.2.1 as permitted sender",
				Receiver: "mybox.example.org", ClientIP: ip, EnvelopeFrom: "myname@example.com", Helo: "foo.example.com",
			},
			true,
		},
		{"bare", " SoftFail", Received{Result: SoftFail}, true},
		{
			"unquoted", "fail client-ip = 192.0.2.1 (c(o)\\)m); envelope-from=<a@b>; identity=helo; x-y=z; mechanism=-all; helo=a; helo=b",
			Received{Result: Fail, ClientIP: ip, EnvelopeFrom: "<a@b>", Identity: Helo, Mechanism: "-all", Helo: "a"},
			true,
		},
		{"quoted-pairs", `permerror problem="a \"b\" \\ c"`, Received{Result: PermError, Problem: `a "b" \ c`}, true},
		{"unknown-result", "great (x)", Received{}, false},
		{"open-comment", "pass (x", Received{}, false},
		{"open-comment-later", "pass helo=a (x", Received{}, false},
		{"open-string", `pass helo="x`, Received{}, false},
		{"no-value", "pass helo=;", Received{}, false},
		{"no-key", "pass =x", Received{}, false},
		{"too-many", "pass" + strings.Repeat(" a=b;", maxReceivedPairs), Received{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := ParseReceived(tt.value)
			if got != tt.want || ok != tt.ok {
				t.Errorf("\n got %+v %t\nwant %+v %t", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzReceived(f *testing.F) {
	f.Add("pass (mx: a \\) b) receiver=mx; client-ip=192.0.2.1; envelope-from=\"a@b\"; helo=c; identity=mailfrom; mechanism=\"ip4:1\"; problem=x")
	f.Add("fail a = (x) b ; ; helo=\"\\\\\"")
	f.Fuzz(func(t *testing.T, value string) {
		r, ok := ParseReceived(value)
		if !ok {
			return
		}
		// Zones mean nothing elsewhere, and values are cut and cleaned when
		// written: stable from the second time on.
		once := r.String()
		checkField(t, once)
		again, ok := ParseReceived(strings.TrimPrefix(once, "Received-SPF:"))
		if !ok {
			t.Fatalf("%q cannot be read", once)
		}
		if len(once) < MaxReceivedValue && again.String() != once {
			t.Errorf("got %q, want %q", again.String(), once)
		}
	})
}
