package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/resolver"
)

// get asks a daemon over HTTP; the page is cut at its first line.
func get(t *testing.T, method string, at net.Addr, path string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+at.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

const withMetrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n"

func TestHTTP(t *testing.T) {
	s := newSite(t, withMetrics)
	addrs, stop := start(t, s.daemon())
	defer stop()
	at := addrs[2]
	ask(t, addrs[1], "policy bank.example")
	for _, row := range []struct {
		method, path string
		code         int
		want         string
	}{
		{"GET", "/healthz", 200, "ok\n"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/readyz", 200, "ok\n"},
		{"GET", "/metrics", 200, `waxseal_tls_policy_lookups_total{answer="may"} 1`},
		{"GET", "/metrics", 200, `waxseal_cache_entries{cache="dns"}`},
		{"GET", "/metrics", 200, "process_open_fds"},
		{"POST", "/metrics", 405, "Method Not Allowed\n"},
		{"DELETE", "/healthz", 405, "Method Not Allowed\n"},
		{"GET", "/", 404, "404 page not found\n"},
	} {
		t.Run(row.method+strings.ReplaceAll(row.path, "/", "-"), func(t *testing.T) {
			resp, body := get(t, row.method, at, row.path)
			if resp.StatusCode != row.code || !strings.Contains(body, row.want) || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("got %d %v %q, want %d %q", resp.StatusCode, resp.Header, body, row.code, row.want)
			}
			if row.code == 405 && resp.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("allows %q", resp.Header.Get("Allow"))
			}
		})
	}
}

// TestHTTPLimits holds that who asks with too much is sent away.
func TestHTTPLimits(t *testing.T) {
	addrs, stop := start(t, newSite(t, withMetrics).daemon())
	defer stop()
	conn, err := net.Dial("tcp", addrs[2].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { // the server may hang up before all is read
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	}()
	b := make([]byte, 100)
	n, _ := io.ReadAtLeast(conn, b, 12)
	if got := string(b[:n]); !strings.HasPrefix(got, "HTTP/1.1 431") {
		t.Errorf("got %q", got)
	}
}

// rootServer is a resolver that answers as it is told.
type rootServer struct {
	err   error
	stuck bool
	asked int
}

func (d *rootServer) Lookup(ctx context.Context, name string, _ resolver.Type) (*resolver.Answer, error) {
	d.asked++
	if name != "." {
		panic("asked for " + name)
	}
	if d.stuck {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &resolver.Answer{}, d.err
}

// TestReady goes through what can keep the daemon from its work.
func TestReady(t *testing.T) {
	broken := errors.New("no server\nanswers")
	for _, row := range []struct {
		name      string
		dir       bool
		dns       rootServer
		answered  time.Duration // ago; 0 for never
		draining  bool
		want      string
		wantAsked int
	}{
		{"good", true, rootServer{}, 0, false, "", 1},
		{"answered-lately", true, rootServer{err: broken}, 29 * time.Second, false, "", 0},
		{"answered-long-ago", true, rootServer{err: broken}, 30 * time.Second, false, "dns: no lookup has been answered for 30s: no server answers", 1},
		{"dns-down", true, rootServer{err: broken}, 0, false, "dns: no lookup has been answered yet: no server answers", 1},
		{"dns-stuck", true, rootServer{stuck: true}, 0, false, "dns: no lookup has been answered yet: no answer within 3s", 1},
		{"no-directory", false, rootServer{}, 0, false, "state: open /", 1},
		{"both", false, rootServer{err: broken}, 0, false, "state: open /|dns: no lookup", 1},
		{"draining", true, rootServer{err: broken}, 0, true, "stopping: no new connections are taken", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if !row.dir {
				os.Remove(dir)
			}
			if row.name == "good" { // of a process that was killed
				if err := os.WriteFile(filepath.Join(dir, probeFile), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) { // its clock waits for nobody
				var h health
				if row.answered > 0 {
					h.answered(time.Now().Add(-row.answered))
				}
				h.draining.Store(row.draining)
				s := &state{config: &config.Config{State: config.State{Directory: dir}}, resolver: &resolver.Cache{Resolver: &row.dns}}
				got := h.failures(t.Context(), s)
				var want []string
				if row.want != "" {
					want = strings.Split(row.want, "|")
				}
				if len(got) != len(want) {
					t.Fatalf("got %q, want %q", got, want)
				}
				for i := range want {
					if !strings.HasPrefix(got[i], want[i]) {
						t.Errorf("got %q, want %q", got[i], want[i])
					}
				}
				h.failures(t.Context(), s)
				if row.dns.asked != row.wantAsked {
					t.Errorf("asked %d times at once, want %d", row.dns.asked, row.wantAsked)
				}
				row.dns = rootServer{}
				time.Sleep(probeEvery)
				if got := h.failures(t.Context(), s); row.dir && !row.draining && got != nil {
					t.Errorf("still %q when all is well again", got)
				}
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		})
	}
}
