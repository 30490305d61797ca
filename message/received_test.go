package message

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

var traceTests = []struct{ name, in, want string }{
	{"postfix", "from mail.a.example (mx.a.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519)\r\n\t(No client certificate requested)\r\n\tby mx.b.example (Postfix) with ESMTPS id 4X\r\n\tfor <b@b.example>; Mon,  1 Jan 2024 00:00:00 +0000 (UTC)", "192.0.2.1 mail.a.example"},
	{"postfix-ipv6", "from mail.a.example (unknown [IPv6:2001:db8::1]) by mx.b.example (Postfix)", "2001:db8::1 mail.a.example"},
	{"postfix-literal", "from [192.0.2.9] (unknown [192.0.2.1]) by mx.b.example (Postfix)", "192.0.2.1 [192.0.2.9]"},
	{"sendmail", "from mail.a.example (root@mx.a.example [192.0.2.1] (may be forged)) by mx.b.example (8.15.2/8.15.2)", "192.0.2.1 mail.a.example"},
	{"sendmail-no-rdns", "from mail.a.example ([192.0.2.1]) by mx.b.example", "192.0.2.1 mail.a.example"},
	{"exim", "from mx.a.example ([192.0.2.1]:4711 helo=mail.a.example)\r\n\tby mx.b.example with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96)", "192.0.2.1 mail.a.example"},
	{"exim-same", "from mx.a.example ([2001:db8::1]) by mx.b.example with esmtp (Exim 4.96)", "2001:db8::1 mx.a.example"},
	{"exim-no-rdns", "from [192.0.2.1] (port=4711 helo=mail.a.example) by mx.b.example", "192.0.2.1 mail.a.example"},
	{"exim-literal", "from [192.0.2.1] by mx.b.example with esmtp", "192.0.2.1 [192.0.2.1]"},
	{"exchange", "from mail.a.example (192.0.2.1) by\r\n MX.b.example (198.51.100.1) with Microsoft SMTP Server (version=TLS1_2,\r\n cipher=X) id 15.20", "192.0.2.1 mail.a.example"},
	{"exchange-ipv6", "from mail.a.example (2001:db8::1) by MX.b.example (2001:db8::2) with Microsoft SMTP Server", "2001:db8::1 mail.a.example"},
	{"gmail", "from mail.a.example (mx.a.example. [192.0.2.1])\r\n        by mx.google.com with ESMTPS id x.1.2024", "192.0.2.1 mail.a.example"},
	{"qmail", "from unknown (HELO mail.a.example) (192.0.2.1)\r\n  by mx.b.example with SMTP; 1 Jan 2024", "192.0.2.1 mail.a.example"},
	{"qmail-user", "from mx.a.example (HELO mail.a.example) (joe@192.0.2.1) by mx.b.example", "192.0.2.1 mail.a.example"},
	{"qmail-same", "from mx.a.example (192.0.2.1) by mx.b.example", "192.0.2.1 mx.a.example"},
	{"yahoo", "from 127.0.0.1  (EHLO mail.a.example) (192.0.2.1)\r\n  by mta1.yahoo.example with SMTP; Fri, 28 Aug 2015 21:47:33 +0000", "192.0.2.1 mail.a.example"},
	{"courier", "from mail.a.example (mx.a.example [::ffff:192.0.2.1]) by mx.b.example with ESMTP", "192.0.2.1 mail.a.example"},
	{"case", "FROM mail.a.example (MX [ipv6:2001:DB8::1]) BY mx.b.example", "2001:db8::1 mail.a.example"},
	{"above", "from mx.b.example by imap.b.example with LMTP id x (envelope-from <a@a.example>); date\r\nReceived: from localhost (localhost [127.0.0.1]) by mx.b.example (amavis, port 10024)\r\nReceived: by mx.b.example (Postfix, from userid 0)\r\nReceived: from mail.a.example (mx.a.example [192.0.2.1]) by mx.b.example", "192.0.2.1 mail.a.example #3"},

	{"local", "by mx.b.example (Postfix, from userid 0)", "invalid IP  message: unreadable trace field: no Received field tells of a client"},
	{"loopback", "from x (localhost [::1]) by y", "invalid IP  message: unreadable trace field: no Received field tells of a client on another host"},
	{"no-address", "from mail.a.example by mx.b.example", `invalid IP mail.a.example message: unreadable trace field: the Received field has no client address: "from mail.a.example by mx.b.example"`},
	{"two-addresses", "from x (a [192.0.2.1]) (b [192.0.2.2]) by y", "invalid IP x message: unreadable trace field: the Received field has several client addresses"},
	{"bad-address", "from x (a [192.0.2.256]) by y", `invalid IP x message: unreadable trace field: the Received field has no client address: "from x (a [192.0.2.256]) by y"`},
	{"zone", "from x (a [fe80::1%eth0]) by y", `invalid IP x message: unreadable trace field: the Received field has no client address: "from x (a [fe80::1%eth0]) by y"`},
	{"open", "from x (a [192.0.2.1] by y", `invalid IP x message: unreadable trace field: the Received field has no client address: "from x (a [192.0.2.1] by y"`},
	{"empty", "", "invalid IP  message: unreadable trace field: no Received field tells of a client"},
	{"only-from", "from", "invalid IP  message: unreadable trace field: no Received field tells of a client"},
}

