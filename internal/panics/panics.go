// Package panics keeps a panic to the piece of work that it happened in. A panic
// that leaves a goroutine ends the process, and with it all other messages; so
// each goroutine that works for a message catches its own, and whoever waits for
// it meets it where a recover of the whole message stands. The stack stays that of
// the place where it happened.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic that was caught.
type Panic struct {
	Value any
	Stack []byte // of the goroutine that panicked
}

// Error says what happened, in one line; the stack is for a log.
func (p *Panic) Error() string { return fmt.Sprintf("internal fault: %v", p.Value) }

// Unwrap returns the error that was thrown, nil if it was no error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Of returns the panic for what recover returned, nil for nil. It is to be called
// by the deferred function, while the stack is still there. A panic that was thrown
// on keeps the stack that it has.
func Of(recovered any) *Panic {
	if recovered == nil {
		return nil
	}
	if p, ok := recovered.(*Panic); ok {
		return p
	}
	return &Panic{recovered, debug.Stack()}
}

// Catch is to be deferred: it stores a panic in caught.
func Catch(caught **Panic) {
	if p := recover(); p != nil {
		*caught = Of(p)
	}
}

// Throw goes on with a panic from another goroutine, if there was one.
func (p *Panic) Throw() {
	if p != nil {
		panic(p)
	}
}

// Go runs work in a goroutine and returns the function that waits for its result.
// If work panics, the waiting one does.
func Go[T any](work func() T) (wait func() T) {
	var (
		result T
		caught *Panic
		done   = make(chan struct{})
	)
	go func() {
		defer close(done)
		defer Catch(&caught)
		result = work()
	}()
	return func() T {
		<-done
		caught.Throw()
		return result
	}
}
