package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// mark colours a word by what it means for the reader; the word itself always
// says the same, so that nothing is lost without colour.
type mark int

const (
	plain mark = iota
	good
	bad
	doubt
	dim
)

var ansi = [...]string{plain: "", good: "32", bad: "31", doubt: "33", dim: "2"}

// printer writes for people.
type printer struct {
	w      io.Writer
	colour bool
	err    error // the first one of w
}

// newPrinter uses colour on a terminal only, and never under NO_COLOR.
func newPrinter(w io.Writer) *printer {
	f, ok := w.(*os.File)
	colour := ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &printer{w: w, colour: colour}
}

func (p *printer) paint(m mark, s string) string {
	if !p.colour || m == plain || s == "" {
		return s
	}
	return "\x1b[" + ansi[m] + "m" + s + "\x1b[0m"
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

// node is one line of an evidence tree: a word that is the result, the text
// that explains it, and what it rests on.
type node struct {
	word     string
	mark     mark
	text     string
	children []*node
}

func (n *node) add(children ...*node) *node {
	n.children = append(n.children, children...)
	return n
}

// note is a node of text alone.
func note(format string, args ...any) *node {
	return &node{text: fmt.Sprintf(format, args...), mark: dim}
}

// tree draws n and all below it.
func (p *printer) tree(n *node) { p.branch(n, "", "") }

func (p *printer) branch(n *node, first, rest string) {
	line := clean(n.text)
	if n.word != "" {
		line = strings.TrimSpace(p.paint(n.mark, clean(n.word)) + " " + line)
	} else {
		line = p.paint(n.mark, line)
	}
	p.line("%s%s", first, line)
	for i, c := range n.children {
		if i == len(n.children)-1 {
			p.branch(c, rest+"└─ ", rest+"   ")
		} else {
			p.branch(c, rest+"├─ ", rest+"│  ")
		}
	}
}

// clean makes a stranger's text fit for a terminal: one line, no control
// characters that could move the cursor or hide what follows.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case r < 0x20 || r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
			return '\ufffd' // control characters and line ends
		case r == 0x61c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '\ufffd' // what turns the direction of text (UAX #9)
		}
		return r
	}, s)
}

// cleanField is clean for a folded header field, whose lines stay.
func cleanField(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\r\n"), "\r\n")
	for i, line := range lines {
		rest, folded := strings.CutPrefix(line, "\t")
		if lines[i] = clean(rest); folded {
			lines[i] = "\t" + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// markOf colours a result word.
func markOf(result string) mark {
	switch result {
	case "pass", "secure":
		return good
	case "fail", "permerror", "bogus", "reject":
		return bad
	case "softfail", "temperror", "policy", "quarantine":
		return doubt
	}
	return plain
}
