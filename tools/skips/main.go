// Skips reads the output of go test -json, prints what go test without -json would
// print, and at the end which tests were skipped and why: go test keeps that to itself.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// event is what go test -json says (go doc test2json).
type event struct{ Action, Package, Test, Output string }

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := filter(os.Stdin, out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
}

// run is the output of the tests that have not ended, and the skipped ones.
type run struct {
	out     *bufio.Writer
	said    map[event]string // by package and test
	skipped []string
}

func filter(in io.Reader, out *bufio.Writer) error {
	r := run{out: out, said: map[event]string{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if bad := json.Unmarshal(line, &e); bad != nil {
			out.Write(line) // go itself, such as "go: downloading"
		} else {
			r.take(e)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if out.Buffered() > 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(out, "skipped: %d\n", len(r.skipped))
	for _, s := range r.skipped {
		fmt.Fprintf(out, "  %s\n", s)
	}
	return nil
}

func (r *run) take(e event) {
	of := event{Package: e.Package, Test: e.Test}
	switch {
	case e.Action == "build-output" || e.Action == "output" && e.Test == "":
		if e.Output != "PASS\n" { // "ok" with the package follows
			r.out.WriteString(e.Output)
		}
	case e.Action == "output":
		if !progress.MatchString(e.Output) {
			r.said[of] += e.Output
		}
	case e.Action == "fail" && e.Test == "":
		r.unfinished(e.Package)
	case e.Action == "fail":
		r.out.WriteString(r.said[of])
		delete(r.said, of)
	case e.Action == "skip" && e.Test != "":
		r.skipped = append(r.skipped, e.Package+" "+e.Test+": "+reason(r.said[of]))
		delete(r.said, of)
	case e.Action == "pass":
		delete(r.said, of)
	}
}

// unfinished prints what the tests said that were running when their package ended:
// in one of them may be the panic that ended it.
func (r *run) unfinished(pkg string) {
	var left []event
	for of := range r.said {
		if of.Package == pkg {
			left = append(left, of)
		}
	}
	slices.SortFunc(left, func(a, b event) int { return strings.Compare(a.Test, b.Test) })
	for _, of := range left {
		r.out.WriteString(r.said[of])
		delete(r.said, of)
	}
}

var (
	progress = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME) `)
	place    = regexp.MustCompile(`^\s+\S+\.go:\d+: `)
)

// reason is the last thing that a skipped test said.
func reason(said string) string {
	text := "no reason"
	for line := range strings.Lines(said) {
		if at := place.FindString(line); at != "" {
			text = strings.TrimSpace(line[len(at):])
		}
	}
	return text
}
