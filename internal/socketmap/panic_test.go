package socketmap

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/internal/accept"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/outbound"
)

// minedConn panics when it is read.
type minedConn struct{ net.Conn }

func (minedConn) Read([]byte) (int, error) { panic("mine") }

// TestPanics holds that a panic ends its lookup, or its connection where there is no
// lookup, and is reported with the stack.
func TestPanics(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	var got []error
	s := &Server{
		Planner: fixed(func() *outbound.Plan { panic("mine") }),
		Report:  func(err error) { got = append(got, err) },
	}
	s.serve(accept.Stop{Soon: context.Background(), Now: context.Background()}, minedConn{theirs})
	if reply := s.lookup(t.Context(), Policy, "a.example").Reply; reply != "TEMP internal fault" {
		t.Errorf("got %q", reply)
	}
	for _, err := range got {
		var e *Error
		var p *panics.Panic
		if !errors.As(err, &e) || e.Reason != Panicked || !errors.As(err, &p) || !strings.Contains(string(p.Stack), "panic_test.go") {
			t.Errorf("reported %v", err)
		}
	}
	if len(got) != 2 {
		t.Errorf("reported %v", got)
	}
}
