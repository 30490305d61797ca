package smtp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/waxseal/waxseal/internal/ascii"
)

// pieces reads p bytes at a time from r.
func pieces(r io.Reader, p int) ([]byte, error) {
	var out []byte
	buf := make([]byte, p)
	for {
		n, err := r.Read(buf)
		out = append(out, buf[:n]...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// slow is the same as dataReader with lineCheck, one byte at a time and without
// any cleverness.
func slow(in []byte) (out []byte, rest int, reason Reason) {
	begin := true
	for i := 0; ; {
		if begin && bytes.HasPrefix(in[i:], []byte(".\r\n")) {
			break
		}
		if begin && i < len(in) && in[i] == '.' {
			i++
		}
		if i >= len(in) {
			return out, 0, Truncated
		}
		begin = in[i] == '\n' && i > 0 && in[i-1] == '\r'
		out = append(out, in[i])
		rest = i + 1
		i++
	}
	for i, c := range out {
		switch {
		case c == '\r' && (i+1 == len(out) || out[i+1] != '\n'):
			return out, rest, BareCR
		case c == '\n' && (i == 0 || out[i-1] != '\r'):
			return out, rest, BareLF
		}
	}
	return out, rest, ""
}

// FuzzDataReader holds that the message read does not depend on how its bytes
// come, nor on how they are asked for, that it is what a simple reader finds,
// and that what is written by our writer reads as the same message.
func FuzzDataReader(f *testing.F) {
	for _, s := range []string{
		"", ".\r\n", "a\r\n.\r\n", "..a\r\n.\r\n", ".\r", ".\r\r\n.\r\n", "\n.\n\r\n.\r\n", "a\r\n.\nb\r\n.\r\n",
		"\r\r\n.\r\n", "a\r.\r\n.\r\n", "...\r\n.\r\n.\r\n", "a\r\n.b\r\n..\r\n.\r\nMAIL", "a.\r\n.\r\n",
	} {
		f.Add([]byte(s), uint8(3), uint8(2))
	}
	f.Fuzz(func(t *testing.T, in []byte, ask, give uint8) {
		want, _, reason := slow(in)
		for _, src := range []io.Reader{
			bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)),
			&some{in, int(give%16) + 1}, iotest.DataErrReader(bytes.NewReader(in)),
		} {
			got, err := pieces(&dataReader{r: newReader(src, nil)}, int(ask%32)+1)
			if reason == Truncated {
				if reasonOf(err) != Truncated || !bytes.HasPrefix(want, got) {
					t.Fatalf("got %q, %v, want it cut short of %q", got, err, want)
				}
			} else if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got %q, %v, want %q", got, err, want)
			}
			src := &incoming{src: &some{got, int(give%16) + 1}}
			if _, err := pieces(src, int(ask%32)+1); reason != Truncated && (err == nil) != (reason == "") {
				t.Fatalf("%q: got %v, want %q", got, err, reason)
			}
		}
		if reason != "" {
			return
		}
		again(t, want)
		// NormalizeBareLF changes nothing in a strict message.
		z, err := pieces(&normalizer{src: &some{want, int(give%16) + 1}}, int(ask%32)+1)
		if err != nil || !bytes.Equal(z, want) {
			t.Fatalf("normalised: got %q, %v, want %q", z, err, want)
		}
	})
}

// again writes a message by DATA and reads it.
func again(t *testing.T, text []byte) {
	t.Helper()
	var wire bytes.Buffer
	out := &dotWriter{w: newWriter(&wire, nil)}
	if _, err := io.Copy(out, &some{text, 3}); err != nil {
		t.Fatal(err)
	}
	if err := out.end(); err != nil {
		t.Fatal(err)
	}
	wire.WriteString("QUIT\r\n")
	r := newReader(&wire, nil)
	got, err := io.ReadAll(&dataReader{r: r})
	if err == nil {
		text = bytes.TrimSuffix(text, []byte("\r\n"))
		got = bytes.TrimSuffix(got, []byte("\r\n"))
	}
	if line, lerr := r.line(10); err != nil || !bytes.Equal(got, text) || string(line) != "QUIT" {
		t.Fatalf("written and read: got %q, %v, %q, %v, want %q", got, err, line, lerr, text)
	}
}

