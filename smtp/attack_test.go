package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSmuggling sends a message in which something that is not CRLF.CRLF stands
// before a second envelope. No variant may end the message; all but those made
// of whole CRLFs are refused.
func TestSmuggling(t *testing.T) {
	const second = `MAIL FROM:<ceo@victim.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\nevil`
	for _, tt := range []struct {
		name, end string
		reason    Reason
	}{
		{"lf-dot-lf", `\n.\n`, BareLF},
		{"lf-dot-crlf", `\n.\r\n`, BareLF},
		{"crlf-dot-lf", `\r\n.\n`, BareLF},
		{"cr-dot-cr", `\r.\r`, BareCR},
		{"cr-dot-crlf", `\r.\r\n`, BareCR},
		{"crlf-dot-cr", `\r\n.\r`, BareCR},
		{"crcrlf-dot-crlf", `\r\r\n.x\r\n`, BareCR}, // the dot line itself would be a true end
		{"crlf-dot-crcrlf", `\r\n.\r\r\n`, BareCR},
		{"lf-cr-dot-cr-lf", `\n\r.\r\n\r`, BareLF},
		{"nul", `\r\n.\0\r\n`, ""},
		{"dot-space", `\r\n. \r\n`, ""},
	} {
		for _, verb := range []string{"DATA", "BDAT"} {
			t.Run(tt.name+"-"+verb, func(t *testing.T) {
				h := &recorder{}
				script := toData + "C- text" + tt.end + second + "\nC: \nC: ."
				if verb == "BDAT" {
					raw := "text" + tt.end + second
					n := len(raw) - strings.Count(raw, `\`)
					script = toBdat + fmt.Sprintf("C: BDAT %d LAST\nC- %s", n, raw)
				}
				want := "250 2.0.0 message accepted"
				if tt.reason != "" {
					want = "554 5.6.0 " + string(tt.reason) + " in message: lines end with CRLF and have no other CR or LF"
				}
				talk(t, &Server{}, h, script+"\nS: "+want+quit)
				if n := strings.Count(strings.Join(h.events, "|"), "mail <"); n != 1 {
					t.Errorf("the session was told of %d transactions: %q", n, h.events)
				}
			})
		}
	}
}

// TestTrueEnd holds that the one true end is one, so that what stands behind it
// is a second transaction: a client that may pipeline may send this.
func TestTrueEnd(t *testing.T) {
	diff(t, talk(t, &Server{}, &recorder{}, toData+`C: a
		C: .
		C: NOOP
		S: 250 2.0.0 message accepted
		S: 250 2.0.0 ok`+quit), begun(`data "a\r\n" <nil>`, "reset", "close"))
}

// TestRefusedBytes has what ends a connection at once.
func TestRefusedBytes(t *testing.T) {
	early := "S: 554 5.5.0 you sent data before it was your turn\nS: EOF"
	greeting := "S: 220 mx.example ESMTP\n"
	for _, tt := range []struct{ name, script string }{
		{"bare-lf", greeting + `C- NOOP\n
			S: 500 5.5.2 bare LF: lines end with CRLF and have no other CR or LF
			S: EOF`},
		{"bare-lf-inside", greeting + `C: NOOP\nMAIL FROM:<>
			S: 500 5.5.2 bare LF: lines end with CRLF and have no other CR or LF
			S: EOF`},
		{"bare-cr", greeting + `C: NOOP\rMAIL FROM:<>
			S: 500 5.5.2 bare CR: lines end with CRLF and have no other CR or LF
			S: EOF`},
		{"long-line", greeting + "C: NOOP " + strings.Repeat("x", 3000) + `
			S: 500 5.5.2 line too long
			S: EOF`},
		{"endless-line", greeting + "C- " + strings.Repeat("x", 100_000) + `
			S: 500 5.5.2 line too long
			S: EOF`},
		{"pipelined-ehlo", greeting + "C: EHLO x\nC: MAIL FROM:<>\n" + early},
		{"pipelined-helo", greeting + "C: NOOP\nC: NOOP\n" + early},
		{"pipelined-data", hello + `C: MAIL FROM:<>
			C: RCPT TO:<a@b.example>
			C: DATA
			C: the message
			C: .
			S: 250 2.1.0 sender ok
			S: 250 2.1.5 recipient ok
			` + early},
	} {
		t.Run(tt.name, func(t *testing.T) { talk(t, &Server{}, &recorder{}, tt.script) })
	}
}

func TestEarlyTalker(t *testing.T) {
	addr, _ := serveTest(t, &Server{Handler: &recorder{}, GreetDelay: 5 * time.Second})
	converse(t, dial(t, addr), `C: EHLO x
		S: 554 5.5.0 you sent data before it was your turn
		S: EOF`)
}

// pipeServer serves one end of a pipe inside a synctest bubble and returns the
// other end and what was reported.
func pipeServer(s *Server) (conn net.Conn, report func() string) {
	server, client := net.Pipe()
	var last error
	s.Report = func(_ *Conn, err error) { last = err }
	s.Hostname = "mx.example"
	done := make(chan struct{})
	go func() { s.ServeConn(context.Background(), server); close(done) }()
	return client, func() string {
		_ = client.Close()
		<-done
		var e *Error
		if errors.As(last, &e) {
			return string(e.Reason)
		}
		return ""
	}
}

// readAll gathers what the server says, and when it hung up.
func readAll(conn net.Conn) (said func() (string, time.Duration)) {
	var b strings.Builder
	begun := time.Now()
	done := make(chan time.Duration, 1)
	go func() {
		_, _ = io.Copy(&b, conn)
		done <- time.Since(begun)
	}()
	return func() (string, time.Duration) { d := <-done; return b.String(), d }
}

// TestSlowClients measures, on a clock that does not wait, when the server has
// had enough.
func TestSlowClients(t *testing.T) {
	const toBody = "EHLO x\r\n|MAIL FROM:<>\r\n|RCPT TO:<a@b.example>\r\n|DATA\r\n"
	limits := Limits{Command: time.Minute, Message: time.Hour, MinRate: 100}
	for _, tt := range []struct {
		name    string
		words   string        // said at once, one write for each
		trickle string        // then said again and again
		every   time.Duration // with this pause
		limits  Limits
		reason  Reason
		after   time.Duration // and not much earlier
	}{
		{"silent", "", "", 0, limits, Timeout, time.Minute},
		{"byte-by-byte", "", "x", time.Second, limits, Timeout, time.Minute},
		{"stalled-data", toBody + "|half a line", "", 0, limits, Timeout, time.Minute},
		{"trickled-data", toBody, "x\r\n", time.Second, limits, TooSlow, 62 * time.Second},
		{"slow-data", toBody, strings.Repeat("x", 510) + "\r\n", 10 * time.Second, limits, TooSlow, 140 * time.Second},
		{"long-data", toBody, strings.Repeat("x", 998) + "\r\n", time.Second, limits, Timeout, time.Hour},
		{"no-rate", toBody, "x\r\n", 50 * time.Second, Limits{Command: time.Minute, Message: time.Hour, MinRate: -1}, Timeout, time.Hour},
		{"stalled-bdat", "EHLO x\r\n|MAIL FROM:<>\r\n|RCPT TO:<a@b.example>\r\n|BDAT 100 LAST\r\n|half", "", 0, limits, Timeout, time.Minute},
		{"tiny-bdat", "EHLO x\r\n|MAIL FROM:<>\r\n|RCPT TO:<a@b.example>\r\n", "BDAT 1\r\nx", 50 * time.Second, limits, Timeout, time.Hour + time.Minute},
		{"session", "EHLO x\r\n", "NOOP\r\n", 50 * time.Second, Limits{Command: time.Minute, Session: 10 * time.Minute}, Timeout, 10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &recorder{}
				conn, report := pipeServer(&Server{Handler: h, Limits: tt.limits})
				said := readAll(conn)
				for _, w := range strings.Split(tt.words, "|") {
					_, _ = io.WriteString(conn, w)
				}
				for tt.trickle != "" {
					if _, err := io.WriteString(conn, tt.trickle); err != nil {
						break
					}
					time.Sleep(tt.every)
				}
				text, took := said()
				if !strings.HasSuffix(text, "closing connection\r\n") {
					t.Errorf("said %q", text)
				}
				if got := Reason(report()); got != tt.reason || took > tt.after || took < tt.after*9/10 {
					t.Errorf("got %s after %s, want %s about %s", got, took, tt.reason, tt.after)
				}
				if n := strings.Count(strings.Join(h.log(), "|"), "mail <"); n > 1 {
					t.Errorf("what followed was executed: %q", h.events)
				}
			})
		})
	}
}

// TestTruncated hangs up inside a message: the session must not take it for
// whole.
func TestTruncated(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"data", toData + "C: half\nC- a line\nC: EOF\nS: EOF", `data "half\r\na line" smtp: message: message cut short: EOF`},
		{"data-dot", toData + "C: half\nC- .\nC: EOF\nS: EOF", `data "half\r\n" smtp: message: message cut short: EOF`},
		{"data-dot-cr", toData + `C- .\r` + "\nC: EOF\nS: EOF", `data "" smtp: message: message cut short: EOF`},
		{"bdat", toBdat + "C: BDAT 1000 LAST\nC: half\nC: EOF\nS: EOF", `data "half\r\n" smtp: message: message cut short: EOF`},
		{"between-chunks", toBdat + "C: BDAT 4\nC- half\nS: 250 2.0.0 ok\nC: EOF\nS: EOF", `data "half" smtp: message: message cut short: EOF`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, talk(t, &Server{}, &recorder{}, tt.script), begun(tt.want, "reset", "close"))
		})
	}
}

// TestFlatMemory streams a message with a million header fields.
func TestFlatMemory(t *testing.T) {
	n := int64(0)
	h := &recorder{data: func(r io.Reader) *Reply {
		var err error
		n, err = io.Copy(io.Discard, r)
		if err != nil {
			t.Error(err)
		}
		return nil
	}}
	addr, _ := serveTest(t, &Server{Handler: h, Hostname: "mx.example"})
	conn := dial(t, addr)
	converse(t, conn, toData)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	block := []byte(strings.Repeat("X-Header: 0123456789\r\n", 1000))
	for range 1000 {
		if _, err := conn.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	converse(t, conn, "C: .\nS: 250 2.0.0 message accepted"+quit)
	runtime.ReadMemStats(&after)
	if want := int64(1000 * len(block)); n != want {
		t.Errorf("got %d bytes, want %d", n, want)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("22 MB took %d bytes of memory", got)
	}
}
