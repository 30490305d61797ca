package policyhost

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/internal/panics"
)

// Server serves policies. Its fields must not change once it serves.
type Server struct {
	// Site returns what is served now; required, and never nil.
	Site func() *Site
	// ACME gets the certificates that are in no files; nil if all are.
	ACME *ACME
	// Connections is how many there may be at a time; 0 means DefaultConnections.
	Connections int
	// Log takes what an operator should know; nil means that nobody reads it.
	Log *slog.Logger
	// Answered is told of each request; nil means that nobody is.
	Answered func(Request)
	// Time is the clock that certificates are checked by; nil means time.Now.
	Time func() time.Time

	life    sync.Mutex
	running bool
	refused atomic.Int64 // connections, since they were last told of
	mu      sync.Mutex   // of what is below, and for those who look after the files
	warned  map[string]time.Time
}

// checkEvery is how often the files of certificates are looked at.
const checkEvery = time.Minute

// warnEvery is how often what stays wrong is told again.
const warnEvery = 24 * time.Hour

// Serve serves until ctx ends; then it closes the listener, lets requests finish and
// returns nil. It returns earlier, and does the same, with an error of the listener
// that will not pass.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if s.ACME != nil {
		end := s.ACME.start(ctx, l.Addr())
		defer end()
	}
	s.run(true)
	defer s.run(false)
	s.Changed()
	var watch sync.WaitGroup
	defer watch.Wait()
	watch.Go(func() { s.watch(ctx) })
	defer stop()
	web := newWeb(s, s.log())
	web.TLSConfig = s.tlsConfig()
	limited := &limited{Listener: l, most: cmp.Or(s.Connections, DefaultConnections), life: connectionTime, refused: &s.refused}
	return serveWeb(ctx, web, func() error { return web.ServeTLS(limited, "", "") })
}

// newWeb returns a server of HTTP with the limits of this package.
func newWeb(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: requestTime, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: stdlog.New(faults{log}, "", 0),
	}
}

// serveWeb serves until ctx ends, and lets requests finish then.
func serveWeb(ctx context.Context, web *http.Server, serve func() error) error {
	ended := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		defer close(ended)
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if web.Shutdown(late) != nil {
			_ = web.Close()
		}
	})
	err := serve()
	if end() { // not told to stop: the listener failed
		_ = web.Close()
		return err
	}
	<-ended
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) run(on bool) {
	s.life.Lock()
	defer s.life.Unlock()
	s.running = on
}

// Changed tells the server that Site returns another one, or that it should look now
// what has become of the certificates. While it does not serve it does nothing.
func (s *Server) Changed() {
	s.life.Lock()
	defer s.life.Unlock()
	if !s.running {
		return
	}
	if s.ACME != nil {
		s.ACME.manage(s.Site().byACME())
	}
	s.check()
}

func (s *Server) tlsConfig() *tls.Config {
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: s.certificate,
		// A session that is taken up again would pass by GetCertificate.
		SessionTicketsDisabled: true,
	}
	if s.ACME != nil {
		c.NextProtos = append(c.NextProtos, acmeProtocol)
	}
	return c
}

// certificate chooses by the name that the client sends. Without a certificate the
// handshake ends with the alert unrecognized_name.
func (s *Server) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	site, host := s.Site(), ascii.ToLower(hello.ServerName)
	if _, ours := site.policies[host]; !ours {
		return nil, nil
	}
	if s.ACME != nil && slices.Equal(hello.SupportedProtos, []string{acmeProtocol}) {
		return s.ACME.challenge(hello)
	}
	if cert := site.certificate(host); cert != nil {
		return cert, nil
	}
	if s.ACME != nil {
		return s.ACME.certificate(host, s.now()), nil
	}
	return nil, nil
}

// watch looks after the certificates until ctx ends.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look()
		}
	}
}

// look is check in the background: a panic over a certificate must not end the process.
func (s *Server) look() {
	defer func() {
		if p := panics.Of(recover()); p != nil {
			s.log().Error("MTA-STS host: certificate not read again", "error", p.Error())
		}
	}()
	s.check()
}

// check reads again what has changed and tells what is wrong.
func (s *Server) check() {
	if n := s.refused.Swap(0); n > 0 {
		s.log().Warn("MTA-STS host: connections refused, there were too many", "refused", n)
	}
	now := s.now()
	for _, p := range s.Site().Pairs() {
		changed, err := s.refresh(p, now)
		if err != nil {
			s.log().Error("MTA-STS host: certificate not read again", "error", err.Error())
		}
		if changed {
			s.log().Info("MTA-STS host: certificate read again", "file", p.files.Certificate, "not_after", p.Certificate().Leaf.NotAfter)
		}
		s.warn(p.files.Certificate, p.Certificate(), now)
	}
	if s.ACME == nil {
		return
	}
	for _, host := range s.Site().byACME() {
		if cert := s.ACME.certificate(host, now); cert != nil {
			s.warn(host, cert, now)
		}
	}
}

// refresh is the pair's, which is not for two at a time.
func (s *Server) refresh(p *Pair, now time.Time) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.Refresh(now)
}

// warn tells what senders will not like about a certificate, unless it has just done
// so.
func (s *Server) warn(of string, cert *tls.Certificate, now time.Time) {
	problem := outOfTime(cert.Leaf, now)
	if problem == "" && endsSoon(cert.Leaf, now) {
		problem = "the certificate expires soon and has not been renewed"
	}
	if problem != "" && s.seldom(of+" "+problem, now) {
		s.log().Warn("MTA-STS host: "+problem, "certificate", of, "not_after", cert.Leaf.NotAfter)
	}
	if problem == "" && s.seldom(of+" "+cert.Leaf.SerialNumber.String(), now) {
		if err := unverified(cert, now); err != "" {
			s.log().Warn("MTA-STS host: senders may not trust the certificate", "certificate", of, "error", err)
		}
	}
}

// seldom reports whether it was not asked for the same thing not long ago.
func (s *Server) seldom(what string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, at := range s.warned {
		if now.Sub(at) >= warnEvery {
			delete(s.warned, old)
		}
	}
	if _, told := s.warned[what]; told {
		return false
	}
	if s.warned == nil {
		s.warned = make(map[string]time.Time)
	}
	s.warned[what] = now
	return true
}

func (s *Server) now() time.Time {
	if s.Time != nil {
		return s.Time()
	}
	return time.Now()
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// faults takes what net/http writes to its log. Any stranger can make most of it be
// written, and chooses some of the words.
type faults struct{ log *slog.Logger }

// maxFault bounds what a stranger can write into the log.
const maxFault = 512

// Write implements io.Writer.
func (f faults) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	switch {
	case strings.HasPrefix(text, "http: panic"):
		f.log.Error("MTA-STS host: panic in a request", "error", text)
	case strings.HasPrefix(text, "http: Accept error"):
		f.log.Warn("MTA-STS host: no connection can be taken", "error", text)
	default:
		f.log.Debug("MTA-STS host: connection ended", "error", text[:min(len(text), maxFault)])
	}
	return len(line), nil
}
