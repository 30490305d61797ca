package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// outgoing is a message that is about to be sent: once read to its end, to know
// what must be asked for, then opened for each attempt.
type outgoing struct {
	src    io.ReadSeekCloser
	header *message.Header
	size   int64 // as sent
	utf8   bool  // the header has UTF-8: SMTPUTF8
	bit8   bool  // other bytes over 127: 8BITMIME
	notes  []string
}

// openOutgoing reads the message at path. Line ends of a Unix file become CRLF;
// what no server could read in one way only is refused here.
func openOutgoing(std stdio, path string) (*outgoing, error) {
	src, err := openTwice(std, path)
	if err != nil {
		return nil, err
	}
	o := &outgoing{src: src}
	if err := o.survey(); err != nil {
		src.Close()
		var f *failure
		if errors.As(err, &f) {
			f.err = fmt.Errorf("%s: %w", path, f.err)
			return nil, f
		}
		return nil, fail(fmt.Errorf("%s: %w", path, err))
	}
	return o, nil
}

func (o *outgoing) survey() error {
	msg, err := message.Read(o.src)
	if err != nil {
		return err
	}
	if len(msg.Header.Raw) == 0 {
		return fail(errors.New("there is no message in it"), "give a whole message, header and body")
	}
	o.header = msg.Header
	count := new(byteCount)
	if _, err := io.Copy(count, wire(msg)); err != nil {
		return err
	}
	ends := msg.LineEnds()
	switch {
	case ends.BareCR:
		return fail(errors.New("a CR without LF is in it, which no mail may have"), "convert its line ends, or encode what is binary")
	case ends.Kind == message.Mixed && !ends.Converted:
		return fail(errors.New("CRLF and bare LF line ends are mixed, which servers read in different ways"), "convert its line ends to CRLF, or all of them to LF")
	case ends.Converted:
		o.notes = append(o.notes, "the LF line ends of the file go out as CRLF")
	}
	o.size = count.size
	o.utf8 = !ascii.Is7Bit(string(msg.Header.Raw)) && utf8.Valid(msg.Header.Raw)
	o.bit8 = count.bit8-header8(msg.Header.Raw) > 0 || !o.utf8 && header8(msg.Header.Raw) > 0
	return nil
}

func header8(raw []byte) int64 {
	c := new(byteCount)
	c.Write(raw)
	return c.bit8
}

// byteCount counts bytes, and those over 127.
type byteCount struct{ size, bit8 int64 }

func (c *byteCount) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	for _, b := range p {
		if b >= utf8.RuneSelf {
			c.bit8++
		}
	}
	return len(p), nil
}

// wire is the message as it is sent.
func wire(msg *message.Message) io.Reader {
	end := "\r\n"
	if msg.NoBody {
		end = ""
	}
	return io.MultiReader(bytes.NewReader(msg.Header.Raw), bytes.NewReader([]byte(end)), msg.Body)
}

// Open is outbound.Message.Open. One attempt is over before the next begins.
func (o *outgoing) Open() (io.ReadCloser, error) {
	if _, err := o.src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	msg, err := message.Read(o.src)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(wire(msg)), nil
}
