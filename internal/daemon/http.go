package daemon

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of those who ask how the daemon is.
const (
	maxAskers      = 64
	maxAskedHeader = 8 << 10
	askTime        = 10 * time.Second
	answerTime     = 30 * time.Second
	askIdleTime    = 5 * time.Second // a connection that rests keeps others from a place
	lastAnswerTime = time.Second     // for an answer under way when the daemon ends
)

// serveHealth serves HTTP on the listener of [metrics] until ctx ends.
func (d *Daemon) serveHealth(ctx context.Context, l net.Listener) error {
	s := &http.Server{
		Handler:     d.healthHandler(),
		ReadTimeout: askTime, WriteTimeout: answerTime, IdleTimeout: askIdleTime,
		MaxHeaderBytes: maxAskedHeader,
		ErrorLog:       slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		defer close(ended)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswerTime)
		defer cancel()
		if s.Shutdown(last) != nil {
			_ = s.Close()
		}
	})
	err := s.Serve(netutil.LimitListener(l, maxAskers))
	if end() { // not told to stop: the listener failed
		_ = s.Close()
		return err
	}
	<-ended
	return nil
}

// healthHandler answers /metrics, /healthz and /readyz.
func (d *Daemon) healthHandler() http.Handler {
	mux := http.NewServeMux() // a GET pattern takes HEAD as well, and refuses the rest
	mux.Handle("GET /metrics", d.meter.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if failing := d.health.failures(r.Context(), d.state.Load()); len(failing) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Join(failing, "\n")+"\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}
