package smtp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Handler whose sessions write down what they are told. Addresses
// choose the replies: a local-part such as "r550" is refused with that code.
type recorder struct {
	mu     sync.Mutex
	events []string
	data   func(io.Reader) *Reply // nil reads all
	offer  func(*Extensions)
	greet  *Reply
}

func (h *recorder) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, fmt.Sprintf(format, args...))
}

func (h *recorder) NewSession(_ context.Context, c *Conn) (Session, *Reply) {
	if h.offer != nil {
		h.offer(&c.Extensions)
	}
	return &recording{h, c}, h.greet
}

type recording struct {
	h *recorder
	c *Conn
}

func chosen(local string) *Reply {
	var code int
	if n, _ := fmt.Sscanf(local, "r%d", &code); n == 1 {
		return NewReply(code, EnhancedCode{code / 100, 1, 1}, "as you wish")
	}
	if local == "panic" {
		panic("as you wish")
	}
	return nil
}

func (s *recording) Hello(context.Context) *Reply {
	s.h.note("hello %s", s.c.Hello)
	if s.c.Hello == "r550" {
		return chosen(s.c.Hello)
	}
	return nil
}

func (s *recording) TLSStarted(context.Context) { s.h.note("tls %x", s.c.TLS.Version) }

func (s *recording) Mail(_ context.Context, from Path, o *MailOptions) *Reply {
	s.h.note("mail <%s>%s", from, o.append(nil, &Extensions{Size: true, EightBitMIME: true, DSN: true}))
	return chosen(from.Local)
}

func (s *recording) Rcpt(_ context.Context, to Path, o *RcptOptions) *Reply {
	s.h.note("rcpt <%s>%s", to, o.append(nil, &Extensions{DSN: true}))
	return chosen(to.Local)
}

func (s *recording) Data(_ context.Context, r io.Reader) *Reply {
	if s.h.data != nil {
		return s.h.data(r)
	}
	b, err := io.ReadAll(r)
	s.h.note("data %q %v", b, err)
	return nil
}

func (s *recording) Reset()       { s.h.note("reset") }
func (s *recording) Close() error { s.h.note("close"); return nil }

func (h *recorder) log() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events
}

// script is a conversation. Each line begins with "C: ", "S: " or "C- " (no
// CRLF is added); lines of C that stand together go out in one write. \r, \n
// and \0 are written as such. "S: EOF" wants the connection closed, "C: EOF"
// closes our half of it.
func converse(t *testing.T, conn net.Conn, script string) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	unescape := strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00")
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(script), "\n") {
		kind, text, _ := strings.Cut(strings.TrimLeft(line, "\t "), " ")
		if kind == "S:" && out.Len() > 0 {
			if _, err := io.WriteString(conn, out.String()); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			out.Reset()
		}
		switch {
		case kind == "C:" && text == "EOF":
			_, _ = io.WriteString(conn, out.String())
			out.Reset()
			_ = conn.(interface{ CloseWrite() error }).CloseWrite()
		case kind == "C:":
			out.WriteString(unescape.Replace(text) + "\r\n")
		case kind == "C-":
			out.WriteString(unescape.Replace(text))
		case kind == "S:":
			got, err := r.ReadString('\n')
			if err != nil {
				got += "EOF\r\n"
			}
			if got != text+"\r\n" {
				t.Fatalf("line %d: got %q, want %q", i+1, got, text)
			}
		default:
			t.Fatalf("line %d: not a line of a script: %q", i+1, line)
		}
	}
	_, _ = io.WriteString(conn, out.String())
}

// serveTest starts a server on loopback and returns its address. It is stopped,
// and waited for, at the end of the test.
func serveTest(t testing.TB, s *Server) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// talk has a conversation with s and returns what its sessions were told.
func talk(t *testing.T, s *Server, h *recorder, script string) []string {
	t.Helper()
	if s.Handler == nil {
		s.Handler = h
	}
	s.Hostname = "mx.example"
	addr, stop := serveTest(t, s)
	conn := dial(t, addr)
	converse(t, conn, script)
	_ = conn.Close()
	stop()
	return h.log()
}

func diff(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("got (+), want (-):\n%s", d)
	}
}
