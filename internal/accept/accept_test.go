package accept

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a listener of in-memory connections.
type pipes struct {
	conns chan net.Conn
	fail  chan error
	done  chan struct{}
}

func newPipes() *pipes {
	return &pipes{make(chan net.Conn), make(chan error), make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case err := <-p.fail:
		return nil, err
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "test"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// echoes until it is stopped.
func echo(stop Stop, conn net.Conn) {
	done := make(chan struct{})
	go func() { _, _ = io.Copy(conn, conn); close(done) }()
	select {
	case <-done:
	case <-stop.Now.Done():
		conn.Close()
		<-done
	}
}

func TestCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		l := Loop{Conn: echo, Connections: 2, Refused: func(net.Conn) { refused++ }}
		ctx, cancel := context.WithCancel(t.Context())
		p := newPipes()
		ended := make(chan error)
		go func() { ended <- l.Serve(ctx, p) }()
		a, b, c := p.dial(), p.dial(), p.dial()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("third connection: %v, want EOF", err)
		}
		if got := l.Open(); got != 2 || refused != 1 {
			t.Errorf("open %d, refused %d; want 2, 1", got, refused)
		}
		a.Close()
		synctest.Wait()
		d := p.dial()
		synctest.Wait()
		if got := l.Open(); got != 2 {
			t.Errorf("open %d after one left, want 2", got)
		}
		b.Close()
		d.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Loop{Conn: echo, Drain: 10 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		p := newPipes()
		ended := make(chan error)
		go func() { ended <- l.Serve(ctx, p) }()
		conn := p.dial()
		begin := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := time.Since(begin); got != 10*time.Second {
			t.Errorf("stopped after %v, want 10s", got)
		}
		conn.Close()
	})
}

type passing struct{ error }

func (passing) Temporary() bool { return true }

func TestListenerErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Loop{Conn: echo}
		p := newPipes()
		ended := make(chan error)
		go func() { ended <- l.Serve(t.Context(), p) }()
		p.fail <- passing{errors.New("out of files")}
		p.dial().Close()
		broken := errors.New("broken")
		p.fail <- broken
		if err := <-ended; err != broken {
			t.Errorf("got %v, want %v", err, broken)
		}
	})
}
