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
