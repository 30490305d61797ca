package milter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/smtp"
)

// mailServer is a Postfix of our own: on loopback, with its own configuration and
// queue, in front of a server that keeps what it gets.
type mailServer struct {
	t     *testing.T
	dir   string
	addr  string
	inbox chan string
}

// missing ends a test for want of software of other people, which CI must have.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and CI must have it", what)
	}
	t.Skipf("%s is missing; test.sh installs it", what)
}

func startPostfix(t *testing.T, filter string) *mailServer {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: runs Postfix for some seconds")
	}
	if os.Getuid() != 0 {
		t.Skip("Postfix can be started only by root")
	}
	const master = "/usr/lib/postfix/sbin/master"
	if _, err := os.Stat(master); err != nil {
		missing(t, "Postfix")
	}
	dir, err := os.MkdirTemp("", "postfix")
	if err != nil {
		t.Fatal(err)
	}
	p := &mailServer{t: t, dir: dir, addr: freeAddr(t), inbox: make(chan string, 100)}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p.configure(filter, p.sink())
	p.run("postfix", "-c", dir+"/etc", "check")
	cmd := exec.Command(master, "-c", dir+"/etc", "-d")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(dir + "/log")
			t.Logf("%s", log)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	p.await()
	return p
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *mailServer) configure(filter, next string) {
	p.t.Helper()
	_, port, _ := net.SplitHostPort(p.addr)
	host, nextPort, _ := net.SplitHostPort(next)
	main := fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
inet_interfaces = 127.0.0.1
inet_protocols = all
myhostname = mx.receiver.example
mydestination =
mynetworks = 127.0.0.1
relay_domains = receiver.example
relay_transport = smtp:[%[2]s]:%[3]s
disable_dns_lookups = yes
smtp_host_lookup = native
message_size_limit = 120000000
smtpd_authorized_xclient_hosts = 127.0.0.1, 192.0.2.7
smtpd_milters = inet:%[4]s
milter_default_action = tempfail
`, p.dir, host, nextPort, filter)
	var services strings.Builder
	fmt.Fprintf(&services, "%s inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\n", port)
	for name, program := range map[string]string{
		"rewrite": "trivial-rewrite", "bounce": "bounce", "defer": "bounce", "trace": "bounce", "smtp": "smtp",
		"error": "error", "proxymap": "proxymap",
	} {
		fmt.Fprintf(&services, "%s unix - - n - - %s\n", name, program)
	}
	services.WriteString("cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n" +
		"anvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n")
	for _, d := range []string{"etc", "queue", "data"} {
		if err := os.Mkdir(filepath.Join(p.dir, d), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := os.Chmod(p.dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.run("chown", "postfix", p.dir+"/data")
	for name, text := range map[string]string{"main.cf": main, "master.cf": services.String()} {
		if err := os.WriteFile(filepath.Join(p.dir, "etc", name), []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *mailServer) run(name string, args ...string) {
	p.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		p.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// await waits until Postfix takes connections.
func (p *mailServer) await() {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if c, err := net.Dial("tcp", p.addr); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond) // a foreign program has no channel to wait on
	}
	log, _ := os.ReadFile(p.dir + "/log")
	p.t.Fatalf("Postfix does not answer\n%s", log)
}

// sink takes what Postfix delivers.
func (p *mailServer) sink() string {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	extensions := smtp.DefaultExtensions()
	extensions.MaxSize = 0
	s := smtp.Server{Extensions: &extensions, Handler: smtp.HandlerFunc(func(context.Context, *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return keeps{p.inbox}, nil
	}), Limits: smtp.Limits{Drain: time.Millisecond}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(ctx, l) })
	p.t.Cleanup(func() { cancel(); wg.Wait() })
	return l.Addr().String()
}

type keeps struct{ inbox chan<- string }

func (keeps) Mail(context.Context, smtp.Path, *smtp.MailOptions) *smtp.Reply { return nil }
func (keeps) Rcpt(context.Context, smtp.Path, *smtp.RcptOptions) *smtp.Reply { return nil }
func (keeps) Reset()                                                         {}
func (k keeps) Data(_ context.Context, r io.Reader) *smtp.Reply {
	b, err := io.ReadAll(r)
	if err == nil {
		k.inbox <- string(b)
	}
	return nil
}

// delivered returns the next message that Postfix delivers.
func (p *mailServer) delivered() string {
	p.t.Helper()
	select {
	case m := <-p.inbox:
		return m
	case <-time.After(30 * time.Second):
		p.t.Fatal("nothing was delivered")
		return ""
	}
}

// client speaks SMTP to Postfix in whole lines.
type client struct {
	t    *testing.T
	conn net.Conn
	buf  []byte
}

func (p *mailServer) dial() *client {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	c := &client{t: p.t, conn: conn}
	p.t.Cleanup(func() { conn.Close() })
	c.reply()
	c.say("EHLO client.example")
	return c
}

func (c *client) say(lines ...string) string {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	return c.reply()
}

// reply returns the last line of a reply.
func (c *client) reply() string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	for {
		i := bytes.Index(c.buf, []byte("\r\n"))
		if i < 0 {
			b := make([]byte, 4096)
			n, err := c.conn.Read(b)
			if err != nil {
				c.t.Fatal(err)
			}
			c.buf = append(c.buf, b[:n]...)
			continue
		}
		line := string(c.buf[:i])
		c.buf = c.buf[i+2:]
		if len(line) < 4 || line[3] != '-' {
			return line
		}
	}
}

// send sends a message and returns the reply to its end.
func (c *client) send(from, message string) string {
	c.t.Helper()
	for _, line := range []string{"MAIL FROM:<" + from + ">", "RCPT TO:<ann@receiver.example>", "DATA"} {
		if r := c.say(line); r[0] != '2' && r[0] != '3' {
			return r
		}
	}
	return c.say(message + "\r\n.")
}

// listen serves a filter for Postfix.
func listen(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return l.Addr().String()
}

func TestPostfix(t *testing.T) {
	var f faults
	j := &judge{answer: byTest}
	j.write = func(p []byte) error {
		if bytes.Contains(p, []byte("panic in body")) {
			panic("in body")
		}
		return nil
	}
	p := startPostfix(t, listen(t, &Server{Handler: j, Report: f.report, Limits: Limits{Drain: time.Millisecond}}))
	t.Run("bytes", func(t *testing.T) { p.t = t; p.testBytes(j) })
	t.Run("session", func(t *testing.T) { p.t = t; p.testSession(j) })
	t.Run("changes", func(t *testing.T) { p.t = t; p.testChanges() })
	t.Run("refusals", func(t *testing.T) { p.t = t; p.testRefusals(&f) })
	t.Run("many-fields", func(t *testing.T) { p.t = t; p.testManyFields(j) })
}

// byTest answers as the message's Test field says.
func byTest(m *Message) *Answer {
	f := m.Header.First("Test")
	if f == nil {
		return nil
	}
	switch strings.TrimSpace(string(f.Value())) {
	case "reject":
		return &Answer{Action: Reject, Code: 550, Enhanced: "5.7.26", Text: "DMARC of a.example: 100% refused"}
	case "long":
		return &Answer{Action: Reject, Code: 550, Enhanced: "5.7.26", Text: strings.Repeat("reason ", 150)}
	case "tempfail":
		return &Answer{Action: TempFail, Code: 451, Enhanced: "4.7.24", Text: "later"}
	case "hold":
		return &Answer{Quarantine: "DMARC"}
	case "panic":
		panic("asked for")
	case "slow":
		time.Sleep(time.Second)
	case "change":
		a := &Answer{Insert: []byte("Authentication-Results: mx.receiver.example;\r\n\tdmarc=pass\r\nNoSpace:x\r\nLast: 3\r\n")}
		for i := range m.Header.Fields {
			if h := &m.Header.Fields[i]; h.Is("Authentication-Results") && bytes.Contains(h.Value(), []byte("forged")) {
				a.Delete = append(a.Delete, i)
			}
		}
		return a
	}
	return nil
}

// testBytes holds that the header is seen as it was sent.
func (p *mailServer) testBytes(j *judge) {
	c := p.dial()
	header := "From:a@sender.example\r\nSubject:  two\r\nTab:\tx \r\nFold: a\r\n\tb\r\n  c\r\nEmpty:\r\nEnd: \r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@a>\r\nTo: b@c\r\n"
	if r := c.send("joe@sender.example", header+"\r\nline\r\n"); r[:3] != "250" {
		p.t.Fatal(r)
	}
	delivered := p.delivered()
	if !strings.HasSuffix(delivered, header+"\r\nline\r\n\r\n") {
		p.t.Errorf("delivered %q", delivered)
	}
	want := fmt.Sprintf("%q", header) + ` "line\r\n\r\n"`
	if n := j.notes(); len(n) != 1 || !strings.Contains(n[0], want) {
		p.t.Errorf("saw %q, want %q", n, want)
	}
}

// testSession has several messages, RSET, a refusal, UTF-8 and a new client on one
// connection.
func (p *mailServer) testSession(j *judge) {
	c := p.dial()
	const text = "From: a@b.example\r\n\r\nhello"
	c.say("XCLIENT ADDR=192.0.2.7 NAME=mail.sender.example HELO=mail.sender.example")
	c.say("EHLO mail.sender.example")
	c.send("one@sender.example", text)
	c.say("MAIL FROM:<two@sender.example>")
	c.say("RCPT TO:<ann@receiver.example>")
	c.say("RSET")
	c.say("NONSENSE")
	c.send("three@sender.example", "Test: reject\r\n\r\nhello")
	c.say("MAIL FROM:<four@sender.example>")
	c.say("RCPT TO:<nobody@elsewhere.example>") // refused by Postfix
	c.say("RCPT TO:<ann@receiver.example>")
	c.say("DATA")
	c.say(text + "\r\n.")
	c.send("", text)
	c.say("MAIL FROM:<jö@sender.example> SMTPUTF8")
	c.say("RCPT TO:<ann@receiver.example>")
	c.say("DATA")
	c.say("From: jö@sender.example\r\nSubject: ü\r\n\r\nhello\r\n.")
	c.say("XCLIENT ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE] HELO=again.example")
	c.say("EHLO again.example")
	c.send("seven@sender.example", text)
	c.say("QUIT")
	var got []string
	for _, n := range j.notes() {
		words := strings.Fields(n)
		got = append(got, strings.Join(words[:3], " "))
		if !strings.Contains(n, "i=") || strings.Contains(n, "i= ") {
			p.t.Errorf("no queue id: %s", n)
		}
	}
	want := []string{
		"mail.sender.example 192.0.2.7 one@sender.example",
		"mail.sender.example 192.0.2.7 three@sender.example",
		"mail.sender.example 192.0.2.7 four@sender.example",
		"mail.sender.example 192.0.2.7 []",
		"mail.sender.example 192.0.2.7 jö@sender.example",
		"again.example 2001:db8::1 seven@sender.example",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		p.t.Error(diff)
	}
	for range 5 {
		p.delivered()
	}
}

func (p *mailServer) testChanges() {
	c := p.dial()
	r := c.send("joe@sender.example", "Authentication-Results: a; forged 1\r\nReceived: x\r\nauthentication-results: b; true\r\nTest: change\r\n"+
		"Authentication-Results:\r\n c; forged 2\r\nFrom: a@b.example\r\n\r\nhello")
	if r[:3] != "250" {
		p.t.Fatal(r)
	}
	got := p.delivered()
	head := "Authentication-Results: mx.receiver.example;\r\n\tdmarc=pass\r\nNoSpace:x\r\nLast: 3\r\nReceived: from client.example"
	tail := "\r\nReceived: x\r\nauthentication-results: b; true\r\nTest: change\r\nFrom: a@b.example\r\n"
	if !strings.HasPrefix(got, head) || !strings.Contains(got, tail) || strings.Contains(got, "forged") {
		p.t.Errorf("delivered %q", got)
	}
}

func (p *mailServer) testRefusals(f *faults) {
	c := p.dial()
	for _, row := range []struct{ test, want string }{
		{"reject", "550 5.7.26 DMARC of a.example: 100% refused"},
		{"tempfail", "451 4.7.24 later"},
		{"long", "550 5.7.26 " + strings.TrimSpace(strings.Repeat("reason ", 150)[2*399:])},
		{"panic", "451 4.7.0 the message cannot be checked now, try again later"},
		{"accept", "250 2.0.0 Ok: queued as"},
		{"panic in body", "451 4.7.0 the message cannot be checked now, try again later"},
		{"slow", "250 2.0.0 Ok: queued as"},
		{"hold", "250 2.0.0 Ok: queued as"},
	} {
		body := "hello"
		if row.test == "panic in body" {
			body = row.test
		}
		if got := c.send("joe@sender.example", "Test: "+row.test+"\r\n\r\n"+body); !strings.HasPrefix(got, row.want) {
			p.t.Errorf("%s: got %q, want %q", row.test, got, row.want)
		}
	}
	held, err := os.ReadDir(p.dir + "/queue/hold")
	if err != nil || len(held) != 1 {
		p.t.Errorf("%d held, %v", len(held), err)
	}
	if n := len(f.list()); n != 2 {
		p.t.Errorf("%d reports: %q", n, f.list())
	}
	p.delivered()
	p.delivered()
}

func (p *mailServer) testManyFields(j *judge) {
	j.notes()
	const fields = 5000
	c := p.dial()
	if r := c.send("joe@sender.example", strings.Repeat("X-Field: something\r\n", fields)+"\r\nhello"); r[:3] != "250" {
		p.t.Fatal(r)
	}
	p.delivered()
	if n := j.notes(); len(n) != 1 || strings.Count(n[0], "X-Field") != fields {
		p.t.Errorf("%d notes", len(n))
	}
}

// TestPostfixLargeBody streams bodies, two at a time.
func TestPostfixLargeBody(t *testing.T) {
	size := 5 << 20
	if s := os.Getenv("WAXSEAL_BODY"); s != "" { // such as 52428800; the full size takes seconds
		var err error
		if size, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	sums := make(chan [sha256.Size]byte, 10)
	s := &Server{Handler: HandlerFunc(func(context.Context, *Message) (Transaction, *Answer) {
		return &hashing{sums: sums}, nil
	}), Limits: Limits{Drain: time.Millisecond}}
	p := startPostfix(t, listen(t, s))
	line := strings.Repeat("0123456789", 7) + "\r\n"
	body := strings.Repeat(line, size/len(line))
	want := sha256.Sum256([]byte(body))
	var wg sync.WaitGroup
	for range 2 {
		c := p.dial()
		wg.Go(func() {
			for range 2 {
				if r := c.send("joe@sender.example", "Subject: x\r\n\r\n"+strings.TrimSuffix(body, "\r\n")); !strings.HasPrefix(r, "250") {
					t.Error(r)
				}
			}
		})
	}
	wg.Wait()
	for range 4 {
		if got := <-sums; got != want {
			t.Errorf("got %x, want %x", got, want)
		}
		p.delivered()
	}
}

type hashing struct {
	body []byte
	sums chan<- [sha256.Size]byte
}

func (h *hashing) Write(p []byte) (int, error) { h.body = append(h.body, p...); return len(p), nil }
func (h *hashing) Abort()                      {}
func (h *hashing) End(context.Context) *Answer {
	select {
	case h.sums <- sha256.Sum256(h.body):
		return nil
	case <-time.After(time.Minute):
		panic(errors.New("nobody reads"))
	}
}
