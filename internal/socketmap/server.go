package socketmap

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/waxseal/waxseal/internal/accept"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/outbound"
)

// Server answers lookups. The protocol has no authentication, so it should listen
// on loopback or on a socket of the file system. Its fields must not change once it
// serves.
type Server struct {
	Planner Planner // required
	// Default says which level a domain has that nothing demands TLS of; nil means
	// Own.
	Default func() Level
	// Connections is how many clients there may be at a time; 0 means
	// DefaultConnections.
	Connections int
	// Drain is how long lookups under way have when Serve is told to stop, at most
	// DrainTime; 0 means DrainTime.
	Drain time.Duration
	// Answered is told of each lookup and its reply; nil means that nobody is.
	Answered func(l Lookup)
	// Report is told why a connection ended in another way than hanging up between
	// lookups; nil means that nobody is. The error is an *Error.
	Report func(err error)

	once sync.Once
	loop accept.Loop
}

// Lookup is one lookup and its reply.
type Lookup struct {
	Map, Key string
	Reply    string
	Plan     *outbound.Plan // what the reply is made from; nil if nothing was planned
	Took     time.Duration
}

// Serve answers lookups until ctx ends. Then it closes the listener and the
// connections between lookups, waits for the others and returns nil. It returns
// earlier, and does the same, with an error of the listener that will not pass.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.once.Do(func() {
		s.loop.Connections, s.loop.Drain = s.Connections, DrainTime
		if s.Drain > 0 {
			s.loop.Drain = min(s.Drain, DrainTime)
		}
		s.loop.Conn = s.serve
		s.loop.Refused = func(net.Conn) { s.report(&Error{Reason: Full}) }
	})
	return s.loop.Serve(ctx, l)
}

// Open returns how many clients are connected.
func (s *Server) Open() int { return s.loop.Open() }

// serve answers the lookups of one client.
func (s *Server) serve(stop accept.Stop, conn net.Conn) {
	now := context.AfterFunc(stop.Now, func() { _ = conn.Close() })
	defer now()
	defer func() {
		if p := panics.Of(recover()); p != nil {
			s.report(&Error{Reason: Panicked, Err: p})
		}
	}()
	r := bufio.NewReader(conn)
	for {
		err := s.await(stop, conn, r)
		if err == nil {
			err = s.one(stop, conn, r)
		}
		switch {
		case err == nil:
			continue
		case err == io.EOF, stop.Soon.Err() != nil:
		default:
			s.report(err)
		}
		return
	}
}

// await waits for a request to begin, unless there is to be none.
func (s *Server) await(stop accept.Stop, conn net.Conn, r *bufio.Reader) error {
	_ = conn.SetReadDeadline(time.Now().Add(IdleTime))
	wake := context.AfterFunc(stop.Soon, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	_, err := r.Peek(1)
	if !wake() && err == nil && stop.Soon.Err() != nil {
		return net.ErrClosed
	}
	switch {
	case err == nil:
		return conn.SetReadDeadline(time.Now().Add(RequestTime))
	case err == io.EOF:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Reason: Timeout, Err: err}
	}
	return &Error{Reason: Closed, Err: err}
}

// one answers one request.
func (s *Server) one(stop accept.Stop, conn net.Conn, r *bufio.Reader) error {
	name, key, err := readRequest(r)
	if err != nil {
		return err
	}
	begin := time.Now()
	l := s.lookup(stop.Now, name, key)
	l.Took = time.Since(begin)
	if s.Answered != nil {
		s.Answered(l)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(RequestTime))
	if _, err := conn.Write(appendReply(nil, l.Reply)); err != nil {
		return &Error{Reason: WriteFailed, Err: err}
	}
	return nil
}

// lookup finds the reply. A panic costs this lookup alone.
func (s *Server) lookup(ctx context.Context, name, key string) (l Lookup) {
	l = Lookup{Map: name, Key: key}
	defer func() {
		if p := panics.Of(recover()); p != nil {
			l.Reply = temp + "internal fault"
			s.report(&Error{Reason: Panicked, Err: p})
		}
	}()
	if name != Policy && name != PolicyTLSRPT {
		l.Reply = perm + "there is no map " + clean(name)
		return l
	}
	domain, known := domainOf(key)
	if !known {
		l.Reply = notFound
		return l
	}
	ctx, cancel := context.WithTimeout(ctx, LookupTime)
	defer cancel()
	l.Plan = s.Planner.Plan(ctx, domain)
	otherwise := Own
	if s.Default != nil {
		otherwise = s.Default()
	}
	l.Reply = answer(l.Plan, otherwise, name == PolicyTLSRPT)
	return l
}

func (s *Server) report(err error) {
	if s.Report != nil {
		s.Report(err)
	}
}