func showTrace(t Trace, err error) string {
	s := fmt.Sprintf("%v %s", t.IP, t.Helo)
	if t.Received > 0 {
		s += fmt.Sprintf(" #%d", t.Received)
	}
	if err != nil {
		s += " " + err.Error()
	}
	return s
}

func TestTrace(t *testing.T) {
	for _, tt := range traceTests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := ParseHeader([]byte("Received: " + tt.in + "\r\nReturn-Path: <>\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			if got := showTrace(h.Trace()); got != tt.want {
				t.Errorf("\ngot  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestReturnPath(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "Return-Path: <a@b.example>", `"a@b.example"`},
		{"bare", "Return-Path: a@b.example", `"a@b.example"`},
		{"null", "Return-Path: <>", `""`},
		{"route", "Return-Path: <@x.example,@y.example:a@b.example>", `"a@b.example"`},
		{"quoted", `Return-Path: <"a b@c"@b.example>`, `"\"a b@c\"@b.example"`},
		{"utf8", "Return-Path: <gr\u00e5@b.example>", "\"gr\u00e5@b.example\""},
		{"topmost", "Return-Path: <a@b.example>\r\nReturn-Path: <c@d.example>", `"a@b.example"`},
		{"missing", "X: y", `"" message: unreadable trace field: there is no Received field; there is no Return-Path field`},
		{"word", "Return-Path: root", `"" message: unreadable trace field: there is no Received field; Return-Path is not a path: "root"`},
		{"empty", "Return-Path:", `"" message: unreadable trace field: there is no Received field; Return-Path is not a path: ""`},
		{"open", "Return-Path: <a@b.example", `"" message: unreadable trace field: there is no Received field; Return-Path is not a path: "<a@b.example"`},
		{"nul", "Return-Path: <a\x00@b.example>", `"" message: unreadable trace field: there is no Received field; Return-Path is not a path: "<a\x00@b.example>"`},
		{"junk", "Return-Path: <a@b.example> <c@d.example>", `"" message: unreadable trace field: there is no Received field; Return-Path is not a path: "<a@b.example> <c@d.example>"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := ParseHeader([]byte(tt.in + "\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			trace, err := h.Trace()
			got := fmt.Sprintf("%q", trace.MailFrom)
			if err != nil && err.Error() != "message: unreadable trace field: there is no Received field" {
				got += " " + err.Error()
			}
			if got != tt.want {
				t.Errorf("\ngot  %s\nwant %s", got, tt.want)
			}
			if known := !strings.Contains(tt.want, "Return-Path"); trace.NoPath == known {
				t.Errorf("NoPath is %t", trace.NoPath)
			}
		})
	}
}

func FuzzReceived(f *testing.F) {
	for _, tt := range traceTests {
		f.Add([]byte(tt.in))
	}
	f.Add([]byte("from x " + strings.Repeat("(", 1000)))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ParseHeader(append(append([]byte("Received: "), in...), "\r\nReturn-Path: <a@b.example>\r\n"...))
		if err != nil {
			return
		}
		trace, err := h.Trace()
		if err == nil && (!trace.IP.IsValid() || trace.Helo == "" || strings.ContainsAny(trace.Helo+trace.MailFrom, " \r\n")) {
			t.Errorf("got %+v of %q", trace, in)
		}
	})
}

// TestTraceBehind holds whose word is taken for the client of a message that came
// through relays.
func TestTraceBehind(t *testing.T) {
	relay := func(ip netip.Addr) bool { return netip.MustParsePrefix("10.0.0.0/8").Contains(ip) }
	const (
		outside = "Received: from a.example (a.example [192.0.2.1]) by gw1 with ESMTP\r\n"
		forged  = "Received: from b.example (b.example [198.51.100.1]) by gw1 with ESMTP\r\n"
		inner   = "Received: from gw1 (gw1 [10.0.0.1]) by gw2 with ESMTP\r\n"
	)
	for _, row := range []struct{ name, header, want string }{
		{"one", outside + forged, "192.0.2.1 a.example"},
		{"two", inner + outside + forged, "192.0.2.1 a.example #1"},
		{"filter-between", inner + "Received: from localhost (localhost [127.0.0.1]) by gw1\r\n" + outside, "192.0.2.1 a.example #2"},
		{"unreadable", "Received: from ([192.0.2.1]) (x [10.0.0.9]) by gw1\r\n" + forged, `invalid IP by message: unreadable trace field: the Received field has no client address: "from ([192.0.2.1]) (x [10.0.0.9]) by gw1"`},
		{"two-addresses", "Received: from x ([10.0.0.9]) (x [192.0.2.1]) by gw1\r\n" + forged, "invalid IP x message: unreadable trace field: the Received field has several client addresses"},
		{"only-relays", inner, "invalid IP  message: unreadable trace field: no Received field tells of a client that is not a relay"},
		{"none", "From: a\r\n", "invalid IP  message: unreadable trace field: there is no Received field"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, err := ParseHeader([]byte(row.header + "Return-Path: <>\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			if got := showTrace(h.TraceBehind(relay)); got != row.want {
				t.Errorf("\ngot  %s\nwant %s", got, row.want)
			}
		})
	}
}
