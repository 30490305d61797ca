package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/message"
)

// input is one file of messages, or standard input.
type input struct {
	path string // "-" is standard input
	size int64  // in bytes; 0 if unknown
}

// listInputs turns arguments into files: a file is itself, a Maildir is the
// messages in its new and cur, any other folder the files in it.
func listInputs(args []string) ([]input, error) {
	var all []input
	for _, arg := range args {
		if arg == "-" {
			all = append(all, input{path: arg})
			continue
		}
		st, err := os.Stat(arg)
		if err != nil { // said when its turn comes; the others go on
			all = append(all, input{path: arg})
			continue
		}
		if !st.IsDir() {
			all = append(all, input{arg, st.Size()})
			continue
		}
		files, err := listFolder(arg)
		if err != nil {
			return nil, fail(err)
		}
		all = append(all, files...)
	}
	if len(all) == 0 {
		return nil, fail(fmt.Errorf("no messages in %s", strings.Join(args, ", ")),
			"the files of a folder are read, of a Maildir those in new and cur; folders in it are not")
	}
	return all, nil
}

func listFolder(dir string) ([]input, error) {
	folders := []string{dir}
	if isDir(filepath.Join(dir, "cur")) && isDir(filepath.Join(dir, "new")) {
		folders = []string{filepath.Join(dir, "new"), filepath.Join(dir, "cur")}
	}
	var all []input
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			st, err := os.Stat(filepath.Join(folder, e.Name())) // a link counts as what it leads to
			if errors.Is(err, fs.ErrNotExist) {
				continue // moved away while we looked: a Maildir is never still; or a link to nowhere
			}
			if err != nil {
				return nil, err
			}
			if st.Mode().IsRegular() {
				all = append(all, input{filepath.Join(folder, e.Name()), st.Size()})
			}
		}
	}
	return all, nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// messages calls each for every message in the input, in order, with a name for
// it: the path, and for an mbox file of several the number as well.
func (in input) messages(std stdio, each func(name string, r io.Reader) error) error {
	src := std.in
	if in.path != "-" {
		f, err := os.Open(in.path)
		if err != nil {
			return fail(err, "give the path of a message, an mbox file or a Maildir, or - for standard input")
		}
		defer f.Close()
		src = f
	}
	r := bufio.NewReaderSize(src, 64<<10)
	if _, err := r.Peek(1); err == io.EOF {
		return fail(fmt.Errorf("%s: empty, there is no message in it", in.path), "give a whole message with its header")
	}
	if !startsMbox(r) {
		return each(in.path, r)
	}
	box := &mbox{src: r, next: true}
	for n := 1; box.advance(); n++ {
		name := in.path
		if n > 1 {
			name = fmt.Sprintf("%s#%d", in.path, n)
		}
		if err := each(name, box); err != nil {
			return err
		}
	}
	return box.err
}

// startsMbox reports whether the first line is the From line of an mbox file, and
// not the field "From : a@b": taken for a From line it would hide an author.
func startsMbox(r *bufio.Reader) bool {
	if start, _ := r.Peek(5); !bytes.Equal(start, []byte("From ")) {
		return false
	}
	line, _ := r.Peek(r.Size())
	line, _, _ = bytes.Cut(line, []byte("\n"))
	h, err := message.ParseHeader(line)
	return err == nil && !h.Fields[0].LooksLike("From")
}

// mbox reads the messages of an mbox file (RFC 4155) one after the other. Lines
// that were quoted for the format (">From ", mboxrd's ">>From ") lose one ">",
// so that the message is the one that was signed.
type mbox struct {
	src     *bufio.Reader
	pending []byte // read and not yet handed out
	blank   []byte // an empty line that belongs to the format if a From line follows
	next    bool   // a From line has been reached, or is at the start
	partial bool   // the last read ended inside a line
	err     error  // of src, other than io.EOF
	done    bool
}

// advance skips what is left of the current message and reports whether there is
// another one.
func (m *mbox) advance() bool {
	for !m.next && !m.done {
		m.fill()
		m.pending = nil
	}
	if m.done || m.err != nil {
		return false
	}
	if _, err := m.line(); err != nil && err != io.EOF { // the From line
		m.err = err
		return false
	}
	for m.partial {
		if _, err := m.line(); err != nil {
			break
		}
	}
	m.next = false
	return true
}

// Read gives the bytes of the current message.
func (m *mbox) Read(p []byte) (int, error) {
	for len(m.pending) == 0 {
		if m.next || m.done {
			if m.err != nil {
				return 0, m.err
			}
			return 0, io.EOF
		}
		m.fill()
	}
	n := copy(p, m.pending)
	m.pending = m.pending[n:]
	return n, nil
}

// fill takes one more line, or a part of a long one, into pending.
func (m *mbox) fill() {
	if m.blank != nil && m.atSeparator() {
		m.next, m.blank = true, nil
		return
	}
	inside := m.partial
	line, err := m.line()
	if err != nil {
		m.done = true
		if err != io.EOF {
			m.err = err
		}
	}
	if len(line) == 0 {
		m.blank = nil // the empty line that ends the file is the format's
		return
	}
	if !inside && isBlank(line) {
		m.pending, m.blank = m.blank, slices.Clone(line)
		return
	}
	if !inside {
		line = unquote(line)
	}
	m.pending, m.blank = append(m.blank, line...), nil
}

// atSeparator reports whether the next line looks like the start of a message,
// with a time in it: texts begin lines with "From " too.
func (m *mbox) atSeparator() bool {
	if start, _ := m.src.Peek(5); !bytes.Equal(start, []byte("From ")) {
		return false
	}
	const most = 512
	line, _ := m.src.Peek(most)
	line, _, _ = bytes.Cut(line, []byte("\n"))
	return bytes.Count(line, []byte(":")) >= 2
}

func (m *mbox) line() ([]byte, error) {
	line, err := m.src.ReadSlice('\n')
	m.partial = err == bufio.ErrBufferFull
	if m.partial {
		err = nil
	}
	return line, err
}

func isBlank(line []byte) bool { return string(line) == "\n" || string(line) == "\r\n" }

func unquote(line []byte) []byte {
	if len(line) > 0 && line[0] == '>' && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
		return line[1:]
	}
	return line
}
