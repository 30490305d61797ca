// Package accept is what every server here does before it speaks its protocol:
// take connections from a listener, only so many at a time, and end them in good
// order.
package accept

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The defaults of a Loop.
const (
	DefaultConnections = 1000
	DefaultDrain       = 30 * time.Second
)

// Stop says when the server of a connection should end.
type Stop struct {
	Soon context.Context // ended: finish what is under way, begin nothing new
	Now  context.Context // ended: the time for that is over
}

// Loop serves connections. Its fields must not change once it serves.
type Loop struct {
	// Conn serves one connection; the Loop closes it afterwards. Required.
	Conn func(stop Stop, conn net.Conn)
	// Refused is told of a connection for which there was no place, before it is
	// closed; nil means that nobody is.
	Refused func(conn net.Conn)
	// Connections is how many there may be at a time, over all listeners; 0 means
	// DefaultConnections.
	Connections int
	// Drain is how long connections have to finish once Serve is told to stop; 0
	// means DefaultDrain.
	Drain time.Duration

	open atomic.Int64
}

// Open returns how many connections there are.
func (l *Loop) Open() int { return int(l.open.Load()) }

// Serve takes connections until ctx ends; then it closes the listener, waits up
// to Drain for the connections and returns nil. It returns earlier, and does the
// same, with an error of the listener that will not pass. Several listeners may
// be served at a time.
func (l *Loop) Serve(ctx context.Context, listener net.Listener) error {
	soon, stop := context.WithCancel(ctx)
	defer stop()
	closing := context.AfterFunc(soon, func() { _ = listener.Close() })
	defer closing()
	now, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()

	var wg sync.WaitGroup
	err := take(soon, listener, func(conn net.Conn) {
		if !l.enter() {
			if l.Refused != nil {
				l.Refused(conn)
			}
			_ = conn.Close()
			return
		}
		wg.Go(func() {
			defer l.open.Add(-1)
			defer conn.Close()
			l.Conn(Stop{soon, now}, conn)
		})
	})
	stop()
	_ = listener.Close()
	drain := l.Drain
	if drain == 0 {
		drain = DefaultDrain
	}
	timer := time.AfterFunc(drain, kill)
	defer timer.Stop()
	wg.Wait()
	return err
}

func (l *Loop) enter() bool {
	most := l.Connections
	if most == 0 {
		most = DefaultConnections
	}
	if l.open.Add(1) > int64(most) {
		l.open.Add(-1)
		return false
	}
	return true
}

// take hands connections to begin until ctx ends or the listener fails for good.
func take(ctx context.Context, listener net.Listener, begin func(net.Conn)) error {
	const longest = time.Second
	for wait := time.Duration(0); ; {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			wait = 0
			begin(conn)
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed), !passes(err):
			return err
		}
		wait = min(max(2*wait, 5*time.Millisecond), longest) // such as out of files
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func passes(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}
