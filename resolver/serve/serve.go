// Package serve answers DNS queries of other programs over UDP and TCP (RFC
// 1035, RFC 7766) with what a resolver.Resolver says: a security-aware recursive
// name server in the sense of RFC 4035, Section 3.2, for programs on the same
// host.
//
// The AD bit is set only where the answer is proven and the client asked with AD
// or DO (RFC 6840, Section 5.8); why an answer is bogus or could not be had is
// told in extended errors (RFC 8914); CD gives the records as they came. It
// diverges where a server for strangers would be needed: everybody who can reach
// it is answered, without rate limits or cookies, and queries without RD are
// answered like all others.
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// Limits of a Server.
const (
	MaxQueries      = 1024             // under way at once; UDP queries beyond are dropped, TCP ones wait
	MaxConnections  = 128              // over TCP; others wait in the backlog
	MaxPerConn      = 32               // queries under way on one connection (RFC 7766, Section 6.2.1.1)
	IdleTimeout     = 10 * time.Second // without a whole query (RFC 7766, Section 6.2.3)
	WriteTimeout    = 5 * time.Second  // for a client that does not read
	UDPSize         = 1232             // bytes of a reply over UDP; more is truncated
	minUDPSize      = 512              // RFC 6891, Section 6.2.3
	maxQuery        = 4096             // bytes of a query over UDP
	pauseAfterError = 50 * time.Millisecond
	listenTries     = 10 // a free UDP port may be taken for TCP
)

// Server answers queries. The fields must not change once it is in use.
type Server struct {
	// Resolver is required. If it is a resolver.Peeker, what it knows is
	// answered at once. Its answers carry signatures to those who ask for them
	// (DO) only if they have a Proof.
	Resolver resolver.Resolver

	// Source answers queries with CD, as it came and not validated; nil means
	// that they are answered like all others (RFC 4035, Section 3.2.2 wants it).
	Source resolver.Source

	// Time is the clock that TTLs count down by: that of the Resolver's answers.
	// nil means time.Now.
	Time func() time.Time

	// Report is told what an operator should know: a panic while answering, an
	// error of a socket. It must be safe for concurrent use; nil means that
	// nobody is told.
	Report func(error)

	once    sync.Once
	slots   chan struct{}
	queries atomic.Uint64
	dropped atomic.Uint64
}

// Stats counts what a Server has done.
type Stats struct {
	Queries uint64 `json:"queries"` // answered
	Dropped uint64 `json:"dropped"` // too many at once, or not a query at all
}

// Stats returns the counts at this moment.
func (s *Server) Stats() Stats { return Stats{s.queries.Load(), s.dropped.Load()} }

func (s *Server) prepare() { s.slots = make(chan struct{}, MaxQueries) }

func (s *Server) now() time.Time {
	if s.Time != nil {
		return s.Time()
	}
	return time.Now()
}

func (s *Server) report(err error) {
	if s.Report != nil {
		s.Report(err)
	}
}

// Listen opens one port for both transports; port 0 takes a free one.
func Listen(addr netip.AddrPort) (*net.UDPConn, *net.TCPListener, error) {
	var errs []error
	for range listenTries {
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		if err != nil {
			return nil, nil, fmt.Errorf("serve: %w", err)
		}
		same := udp.LocalAddr().(*net.UDPAddr).AddrPort()
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(same))
		if err == nil {
			return udp, tcp, nil
		}
		errs = append(errs, err)
		_ = udp.Close()
		if addr.Port() != 0 {
			break
		}
	}
	return nil, nil, fmt.Errorf("serve: %w", errors.Join(errs...))
}

// Serve answers what comes in until ctx ends, which is no error, and has no
// goroutine left when it returns. It closes both sockets. Either may be nil.
func (s *Server) Serve(ctx context.Context, udp *net.UDPConn, tcp *net.TCPListener) error {
	s.once.Do(s.prepare)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	errs := make(chan error, runtime.GOMAXPROCS(0)+1)
	start := func(run func(context.Context) error) {
		all.Go(func() {
			err := run(ctx)
			cancel() // half a server is none
			errs <- err
		})
	}
	if udp != nil {
		defer udp.Close()
		stop := context.AfterFunc(ctx, func() { _ = udp.Close() })
		defer stop()
		for range cap(errs) - 1 {
			start(func(ctx context.Context) error { return s.serveUDP(ctx, udp, &all) })
		}
	}
	if tcp != nil {
		defer tcp.Close()
		stop := context.AfterFunc(ctx, func() { _ = tcp.Close() })
		defer stop()
		start(func(ctx context.Context) error { return s.serveTCP(ctx, tcp, &all) })
	}
	if udp == nil && tcp == nil {
		<-ctx.Done()
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return fmt.Errorf("serve: %w", err)
		}
	}
	return nil
}

// pause waits a moment after an error of a socket; false means that the server
// ends.
func pause(ctx context.Context) bool {
	t := time.NewTimer(pauseAfterError)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
