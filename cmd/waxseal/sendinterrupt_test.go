package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// TestSendInterrupted holds that who gives up is told what the server may know.
func TestSendInterrupted(t *testing.T) {
	for _, row := range []struct{ name, at, want string }{
		{"before", "greeting", "Interrupted. Nothing of the message was said to mx.x.example.\n"},
		{"envelope", "RCPT", "Interrupted. The message was not sent to mx.x.example; it knows sender and recipients at most.\n"},
		{"message", ".", "Interrupted. The message was on its way to mx.x.example: if all of it had been sent, it may be delivered all the same.\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go silentAt(l, row.at, cancel)
			dir := t.TempDir()
			zone, mail := dir+"/zone", dir+"/mail"
			os.WriteFile(zone, []byte("x.example. MX 10 mx.x.example.\nmx.x.example. A 127.0.0.1\n"), 0o600)
			os.WriteFile(mail, []byte("From: a@out.example\n\nhello\n"), 0o600)
			_, port, _ := net.SplitHostPort(l.Addr().String())
			var out, errs strings.Builder
			code := run(ctx, []string{
				"send", "--from", "a@out.example", "--to", "b@x.example", "--zone", zone, "--port", port, mail,
			}, stdio{out: &out, err: &errs})
			if code != exitFailed || !strings.HasPrefix(out.String(), row.want) || errs.String() != "waxseal: interrupted\n" {
				t.Errorf("%d, %s\n%s", code, out.String(), errs.String())
			}
		})
	}
}

// silentAt serves one client until it comes to a verb; then it says nothing more.
func silentAt(l net.Listener, verb string, silent func()) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	defer silent()
	if verb == "greeting" {
		silent()
		io.Copy(io.Discard, c)
		return
	}
	io.WriteString(c, "220 hi\r\n")
	in := bufio.NewScanner(c)
	for in.Scan() {
		switch word, _, _ := strings.Cut(in.Text(), " "); {
		case word == verb:
			silent()
			io.Copy(io.Discard, c) // until it hangs up
			return
		case word == "DATA":
			io.WriteString(c, "354 go on\r\n")
		case word == "EHLO" || word == "MAIL" || word == "RCPT":
			io.WriteString(c, "250 ok\r\n")
		}
	}
}
