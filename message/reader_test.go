package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll gives all that Read says of in, in one line.
func readAll(r io.Reader, viaWriterTo bool) string {
	m, err := Read(r)
	if m == nil {
		return "error: " + err.Error()
	}
	var body bytes.Buffer
	var bodyErr error
	if viaWriterTo {
		_, bodyErr = m.Body.(io.WriterTo).WriteTo(&body)
	} else {
		_, bodyErr = body.ReadFrom(m.Body)
	}
	e := m.LineEnds()
	s := fmt.Sprintf("%d %q %q %s", len(m.Header.Fields), m.Header.Raw, body.Bytes(), e.Kind)
	for _, x := range []struct {
		name string
		set  bool
	}{{"converted", e.Converted}, {"bare-cr", e.BareCR}, {"bom", m.BOM}, {"no-body", m.NoBody}} {
		if x.set {
			s += " " + x.name
		}
	}
	if m.MboxFrom != nil {
		s += fmt.Sprintf(" mbox %q", m.MboxFrom)
	}
	for _, err := range []error{err, bodyErr} {
		if err != nil {
			s += " " + err.Error()
		}
	}
	return s
}

var readTests = []struct{ name, in, want string }{
	{"crlf", "A: b\r\nC: d\r\n\r\nx\r\n\r\ny\r\n", `2 "A: b\r\nC: d\r\n" "x\r\n\r\ny\r\n" crlf`},
	{"lf", "A: b\nC: d\n\nx\n\ny\n", `2 "A: b\r\nC: d\r\n" "x\r\n\r\ny\r\n" lf converted`},
	{"lf-then-crlf", "A: b\nC: d\r\n\nx\r\ny\r\r\n", `2 "A: b\r\nC: d\r\n" "x\r\ny\r\r\n" mixed converted bare-cr`},
	{"crlf-then-lf", "A: b\r\nC: d\nE: f\r\n\r\nx\n", `2 "A: b\r\nC: d\nE: f\r\n" "x\n" mixed`},
	{"lf-is-no-end", "A: b\r\n\nx\r\n", `2 "A: b\r\n\nx\r\n" "" mixed no-body`},
	{"bare-cr", "A: b\r\n\r\nx\ry\r", `1 "A: b\r\n" "x\ry\r" crlf bare-cr`},
	{"cr-cr-lf", "A: b\r\n\r\nx\r\r\n", `1 "A: b\r\n" "x\r\r\n" crlf bare-cr`},
	{"header-only", "A: b\r\nC: d\r\n", `2 "A: b\r\nC: d\r\n" "" crlf no-body`},
	{"header-cut", "A: b\r\nC: d", `2 "A: b\r\nC: d" "" crlf no-body`},
	{"one-line", "A: b", `1 "A: b" "" none no-body`},
	{"empty", "", `0 "" "" none no-body`},
	{"empty-body", "A: b\r\n\r\n", `1 "A: b\r\n" "" crlf`},
	{"no-header", "\r\nx", `0 "" "x" crlf`},
	{"no-header-lf", "\nx\n", `0 "" "x\r\n" lf converted`},
	{"mbox", "From a@b.example Mon Jan  1 00:00:00 2024\nA: b\n\nx\n", `1 "A: b\r\n" "x\r\n" lf converted mbox "From a@b.example Mon Jan  1 00:00:00 2024"`},
	{"mbox-crlf", "From a\r\nA: b\r\n\r\nx", `1 "A: b\r\n" "x" crlf mbox "From a"`},
	{"mbox-not", "From : a@b.example\r\n\r\n", `1 "From : a@b.example\r\n" "" crlf`},
	{"mbox-not-nul", "From \x00: a@b.example\r\n\r\n", `1 "From \x00: a@b.example\r\n" "" crlf`},
	{"bom", "\xef\xbb\xbfA: b\r\n\r\nx", `1 "A: b\r\n" "x" crlf bom`},
	{"nul", "A: \x00\r\n\r\n\x00", `1 "A: \x00\r\n" "\x00" crlf`},
}

func TestRead(t *testing.T) {
	for _, tt := range readTests {
		t.Run(tt.name, func(t *testing.T) {
			for way, got := range map[string]string{
				"whole":  readAll(strings.NewReader(tt.in), false),
				"write":  readAll(strings.NewReader(tt.in), true),
				"bytes":  readAll(iotest.OneByteReader(strings.NewReader(tt.in)), false),
				"eof":    readAll(iotest.DataErrReader(strings.NewReader(tt.in)), true),
				"halves": readAll(iotest.HalfReader(strings.NewReader(tt.in)), true),
			} {
				if got != tt.want {
					t.Errorf("%s:\ngot  %s\nwant %s", way, got, tt.want)
				}
			}
		})
	}
}

