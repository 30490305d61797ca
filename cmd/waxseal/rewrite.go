package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/waxseal/waxseal/message"
)

// rewrite prints a message with new fields in front of it. The fields depend on
// the whole message, so it is read twice: standard input is kept in a temporary
// file meanwhile. All bytes of the message are printed as they came; the new
// fields end their lines as the message does.
func rewrite(std stdio, args []string, fieldsOnly bool, fields func(*message.Message) ([]byte, error)) error {
	if len(args) != 1 {
		return usage(fmt.Errorf("one message is needed, %d given", len(args)), "give a FILE, or - for standard input")
	}
	src, err := openTwice(std, args[0])
	if err != nil {
		return err
	}
	defer src.Close()
	msg, err := message.Read(src)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", args[0], err))
	}
	if len(msg.Header.Raw) == 0 {
		return fail(fmt.Errorf("%s: there is no message in it", args[0]), "give a whole message, header and body")
	}
	if msg.MboxFrom != nil {
		// The format quotes lines of the message, so that its bytes are not the
		// message's own.
		return fail(fmt.Errorf("%s is an mbox file", args[0]), "give the message alone, without the format's From line and quoting")
	}
	add, err := fields(msg)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, msg.Body); err != nil {
		return fail(fmt.Errorf("%s: %w", args[0], err))
	}
	ends := msg.LineEnds()
	if ends.Kind == message.Mixed {
		fmt.Fprintf(std.err, "waxseal: warning: %s mixes CRLF and bare LF line ends; a server on the way may change it and break the signature\n", args[0])
	}
	if ends.Converted {
		add = bytes.ReplaceAll(add, []byte("\r\n"), []byte("\n"))
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return fail(err)
	}
	out := bufio.NewWriterSize(std.out, 64<<10)
	if err := printRewritten(out, src, msg, add, fieldsOnly); err != nil {
		return fail(err)
	}
	return nil
}

func printRewritten(out *bufio.Writer, src io.Reader, msg *message.Message, add []byte, fieldsOnly bool) error {
	r := bufio.NewReaderSize(src, 64<<10)
	if msg.BOM {
		if _, err := r.Discard(3); err != nil {
			return err
		}
	}
	out.Write(add)
	if !fieldsOnly {
		if _, err := r.WriteTo(out); err != nil {
			return err
		}
	}
	return out.Flush()
}

// openTwice opens a file that can be read again from its start.
func openTwice(std stdio, path string) (io.ReadSeekCloser, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fail(err, "give the path of a message, or - for standard input")
		}
		st, err := f.Stat()
		if err == nil && st.IsDir() {
			f.Close()
			return nil, fail(fmt.Errorf("%s is a folder", path), "give the path of one message")
		}
		if err == nil && st.Mode().IsRegular() {
			return f, nil
		}
		defer f.Close()
		return spool(f)
	}
	return spool(std.in)
}

// tempFile is removed when it is closed.
type tempFile struct{ *os.File }

func (t tempFile) Close() error { return errors.Join(t.File.Close(), os.Remove(t.Name())) }

func spool(r io.Reader) (io.ReadSeekCloser, error) {
	f, err := os.CreateTemp("", "waxseal-*")
	if err != nil {
		return nil, fail(err, "a temporary file is needed for standard input; give a file instead")
	}
	t := tempFile{f}
	_, err = io.Copy(f, r)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		t.Close()
		return nil, fail(err)
	}
	return t, nil
}
