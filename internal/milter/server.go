package milter

import (
	"context"
	"net"
	"sync"

	"github.com/waxseal/waxseal/internal/accept"
	"github.com/waxseal/waxseal/internal/panics"
)

// Server serves mail servers. Its fields must not change once it serves.
type Server struct {
	Handler Handler // required
	Limits  Limits
	// Report is told what went wrong with a connection or a message; nil means that
	// nobody is. The error is an *Error. Several connections may call it at a time,
	// and m is nil where no message was under way.
	Report func(m *Message, err error)

	once sync.Once
	loop accept.Loop
}

// Serve takes connections until ctx ends. Then it closes the listener and the
// connections that are between messages, waits up to Limits.Drain for the other
// messages and returns nil. It returns earlier, and does the same, with an error of
// the listener that will not pass. Several listeners may be served at a time.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.once.Do(func() {
		limits := s.Limits.withDefaults()
		s.loop.Connections, s.loop.Drain = limits.Connections, limits.Drain
		s.loop.Conn = func(stop accept.Stop, nc net.Conn) { s.serve(stop, nc, limits) }
		s.loop.Refused = func(net.Conn) { s.report(nil, &Error{Reason: Full}) }
	})
	return s.loop.Serve(ctx, l)
}

// Connections returns how many mail servers are connected.
func (s *Server) Connections() int { return s.loop.Open() }

// serve speaks with one mail server to the end.
func (s *Server) serve(stop accept.Stop, nc net.Conn, limits Limits) {
	c := newConn(s, stop, nc, limits)
	// A wait for the next packet ends when no further message may begin, and
	// everything when the time to finish is over.
	soon := context.AfterFunc(stop.Soon, c.wake)
	defer soon()
	now := context.AfterFunc(stop.Now, func() { _ = nc.Close() })
	defer now()
	// What is not the message's own fault costs this connection and no other.
	defer func() {
		if p := panics.Of(recover()); p != nil {
			s.report(c.message(), panicked(p))
			c.abort()
		}
	}()
	err := c.run()
	m := c.message()
	c.abort()
	if err != nil && (m != nil || stop.Soon.Err() == nil) {
		s.report(m, err)
	}
}

func (s *Server) report(m *Message, err error) {
	if s.Report != nil && err != nil {
		s.Report(m, err)
	}
}
