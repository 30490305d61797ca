package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/waxseal/waxseal/resolver"
)

// Limits of dns --batch.
const (
	batchAhead = 256     // questions under way or waiting to be printed
	batchLine  = 4 << 10 // bytes; no name in it has more
)

// batchItem is one line of the input; out is closed without a value if nothing
// came of it.
type batchItem struct {
	line  int
	words []string
	out   chan *found
	err   error // what is wrong with the line or its lookup
}

// runBatch looks up each line and prints the outcomes in their order.
func (d *dnsCommand) runBatch(ctx context.Context, args []string) error {
	in := d.std.in
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return fail(err, "--batch reads lines of NAME [TYPE] from a file or from standard input")
		}
		defer file.Close()
		in = file
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *batchItem, batchAhead)
	go d.feedBatch(ctx, in, queue)
	return d.printBatch(ctx, queue)
}

// feedBatch starts a lookup for each line, as many at a time as the queue holds.
func (d *dnsCommand) feedBatch(ctx context.Context, in io.Reader, queue chan<- *batchItem) {
	defer close(queue)
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, batchLine), batchLine)
	send := func(item *batchItem) bool {
		select {
		case queue <- item:
			return true
		case <-ctx.Done():
			return false
		}
	}
	n := 0
	for lines.Scan() {
		n++
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		item := &batchItem{line: n, words: words, out: make(chan *found, 1)}
		if !send(item) {
			return
		}
		go d.lookupLine(ctx, item)
	}
	if err := lines.Err(); err != nil {
		item := &batchItem{line: n + 1, out: make(chan *found), words: []string{""}, err: err}
		close(item.out)
		send(item)
	}
}

func (d *dnsCommand) lookupLine(ctx context.Context, item *batchItem) {
	defer close(item.out)
	if len(item.words) > 2 {
		item.err = fmt.Errorf("%d words, but a question is NAME [TYPE]", len(item.words))
		return
	}
	q, err := parseQuestion(item.words)
	if err != nil {
		item.err = err
		return
	}
	out, err := d.lookup(ctx, q)
	if err != nil {
		item.err = err
		return
	}
	item.out <- out
}

// printBatch writes the outcomes. What is written is passed on whenever the next
// outcome is not there yet.
func (d *dnsCommand) printBatch(ctx context.Context, queue <-chan *batchItem) error {
	w := bufio.NewWriterSize(d.std.out, 64<<10)
	enc := json.NewEncoder(w)
	var matched error
	count, failed := 0, 0
	var first error
	for {
		item, more := next(ctx, queue, w)
		if !more {
			break
		}
		out, ok := next(ctx, item.out, w)
		if ctx.Err() != nil {
			break
		}
		count++
		if !ok {
			failed++
			fmt.Fprintf(d.std.err, "waxseal: line %d: %s\n", item.line, clean(oneLine(item.err.Error())))
			out = item.unasked()
		} else if out.err != nil {
			failed++
			if first == nil {
				first = out.err
			}
		}
		if err := enc.Encode(out); err != nil {
			return err
		}
		if ok && d.match(out.answer) != nil {
			matched = errFailOn
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return fail(errors.New("interrupted"))
	case failed > 0:
		return batchFailure(count, failed, first)
	}
	return matched
}

// unasked stands in the output for a line that is no question, so that there is
// one object for each line.
func (item *batchItem) unasked() *found {
	typ := resolver.TypeA
	if len(item.words) > 1 {
		if t, err := resolver.ParseType(item.words[1]); err == nil {
			typ = t
		}
	}
	return &found{answer: &resolver.Answer{
		Name: item.words[0], Type: typ, RCode: resolver.FormErr,
		Reason: fmt.Sprintf("line %d: %s", item.line, clean(oneLine(item.err.Error()))),
	}}
}

func batchFailure(count, failed int, first error) error {
	err := fmt.Errorf("%d of %d lines could not be looked up", failed, count)
	var f *failure
	if errors.As(first, &f) {
		return fail(fmt.Errorf("%w, the first: %w", err, first), f.hints...)
	}
	return fail(err)
}

// next receives from c, and flushes w if that means waiting. There is nothing once
// ctx ends: whoever reads standard input may wait for ever.
func next[V any](ctx context.Context, c <-chan V, w *bufio.Writer) (v V, ok bool) {
	select {
	case v, ok = <-c:
		return v, ok
	default:
	}
	_ = w.Flush() // an error comes again with the next write
	select {
	case v, ok = <-c:
	case <-ctx.Done():
	}
	return v, ok
}