func TestReadLimits(t *testing.T) {
	for _, tt := range []struct {
		name, header string
		fields       int
		want         Error
	}{
		{"fields", strings.Repeat("A: b\r\n", MaxFields+1), MaxFields, Error{Reason: TooManyFields, Limit: MaxFields, Field: MaxFields + 1}},
		{"million-fields", strings.Repeat("A: b\r\n", 1e6), MaxFields, Error{Reason: TooManyFields, Limit: MaxFields, Field: MaxFields + 1}},
		{"million-fields-lf", strings.Repeat("A: b\n", 1e6), MaxFields, Error{Reason: TooManyFields, Limit: MaxFields, Field: MaxFields + 1}},
		{"big-field", "A: b\r\nC: " + strings.Repeat("d", 5<<20) + "\r\n", 1, Error{Reason: FieldTooLarge, Limit: MaxFieldBytes, Field: 2}},
		{"big-first-field", "A: " + strings.Repeat("d", 5<<20) + "\r\n", 0, Error{Reason: FieldTooLarge, Limit: MaxFieldBytes, Field: 1}},
		{"header", strings.Repeat("A: "+strings.Repeat("b", 995)+"\r\n", MaxHeaderBytes/1000+1), MaxHeaderBytes / 1000, Error{Reason: HeaderTooLarge, Limit: MaxHeaderBytes}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			end := len("\n")
			if strings.HasSuffix(tt.header, "\r\n") {
				end = len("\r\n")
			}
			m, err := Read(iotest.HalfReader(strings.NewReader(tt.header + tt.header[len(tt.header)-end:] + "the body\r\n")))
			var e *Error
			if !errors.As(err, &e) || *e != tt.want || len(m.Header.Fields) != tt.fields {
				t.Fatalf("got %v, want %v", err, &tt.want)
			}
			if body, err := io.ReadAll(m.Body); string(body) != "the body\r\n" || err != nil {
				t.Errorf("got body %.40q, %v", body, err)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("broken pipe")
	in := func(s string) io.Reader { return io.MultiReader(strings.NewReader(s), iotest.ErrReader(broken)) }
	for _, tt := range []struct {
		name, want string
		r          io.Reader
	}{
		{"start", "error: broken pipe", in("")},
		{"header", "error: broken pipe", in("A: b\r\nC")},
		{"body", `1 "A: b\r\n" "x" crlf broken pipe`, in("A: b\r\n\r\nx")},
		{"stuck", "error: multiple Read calls return no data or error", stuck{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readAll(tt.r, true); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// However long a message is, no more than a few buffers are held.
func TestReadMemory(t *testing.T) {
	const limit = 256 << 10
	for _, end := range []string{"\r\n", "\n"} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			in := io.MultiReader(strings.NewReader("A: b"+end+end), io.LimitReader(&forever{"some text" + end, 0}, 50<<20))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := Read(in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Body.(io.WriterTo).WriteTo(io.Discard); err != nil {
				t.Fatal(err)
			}
			if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > limit {
				t.Errorf("got %d bytes allocated, want at most %d", after.TotalAlloc-before.TotalAlloc, limit)
			}
		})
	}
}

// forever repeats its text.
type forever struct {
	text string
	at   int
}

func (f *forever) Read(b []byte) (int, error) {
	n := copy(b, f.text[f.at:])
	f.at = (f.at + n) % len(f.text)
	return n, nil
}

// Whatever the pieces are that the bytes come in, the message is the same.
func FuzzRead(f *testing.F) {
	for i, tt := range readTests {
		f.Add([]byte(tt.in), uint8(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		want := readAll(bytes.NewReader(in), false)
		for _, r := range []io.Reader{
			iotest.OneByteReader(bytes.NewReader(in)),
			&pieces{in, int(size) + 1},
			iotest.DataErrReader(&pieces{in, int(size) + 1}),
		} {
			if got := readAll(r, size%2 == 0); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	})
}

// pieces gives its bytes in pieces of one size.
type pieces struct {
	b    []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b, p.b[:min(p.size, len(p.b))])
	p.b = p.b[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func BenchmarkRead(b *testing.B) {
	for _, bench := range []struct{ name, end string }{{"crlf", "\r\n"}, {"lf", "\n"}} {
		header := strings.Repeat("Received: from x by y with z; some date of the day"+bench.end, 40) + bench.end
		for _, size := range []int{10 << 10, 1 << 20} {
			in := []byte(header + strings.Repeat(strings.Repeat("x", 74)+bench.end, size/76))
			b.Run(fmt.Sprintf("%s-%dk", bench.name, size>>10), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(in)))
				for b.Loop() {
					m, err := Read(bytes.NewReader(in))
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, m.Body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
