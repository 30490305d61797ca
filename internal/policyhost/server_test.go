package policyhost

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

const bodyOfA = "version: STSv1\r\nmode: testing\r\nmx: mx.a.example\r\nmax_age: 86400\r\n"

// say sends one request over TLS as it stands and returns the reply.
func (h *host) say(sni, request string) (*http.Response, string) {
	h.t.Helper()
	conn, err := tls.Dial("tcp", h.addr, &tls.Config{RootCAs: h.ca.Pool(), ServerName: sni})
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		h.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, string(body)
}

func TestRequests(t *testing.T) {
	h := newHost(t)
	h.serve()
	get := func(target, host string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	}
	tag := `"` + policy(t, "a.example", mtasts.Testing).Policy.ID() + `"`
	for _, row := range []struct {
		name, request string
		status        int
		body          string
	}{
		{"get", get(wellKnown, "mta-sts.a.example"), 200, bodyOfA},
		{"head", "HEAD " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\n\r\n", 200, ""},
		{"http-1.0", "GET " + wellKnown + " HTTP/1.0\r\nHost: mta-sts.a.example\r\n\r\n", 200, bodyOfA},
		{"port", get(wellKnown, "mta-sts.a.example:8443"), 200, bodyOfA},
		{"empty-port", get(wellKnown, "mta-sts.a.example:"), 200, bodyOfA},
		{"upper-case", get(wellKnown, "MTA-STS.A.Example"), 200, bodyOfA},
		{"final-dot", get(wellKnown, "mta-sts.a.example."), 200, bodyOfA},
		{"final-dot-port", get(wellKnown, "mta-sts.a.example.:443"), 200, bodyOfA},
		{"absolute-target", get("https://mta-sts.a.example"+wellKnown, "mta-sts.a.example"), 200, bodyOfA},
		{"query", get(wellKnown+"?x=1", "mta-sts.a.example"), 200, bodyOfA},
		{"gzip-offered", "GET " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\nAccept-Encoding: gzip\r\n\r\n", 200, bodyOfA},
		{"condition", "GET " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\nIf-None-Match: " + tag + "\r\n\r\n", 304, ""},
		{"other-condition", "GET " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\nIf-None-Match: \"x\"\r\n\r\n", 200, bodyOfA},
		{"two-dots", get(wellKnown, "mta-sts.a.example.."), 404, ""},
		{"bad-port", get(wellKnown, "mta-sts.a.example:x"), 404, ""},
		{"domain-itself", get(wellKnown, "a.example"), 404, ""},
		{"below", get(wellKnown, "x.mta-sts.a.example"), 404, ""},
		{"stranger", get(wellKnown, "mta-sts.c.example"), 404, ""},
		{"address", get(wellKnown, "127.0.0.1"), 404, ""},
		{"address-6", get(wellKnown, "[::1]:443"), 404, ""},
		{"empty-host", get(wellKnown, ""), 404, ""},
		{"no-host", "GET " + wellKnown + " HTTP/1.0\r\n\r\n", 404, ""},
		{"missing-host", "GET " + wellKnown + " HTTP/1.1\r\n\r\n", 400, "400 Bad Request: missing required Host header"},
		{"two-hosts", "GET " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\nHost: mta-sts.b.example\r\n\r\n", 400, "400 Bad Request"},
		{"root", get("/", "mta-sts.a.example"), 404, ""},
		{"folder", get("/.well-known/", "mta-sts.a.example"), 404, ""},
		{"slash", get(wellKnown+"/", "mta-sts.a.example"), 404, ""},
		{"two-slashes", get("/"+wellKnown, "mta-sts.a.example"), 404, ""},
		{"case-of-path", get("/.well-known/MTA-STS.txt", "mta-sts.a.example"), 404, ""},
		{"dots", get("/.well-known/../.well-known/mta-sts.txt", "mta-sts.a.example"), 404, ""},
		{"challenge", get("/.well-known/acme-challenge/x", "mta-sts.a.example"), 404, ""},
		{"options-all", "OPTIONS * HTTP/1.1\r\nHost: mta-sts.a.example\r\n\r\n", 404, ""},
		{"other-sni", get(wellKnown, "mta-sts.b.example"), 421, ""},
		{"post", "POST " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\nContent-Length: 3\r\n\r\nabc", 405, ""},
		{"options", "OPTIONS " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\n\r\n", 405, ""},
		{"trace", "TRACE " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\n\r\n", 405, ""},
		{"long-header", "GET " + wellKnown + " HTTP/1.1\r\nHost: mta-sts.a.example\r\nX: " + strings.Repeat("x", maxHeader+8192) + "\r\n\r\n", 431, "431 Request Header Fields Too Large"},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, body := h.say("mta-sts.a.example", row.request)
			if resp.StatusCode != row.status || body != row.body {
				t.Errorf("got %d, %q, want %d, %q", resp.StatusCode, body, row.status, row.body)
			}
			if got := resp.Header.Get("Location"); got != "" {
				t.Errorf("redirects to %s", got)
			}
			if got := resp.Header.Get("Server"); got != "" {
				t.Errorf("calls itself %s", got)
			}
			if row.status == 405 && resp.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %q", resp.Header.Get("Allow"))
			}
		})
	}
}

func TestHeader(t *testing.T) {
	h := newHost(t)
	h.serve()
	for _, method := range []string{"GET", "HEAD"} {
		resp, _ := h.say("mta-sts.a.example", method+" "+wellKnown+" HTTP/1.1\r\nHost: mta-sts.a.example\r\nConnection: close\r\n\r\n")
		got := resp.Header
		got.Del("Date")
		want := http.Header{
			"Content-Type": {"text/plain"}, "Content-Length": {fmt.Sprint(len(bodyOfA))}, "Accept-Ranges": {"bytes"},
			"Cache-Control": {"no-cache"}, "X-Content-Type-Options": {"nosniff"}, "Connection": {"close"},
			"Etag": {`"` + policy(t, "a.example", mtasts.Testing).Policy.ID() + `"`},
		}
		if resp.Close {
			delete(want, "Connection")
			got.Del("Connection")
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s: %s", method, diff)
		}
	}
}

// TestHandshake holds that nobody sees a certificate who does not name its host.
func TestHandshake(t *testing.T) {
	h := newHost(t)
	h.serve()
	for _, row := range []struct {
		name, sni string
		change    func(*tls.Config)
		want      string // the certificate's name, or the error
	}{
		{"a", "mta-sts.a.example", nil, "mta-sts.a.example"},
		{"b", "mta-sts.b.example", nil, "mta-sts.b.example"},
		{"upper-case", "MTA-STS.B.EXAMPLE", nil, "mta-sts.b.example"},
		{"tls-1.2", "mta-sts.a.example", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "mta-sts.a.example"},
		{"tls-1.1", "mta-sts.a.example", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "remote error: tls: protocol version not supported"},
		{"stranger", "mta-sts.c.example", nil, "remote error: tls: unrecognized name"},
		{"stranger-1.2", "mta-sts.c.example", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "remote error: tls: unrecognized name"},
		{"domain-itself", "a.example", nil, "remote error: tls: unrecognized name"},
		{"no-name", "", func(c *tls.Config) { c.InsecureSkipVerify = true }, "remote error: tls: unrecognized name"},
		{"address", "127.0.0.1", nil, "remote error: tls: unrecognized name"},
		{"other-protocol", "mta-sts.a.example", func(c *tls.Config) { c.NextProtos = []string{"smtp"} }, "remote error: tls: no application protocol"},
		{"no-acme", "mta-sts.a.example", func(c *tls.Config) { c.NextProtos = []string{acmeProtocol} }, "remote error: tls: no application protocol"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cert, err := h.handshake(row.sni, row.change)
			got := fmt.Sprint(err)
			if err == nil {
				got = cert.DNSNames[0]
			}
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// TestFetch lets our own sender fetch from our own host, policies as they are and as
// they come to be.
func TestFetch(t *testing.T) {
	h := newHost(t)
	h.serve()
	_, port, err := net.SplitHostPort(h.addr)
	if err != nil {
		t.Fatal(err)
	}
	zones := zonefile.FromText("mta-sts.a.example. A 127.0.0.1\nmta-sts.b.example. A 127.0.0.1\n")
	f := &mtasts.Fetcher{Resolver: &resolver.Unvalidated{Source: zones, Status: resolver.Insecure}, RootCAs: h.ca.Pool()}
	if f.Port, err = net.LookupPort("tcp", port); err != nil {
		t.Fatal(err)
	}
	want := func(of domain.Name, mode mtasts.Mode) {
		t.Helper()
		got, _, err := f.Fetch(t.Context(), string(of))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, policy(t, of, mode).Policy); diff != "" {
			t.Error(diff)
		}
	}
	want("a.example", mtasts.Testing)
	want("b.example", mtasts.Enforce)
	h.set(Hosting{policy(t, "a.example", mtasts.NoMode), filesIn(h.dir, "a")})
	h.s.Changed()
	want("a.example", mtasts.NoMode)
	var gone *mtasts.Error
	if _, _, err := f.Fetch(t.Context(), "b.example"); !errors.As(err, &gone) || gone.Reason != mtasts.HandshakeFailed {
		t.Errorf("got %v, want %s", err, mtasts.HandshakeFailed)
	}
}

// TestCurl asks with a client of somebody else, over both versions of HTTP.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed; test.sh installs it")
	}
	h := newHost(t)
	h.serve()
	ca := h.dir + "/ca.pem"
	writeCA(t, ca, h.ca)
	_, port, err := net.SplitHostPort(h.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, flag, host, want string }{
		{"http-1.1", "--http1.1", "mta-sts.a.example", bodyOfA + "200 1.1 text/plain"},
		{"http-2", "--http2", "mta-sts.a.example", bodyOfA + "200 2 text/plain"},
		{"head", "--head", "mta-sts.b.example", "200 2 text/plain"},
		{"stranger", "--http2", "mta-sts.c.example", "000 0 "},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := net.JoinHostPort(row.host, port)
			cmd := exec.CommandContext(t.Context(), curl, "--silent", row.flag, "--noproxy", "*", "--cacert", ca, "--max-time", "20",
				"--resolve", at+":127.0.0.1", "--write-out", "%{stderr}%{http_code} %{http_version} %{content_type}", "https://"+at+wellKnown)
			var body, summary bytes.Buffer
			cmd.Stdout, cmd.Stderr = &body, &summary
			err := cmd.Run()
			if (err == nil) != strings.Contains(row.want, "200") {
				t.Errorf("curl: %v", err)
			}
			got := body.String() + summary.String()
			if row.flag == "--head" {
				got = summary.String()
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// TestAnswered holds that whoever counts hears of each request.
func TestAnswered(t *testing.T) {
	h := newHost(t)
	heard := make(chan Request, 10)
	h.s.Answered = func(r Request) { heard <- r }
	h.serve()
	h.say("mta-sts.a.example", "GET "+wellKnown+" HTTP/1.1\r\nHost: mta-sts.a.example\r\nUser-Agent: me\r\n\r\n")
	h.say("mta-sts.a.example", "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, want := range []Request{
		{Host: "mta-sts.a.example", Method: "GET", Path: wellKnown, Agent: "me", Status: 200},
		{Host: "x", Method: "GET", Path: "/", Status: 404},
	} {
		got := <-heard
		if got.Client == "" {
			t.Error("no client")
		}
		got.Client = ""
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestStop holds that a client between requests does not hold up the end, and that the
// port is free afterwards.
func TestStop(t *testing.T) {
	h := newHost(t)
	stop := h.serve()
	conn, err := tls.Dial("tcp", h.addr, &tls.Config{RootCAs: h.ca.Pool(), ServerName: "mta-sts.a.example"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HEAD "+wellKnown+" HTTP/1.1\r\nHost: mta-sts.a.example\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "HEAD"}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > drainTime {
		t.Errorf("took %s", took)
	}
	if c, err := net.Dial("tcp", h.addr); err == nil {
		c.Close()
		t.Error("still listening")
	}
}

// TestListenerFails holds that Serve ends when it can take no more connections.
func TestListenerFails(t *testing.T) {
	h := newHost(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := h.s.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
