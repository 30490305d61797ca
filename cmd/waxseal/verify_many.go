package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// outcome is what became of one message.
type outcome struct {
	verified *verified
	err      error
}

// runInputs verifies all messages, several files at a time, and prints the
// outcomes in the order of the inputs. A file that cannot be read is reported
// and the others go on.
func (v *verifyCommand) runInputs(ctx context.Context, inputs []input) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan chan outcome, 4*runtime.GOMAXPROCS(0))
	bar := newProgress(v.std.err, inputs)
	go v.feed(ctx, inputs, queue, bar)
	p := newPrinter(v.std.out)
	var failed, matched error
	count := 0
	for outcomes := range queue {
		for out := range outcomes {
			if out.err != nil && ctx.Err() != nil {
				continue // said once, below
			}
			if out.err != nil {
				if failed != nil {
					report(v.std.err, failed)
				}
				failed = out.err
				continue
			}
			if count++; count > 1 && !v.asJSON {
				p.line("")
			}
			err := v.print(p, out.verified, len(inputs) > 1 || count > 1)
			if err != nil && !errors.Is(err, errFailOn) {
				return err
			}
			if err != nil {
				matched = err
			}
		}
	}
	bar.finish()
	switch {
	case ctx.Err() != nil:
		return fail(errInterrupted)
	case failed != nil:
		return failed
	}
	return matched
}

// feed starts a worker per input, as many at a time as the queue holds.
func (v *verifyCommand) feed(ctx context.Context, inputs []input, queue chan<- chan outcome, bar *progress) {
	defer close(queue)
	for _, in := range inputs {
		outcomes := make(chan outcome, 16)
		select {
		case queue <- outcomes:
		case <-ctx.Done():
			return
		}
		go func() {
			defer close(outcomes)
			send := func(out outcome) error {
				select {
				case outcomes <- out:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			err := in.messages(v.std, func(name string, r io.Reader) error {
				done, err := v.verify(ctx, name, r)
				return send(outcome{done, err})
			})
			if err != nil && ctx.Err() == nil {
				send(outcome{err: err}) //nolint:errcheck // nobody listens any more if it fails
			}
			bar.add(in.size)
		}()
	}
}

// progress is a bar on a terminal, where more than one file is read.
type progress struct {
	p   *mpb.Progress
	bar *mpb.Bar
}

func newProgress(w io.Writer, inputs []input) *progress {
	f, ok := w.(*os.File)
	if len(inputs) < 2 || !ok || !term.IsTerminal(int(f.Fd())) || term.IsTerminal(int(os.Stdout.Fd())) {
		return &progress{}
	}
	var total int64
	for _, in := range inputs {
		total += in.size
	}
	p := mpb.New(mpb.WithOutput(w))
	bar := p.AddBar(total,
		mpb.PrependDecorators(decor.CountersKibiByte("verified % .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageETA(decor.ET_STYLE_GO)))
	return &progress{p, bar}
}

func (p *progress) add(n int64) {
	if p.bar != nil {
		p.bar.IncrInt64(n)
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
		p.p.Wait()
	}
}
