package policyhost

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestEnter(t *testing.T) {
	l := &limited{most: 8}
	client := func(s string) netip.Prefix {
		return clientOf(net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(s), 1234)))
	}
	for _, row := range []struct {
		name, addr string
		want       bool
	}{
		{"first", "192.0.2.1", true},
		{"second", "::ffff:192.0.2.1", true},
		{"over-its-share", "192.0.2.1", false},
		{"neighbour", "192.0.2.2", true},
		{"v6", "2001:db8:0:1::1", true},
		{"v6-same-customer", "2001:db8:0:1::2", true},
		{"v6-over-its-share", "2001:db8:0:1:ffff::", false},
		{"v6-other-customer", "2001:db8:0:2::1", true},
		{"seventh", "192.0.2.3", true},
		{"eighth", "192.0.2.4", true},
		{"full", "192.0.2.5", false},
	} {
		if got := l.enter(client(row.addr)); got != row.want {
			t.Errorf("%s: got %t", row.name, got)
		}
	}
	l.leave(client("192.0.2.1"))
	if !l.enter(client("192.0.2.5")) {
		t.Error("no place after one has left")
	}
	for _, addr := range []string{"192.0.2.1", "192.0.2.2", "2001:db8:0:1::", "2001:db8:0:1::", "2001:db8:0:2::", "192.0.2.3", "192.0.2.4", "192.0.2.5"} {
		l.leave(client(addr))
	}
	if l.open != 0 || len(l.of) != 0 {
		t.Errorf("all have left, but %d are there: %v", l.open, l.of)
	}
}

// closed reports whether the other end closes a connection soon.
func closed(t *testing.T, c net.Conn) bool {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, err := io.Copy(io.Discard, c)
	netErr, ok := err.(net.Error)
	return !ok || !netErr.Timeout()
}

// TestLife holds that a connection ends however busy it is kept.
func TestLife(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &limited{Listener: inner, most: 4, life: 20 * time.Millisecond, refused: new(atomic.Int64)}
	defer l.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if !closed(t, client) {
		t.Error("still open")
	}
	conn.Close()
	conn.Close() // leaves once
	if l.open != 0 {
		t.Errorf("%d are there", l.open)
	}
}

// TestHostile holds that those who hold connections, or send what is no TLS, keep
// nobody else out and fill no log.
func TestHostile(t *testing.T) {
	h := newHost(t)
	h.s.Connections = 16 // four of one client
	h.serve()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", strings.Repeat("\xff", 70000), "\x16\x03\x01\xff\xff" + strings.Repeat("x", 70000), "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"} {
		c := dial()
		_, _ = io.WriteString(c, text)
		if !closed(t, c) {
			t.Errorf("%.20q: the connection stays", text)
		}
	}
	var silent []net.Conn
	for range 4 {
		silent = append(silent, dial())
	}
	if !closed(t, dial()) {
		t.Error("a fifth connection was taken")
	}
	h.log.take(t)
	h.s.check()
	if got := h.log.take(t); len(got) != 1 || got[0] != "MTA-STS host: connections refused, there were too many" {
		t.Errorf("the operator hears %q", got)
	}
	silent[0].Close()
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := tls.Dial("tcp", h.addr, &tls.Config{RootCAs: h.ca.Pool(), ServerName: "mta-sts.a.example"})
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no place came free")
		}
	}
	if got := h.log.take(t); len(got) != 0 {
		t.Errorf("a stranger writes to the log: %q", got)
	}
}

func TestFaults(t *testing.T) {
	for _, row := range []struct{ name, line, want string }{
		{"handshake", "http: TLS handshake error from 192.0.2.1:1: EOF\n", "DEBUG"},
		{"accept", "http: Accept error: too many open files; retrying in 5ms\n", "WARN"},
		{"panic", "http: panic serving 192.0.2.1:1: oh " + strings.Repeat("stack ", 200) + "end\n", `ERROR`},
		{"long", "http: TLS handshake error from 192.0.2.1:1: " + strings.Repeat("x", 70000) + "\n", "DEBUG"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var n notes
			if _, err := (faults{n.logger()}).Write([]byte(row.line)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(n.text.Bytes(), []byte(`"level":"`+row.want+`"`)) {
				t.Errorf("got %s", n.text.Bytes())
			}
			if whole := bytes.Contains(n.text.Bytes(), []byte("end\"")); n.text.Len() > 1000 && !whole {
				t.Errorf("%d bytes in the log", n.text.Len())
			}
		})
	}
}

func FuzzHostOf(f *testing.F) {
	for _, s := range []string{"mta-sts.a.example:443", "MTA-STS.A.EXAMPLE.", ":", "[::1]:1", "a:b:c", "..", "\u212a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host := hostOf(s)
		if again := hostOf(host); again != strings.TrimSuffix(host, ".") {
			t.Errorf("%q: %q, then %q", s, host, again)
		}
		if len(host) > len(s) {
			t.Errorf("%q: %q", s, host)
		}
	})
}
