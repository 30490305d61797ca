package mtasts_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
)

const policyText = "version: STSv1\r\nmode: enforce\r\nmx: mx.example\r\nmax_age: 86400\r\n"

const hostZone = "mta-sts.example. A 127.0.0.1"

// text answers with a policy of any content type and body.
func text(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		io.WriteString(w, body)
	}
}

func TestFetch(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	later := time.Now().AddDate(1, 0, 0)
	good := ca.issue(t, "mta-sts.example", later)
	ok := text("text/plain; charset=utf-8", policyText)
	tests := []struct {
		name    string
		cert    tls.Certificate
		handler http.HandlerFunc
		want    mtasts.Reason // "" for success
		kind    mtasts.Kind
	}{
		{"good", good, ok, "", ""},
		{"wildcard-certificate", ca.issue(t, "*.example", later), ok, "", ""},
		{"stranger-certificate", stranger.issue(t, "mta-sts.example", later), ok, mtasts.BadCertificate, mtasts.WebPKI},
		{"wrong-name", ca.issue(t, "example", later), ok, mtasts.BadCertificate, mtasts.WebPKI},
		{"expired", ca.issue(t, "mta-sts.example", time.Now().AddDate(0, 0, -1)), ok, mtasts.BadCertificate, mtasts.WebPKI},
		{"redirect", good, http.RedirectHandler("https://mta-sts.example/x", http.StatusFound).ServeHTTP, mtasts.Redirected, mtasts.FetchError},
		{"not-found", good, http.NotFound, mtasts.BadStatus, mtasts.FetchError},
		{"no-content", good, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, mtasts.BadStatus, mtasts.FetchError},
		{"html", good, text("text/html", policyText), mtasts.BadContentType, mtasts.FetchError},
		{"no-type", good, text("", policyText), mtasts.BadContentType, mtasts.FetchError},
		{"malformed", good, text("text/plain", "mode: enforce\n"), mtasts.PolicyInvalid, mtasts.Invalid},
		{"oversize", good, text("text/plain", policyText+strings.Repeat("x: y\r\n", 20000)), mtasts.TooLarge, mtasts.FetchError},
		{"oversize-stream", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for range 100 {
				io.WriteString(w, strings.Repeat("x: y\r\n", 1000))
				w.(http.Flusher).Flush()
			}
		}, mtasts.TooLarge, mtasts.FetchError},
		{"compressed", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Type", "text/plain")
		}, mtasts.HTTPFailed, mtasts.FetchError},
		{"truncated", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, policyText)
		}, mtasts.HTTPFailed, mtasts.FetchError},
		{"big-header", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 100000))
		}, mtasts.HTTPFailed, mtasts.FetchError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &mtasts.Fetcher{Resolver: &zone{text: hostZone}, RootCAs: ca.Pool(), Port: serve(t, tt.cert, tt.handler)}
			p, body, err := f.Fetch(t.Context(), "example")
			if tt.want == "" {
				want := &mtasts.Policy{Version: "STSv1", Mode: "enforce", MX: []string{"mx.example"}, MaxAge: 86400}
				if diff := cmp.Diff(p, want); diff != "" || err != nil || string(body) != policyText {
					t.Errorf("%s, %v", diff, err)
				}
				return
			}
			wantError(t, err, tt.want)
			if got := tt.want.Kind(); got != tt.kind {
				t.Errorf("got kind %s, want %s", got, tt.kind)
			}
		})
	}
}

func wantError(t *testing.T, err error, want mtasts.Reason) {
	t.Helper()
	var e *mtasts.Error
	if !errors.As(err, &e) || e.Reason != want || e.Domain != "example" {
		t.Errorf("got %v, want %q", err, want)
	}
}

// A host that never ends its answer, or never begins it, costs no more than the
// time allowed.
func TestFetchTimeout(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, "mta-sts.example", time.Now().AddDate(1, 0, 0))
	slow := serve(t, cert, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "version: STSv1\r\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for name, port := range map[string]int{"body": slow, "handshake": silent.Addr().(*net.TCPAddr).Port} {
		t.Run(name, func(t *testing.T) {
			f := &mtasts.Fetcher{Resolver: &zone{text: hostZone}, RootCAs: ca.Pool(), Port: port, Timeout: 100 * time.Millisecond}
			_, _, err := f.Fetch(t.Context(), "example")
			wantError(t, err, mtasts.Timeout)
		})
	}
}

func TestFetchAddresses(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, "mta-sts.example", time.Now().AddDate(1, 0, 0))
	port := serve(t, cert, text("text/plain", policyText))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tests := []struct {
		name, zone string
		port       int
		want       mtasts.Reason
	}{
		{"second-address", "mta-sts.example. AAAA 100::1\n" + hostZone, port, ""},
		{"one-family-fails", "fail mta-sts.example AAAA\n" + hostZone, port, ""},
		{"lookup-fails", "fail mta-sts.example A", port, mtasts.HostLookup},
		{"no-address", "", port, mtasts.NoHost},
		{"refused", hostZone, closed.Addr().(*net.TCPAddr).Port, mtasts.Unreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &mtasts.Fetcher{Resolver: &zone{text: tt.zone}, RootCAs: ca.Pool(), Port: tt.port, Timeout: 5 * time.Second}
			f.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if strings.HasPrefix(address, "[100::1]") {
					return nil, errors.New("unreachable")
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			_, _, err := f.Fetch(t.Context(), "example")
			if tt.want == "" && err != nil {
				t.Error(err)
			} else if tt.want != "" {
				wantError(t, err, tt.want)
			}
		})
	}
}

// TestFetchForbidden holds that no address is dialled that the operator forbids, also
// beside one that he allows.
func TestFetchForbidden(t *testing.T) {
	ca := newAuthority(t)
	port := serve(t, ca.issue(t, "mta-sts.example", time.Now().AddDate(9, 0, 0)), text("text/plain", policyText))
	for _, tt := range []struct {
		name, zone string
		want       mtasts.Reason
	}{
		{"only", "mta-sts.example. AAAA fd00::1", mtasts.ForbiddenHost},
		{"beside-allowed", "mta-sts.example. AAAA fd00::1\n" + hostZone, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &mtasts.Fetcher{Resolver: &zone{text: tt.zone}, RootCAs: ca.Pool(), Port: port}
			f.Forbid = func(a netip.Addr) string {
				if a.IsPrivate() {
					return "a private address"
				}
				return ""
			}
			f.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if strings.HasPrefix(address, "[fd00::1]") {
					t.Errorf("%s was dialled", address)
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			_, _, err := f.Fetch(t.Context(), "example")
			if tt.want == "" && err != nil {
				t.Error(err)
			} else if tt.want != "" {
				wantError(t, err, tt.want)
			}
		})
	}
}
