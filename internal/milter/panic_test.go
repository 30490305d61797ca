package milter

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/internal/accept"
	"github.com/waxseal/waxseal/internal/panics"
)

// minedConn panics when it is read.
type minedConn struct{ net.Conn }

func (minedConn) Read([]byte) (int, error) { panic("mine") }

// TestConnectionPanic holds that a panic outside of any message ends its connection
// and is reported with the stack; the server goes on.
func TestConnectionPanic(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	var got error
	s := &Server{Handler: &judge{}, Report: func(_ *Message, err error) { got = err }}
	s.serve(accept.Stop{Soon: context.Background(), Now: context.Background()}, minedConn{theirs}, Limits{}.withDefaults())
	var e *Error
	var p *panics.Panic
	if !errors.As(got, &e) || e.Reason != Panicked || !errors.As(got, &p) || !strings.Contains(string(p.Stack), "minedConn.Read") {
		t.Errorf("reported %v", got)
	}
}
