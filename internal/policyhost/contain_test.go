package policyhost

import (
	"errors"
	"testing"

	"github.com/waxseal/waxseal/internal/panics"
)

// TestContain holds that a panic in the background costs one look or one order, and not
// the process.
func TestContain(t *testing.T) {
	var n notes
	s := &Server{Site: func() *Site { panic("bug") }, Log: n.logger()}
	s.look()
	if !n.has("internal fault: bug") {
		t.Error("the log says nothing of it")
	}
	a := new(ACME) // which has not been started: certmagic is asked through nothing
	var caught *panics.Panic
	if err := a.order(t.Context(), "mta-sts.a.example"); !errors.As(err, &caught) {
		t.Errorf("got %v, want a panic", err)
	}
}
