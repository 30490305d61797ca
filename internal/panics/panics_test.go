package panics

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func explode() string { panic(io.ErrUnexpectedEOF) }

// TestGo holds that a panic crosses goroutines with the stack of the first.
func TestGo(t *testing.T) {
	if got := Go(func() int { return 7 })(); got != 7 {
		t.Errorf("got %d, want 7", got)
	}
	var caught *Panic
	func() {
		defer Catch(&caught)
		Go(func() string { return Go(explode)() })()
	}()
	if caught == nil {
		t.Fatal("no panic arrived")
	}
	if got, want := caught.Error(), "internal fault: unexpected EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(caught, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if !strings.Contains(string(caught.Stack), "panics.explode") {
		t.Errorf("the stack is not of the place where it happened:\n%s", caught.Stack)
	}
}

func TestNone(t *testing.T) {
	var caught *Panic
	func() {
		defer Catch(&caught)
		caught.Throw()
	}()
	if caught != nil || Of(nil) != nil {
		t.Errorf("got %v, want none", caught)
	}
}
