package policyhost

import (
	"net/http"
	"strings"
	"time"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Request is one request and what it was answered.
type Request struct {
	Host, Method, Path string // as the client wrote them
	Client             string // address and port
	Agent              string
	Status             int
}

// ServeHTTP answers one request. Its status is 200 for the policy alone: senders follow
// no redirect and take nothing else for one (RFC 8461, Section 3.3).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w = &noted{ResponseWriter: w, done: func(status int) {
		if s.Answered != nil {
			s.Answered(Request{r.Host, r.Method, r.URL.Path, r.RemoteAddr, r.UserAgent(), status})
		}
	}}
	host := hostOf(r.Host)
	policy, ours := s.Site().policies[host]
	switch {
	case !ours, r.URL.Path != wellKnown:
		refuse(w, http.StatusNotFound)
	case r.TLS == nil, hostOf(r.TLS.ServerName) != host:
		// RFC 9110, Section 15.5.20: the client should come again over a connection
		// that was opened for that host, so that its certificate is that host's.
		refuse(w, http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
	default:
		serve(w, r, policy)
	}
}

// serve writes the policy. ServeContent does HEAD, the length and what the request's
// conditions ask for.
func serve(w http.ResponseWriter, r *http.Request, p Policy) {
	h := w.Header()
	h.Set("Content-Type", "text/plain") // RFC 8461, Section 3.2: this type, so that no script of others can be it
	h.Set("X-Content-Type-Options", "nosniff")
	// RFC 8461, Section 3.3 forbids senders to use HTTP's caching; who is in between
	// must not answer in our place either. The tag shows which policy it is.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+p.Policy.ID()+`"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(p.Policy.String()))
}

// refuse writes a reply without content. The connection ends with it: nothing more is
// to be expected there.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

// noted is told the status.
type noted struct {
	http.ResponseWriter
	done func(status int)
}

// WriteHeader implements http.ResponseWriter.
func (n *noted) WriteHeader(status int) {
	n.ResponseWriter.WriteHeader(status)
	n.done(status)
}

// hostOf returns the host of a Host field (RFC 9110, Section 7.2) as our hosts are
// written: in lower case, without port, and without the dot that may end a name of DNS
// (RFC 3986, Section 3.2.2) and does not change it. What is no such field comes out as
// something that is no host of ours.
func hostOf(field string) string {
	host, port, _ := strings.Cut(field, ":")
	for i := range len(port) {
		if !ascii.IsDigit(port[i]) {
			return ""
		}
	}
	return ascii.ToLower(strings.TrimSuffix(host, "."))
}