// some gives at most n bytes at a time.
type some struct {
	b []byte
	n int
}

func (s *some) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("250-2.1.0 a\r\n250 2.1.0 b\r\n"))
	f.Add([]byte("550 5.7.1\r\n"))
	f.Add([]byte("250\r\n"))
	f.Add([]byte("250-\r\n250 4.1.1\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseReply(in)
		if err != nil {
			if reasonOf(err) == "" {
				t.Fatalf("not ours: %v", err)
			}
			return
		}
		wire := r.Append(nil)
		again, err := ParseReply(wire)
		if err != nil {
			t.Fatalf("%q, from %q: %v", wire, in, err)
		}
		if third := again.Append(nil); !bytes.Equal(third, wire) {
			t.Fatalf("got %q, want %q", third, wire)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"<>", "<a@b.example>", `<"a b\"c"@[IPv6:::1]>`, "<@a,@b:c@d>", "postmaster", "ü@bücher.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := ParsePath(in)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || p != (Path{}) {
				t.Fatalf("got %v, %v", p, err)
			}
			return
		}
		q, err := ParsePath(p.String())
		if err != nil || p != q {
			t.Fatalf("%q: got %+v, %v, want %+v", p.String(), q, err, p)
		}
		for i := range len(p.String()) {
			if c := p.String()[i]; c < ' ' || c == 0x7f {
				t.Fatalf("control character in %q", p.String())
			}
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"EHLO x", "MAIL FROM:<a@b.example> SIZE=1 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=FULL ENVID=a+2Bb",
		"RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{FC}", "BDAT 10 LAST", "XCLIENT ADDR=1.2.3.4 NAME=[UNAVAILABLE]", "NOOP",
	} {
		f.Add([]byte(s))
	}
	every := &Extensions{Size: true, EightBitMIME: true, DSN: true}
	f.Fuzz(func(t *testing.T, line []byte) {
		cmd, err := ParseCommand(line)
		if err != nil {
			return
		}
		switch cmd.Verb {
		case "MAIL":
			p, o, err := ParseMail(cmd.Arg)
			if err != nil {
				return
			}
			p2, o2, err := ParseMail("FROM:<" + p.String() + ">" + string(o.append(nil, every)))
			if err != nil || p2 != p || o2 != o {
				t.Fatalf("got %v %+v, %v, want %v %+v", p2, o2, err, p, o)
			}
		case "RCPT":
			p, o, err := ParseRcpt(cmd.Arg)
			if err != nil {
				return
			}
			out := "TO:<" + p.String() + ">" + string(o.append(nil, every))
			p2, o2, err := ParseRcpt(out)
			if len(out) < MaxORCPT && (err != nil || p2 != p || o2 != o) {
				t.Fatalf("got %v %+v, %v, want %v %+v", p2, o2, err, p, o)
			}
		case "BDAT":
			if c, err := parseChunk(cmd.Arg); err == nil && c.size < 0 {
				t.Fatal("negative chunk")
			}
		case "XCLIENT":
			attrs, _ := parseXClient(cmd.Arg)
			for _, v := range attrs {
				if !ascii.Is7Bit(v) && strings.ContainsAny(v, "\r\n") {
					t.Fatalf("%q", v)
				}
			}
		}
	})
}

func FuzzProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"))
	f.Add([]byte(proxyV2Signature + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := readProxy(newReader(bytes.NewReader(in), nil))
		if err == nil && h.src.IsValid() != h.dst.IsValid() {
			t.Fatalf("half of it: %+v", h)
		}
		if err != nil && reasonOf(err) == "" {
			t.Fatalf("not ours: %v", err)
		}
	})
}
