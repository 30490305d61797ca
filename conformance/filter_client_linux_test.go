package conformance

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// talker says SMTP to Postfix word by word.
type talker struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// talk connects from an address to a door of Postfix and says EHLO.
func talk(t *testing.T, from, port string) *talker {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	conn, err := d.Dial("tcp", net.JoinHostPort(postfixHost, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	k := &talker{t: t, conn: conn, in: bufio.NewReader(conn)}
	k.reply()
	k.must("250", "EHLO mx.bank.signed")
	return k
}

// say sends a line, or several at once, and returns the reply to the first.
func (k *talker) say(lines ...string) string {
	k.t.Helper()
	k.write(strings.Join(lines, "\r\n") + "\r\n")
	return k.reply()
}

// must is say where the reply is not what the test is about.
func (k *talker) must(want string, lines ...string) {
	k.t.Helper()
	if r := k.say(lines...); !strings.HasPrefix(r, want) {
		k.t.Fatalf("%.80q: got %q, want %q", lines, r, want)
	}
}

func (k *talker) write(text string) {
	k.t.Helper()
	_ = k.conn.SetWriteDeadline(time.Now().Add(2 * time.Minute))
	if _, err := io.WriteString(k.conn, text); err != nil {
		k.t.Fatal(err)
	}
}

// reply returns the next reply; its lines are joined by a space, each but the first
// without its codes.
func (k *talker) reply() string {
	k.t.Helper()
	_ = k.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	var text string
	for {
		line, err := k.in.ReadString('\n')
		if err != nil {
			k.t.Fatalf("after %q: %v", text, err)
		}
		line = strings.TrimRight(line, "\r\n")
		more := len(line) > 3 && line[3] == '-'
		if text == "" {
			text = strings.Replace(line, "-", " ", 1)
		} else if len(line) > 4 {
			text += " " + strings.TrimLeft(line[4:], "0123456789. ")
		}
		if !more {
			return text
		}
	}
}

// envelope says MAIL and RCPT; each recipient is in rcpt.signed.
func (k *talker) envelope(from string, to ...string) {
	k.t.Helper()
	k.must("250", "MAIL FROM:<"+from+">")
	for _, local := range to {
		k.must("250", "RCPT TO:<"+local+"@rcpt.signed>")
	}
}

// data sends a message as it is, its dots doubled, and returns the reply to its end.
func (k *talker) data(text string) string {
	k.t.Helper()
	k.must("354", "DATA")
	k.write(stuffed(text) + ".\r\n")
	return k.reply()
}

// stuffed doubles the dots at the beginning of lines (RFC 5321, Section 4.5.2),
// also of those that only Postfix takes for lines.
func stuffed(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n.", "\n.."), "\n")
}

// send sends a message to ann and returns the reply to its end.
func (k *talker) send(from, text string) string {
	k.t.Helper()
	k.envelope(from, "ann")
	return k.data(text)
}

// startTLS begins TLS and says EHLO again.
func (k *talker) startTLS() {
	k.t.Helper()
	k.must("220", "STARTTLS")
	conn := tls.Client(k.conn, &tls.Config{InsecureSkipVerify: true}) // which server it is does not matter here
	if err := conn.HandshakeContext(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	k.conn, k.in = conn, bufio.NewReader(conn)
	k.must("250", "EHLO mx.bank.signed")
}

// queued returns the queue id in the reply to a message.
func queued(t *testing.T, reply string) string {
	t.Helper()
	_, id, ok := strings.Cut(reply, "queued as ")
	if !ok {
		t.Fatalf("not queued: %q", reply)
	}
	return id
}

// sameText compares long texts and shows where they part.
func sameText(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	const around = 300
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-around)
	t.Errorf("%s: %d bytes, want %d, other from byte %d on\n got %q\nwant %q", what, len(got), len(want), at,
		got[from:min(len(got), at+around)], want[from:min(len(want), at+around)])
}
