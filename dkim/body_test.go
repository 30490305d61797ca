package dkim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"testing"
)

// recorded returns the canonical form of body written in chunks of n bytes (0:
// all at once), seen through a hash that keeps what it is given.
func recorded(c Canonicalization, body string, n int) string {
	var b Body
	d := b.Want(c, -1)
	rec := &recorder{Hash: sha256.New()}
	b.hashes[d].hash = rec
	for p := []byte(body); len(p) > 0; {
		k := len(p)
		if n > 0 {
			k = min(n, k)
		}
		b.Write(p[:k])
		p = p[k:]
	}
	b.Close()
	sum, total := b.Sum(d)
	if want := sha256.Sum256(rec.all); sum != want || total != int64(len(rec.all)) {
		return fmt.Sprintf("sum and total do not belong to %q", rec.all)
	}
	return string(rec.all)
}

// naive is the canonicalization as the RFC words it, on a whole body.
func naive(c Canonicalization, body string) string {
	if body != "" && !strings.HasSuffix(body, "\r\n") {
		body += "\r\n"
	}
	if c == Relaxed {
		lines := strings.Split(body, "\r\n")
		for i, l := range lines {
			l = strings.ReplaceAll(l, "\t", " ")
			for strings.Contains(l, "  ") {
				l = strings.ReplaceAll(l, "  ", " ")
			}
			lines[i] = strings.TrimSuffix(l, " ")
		}
		body = strings.Join(lines, "\r\n")
	}
	for strings.HasSuffix(body, "\r\n\r\n") {
		body = strings.TrimSuffix(body, "\r\n")
	}
	switch {
	case body == "\r\n" && c == Relaxed:
		return ""
	case body == "" && c == Simple:
		return "\r\n"
	}
	return body
}

func TestBody(t *testing.T) {
	long := strings.Repeat("base64/", 100)
	for _, tt := range []struct{ name, in, simple, relaxed string }{
		{"rfc6376_3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
		{"empty", "", "\r\n", ""},
		{"blank_lines", "\r\n\r\n\r\n", "\r\n", ""},
		{"white_lines", " \r\n\t\r\n", " \r\n\t\r\n", ""},
		{"only_space", " ", " \r\n", ""},
		{"no_final_crlf", "a", "a\r\n", "a\r\n"},
		{"space_at_end", "a ", "a \r\n", "a\r\n"},
		{"cr_at_end", "a\r", "a\r\r\n", "a\r\r\n"},
		{"space_cr_at_end", "a \r", "a \r\r\n", "a \r\r\n"},
		{"bare_lf", "a \n b\n\n", "a \n b\n\n\r\n", "a \n b\n\n\r\n"},
		{"bare_cr", "a\r b \r\r\n", "a\r b \r\r\n", "a\r b \r\r\n"},
		{"not_white", "a\f\u00a0\x00\v \r\n", "a\f\u00a0\x00\v \r\n", "a\f\u00a0\x00\v\r\n"},
		{"inner_blank", "a\r\n\r\n\r\nb\r\n\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
		{"leading_blank", "\r\n \r\na", "\r\n \r\na\r\n", "\r\n\r\na\r\n"},
		{"leading_white", "  a", "  a\r\n", " a\r\n"},
		{"long", long + "  " + long + "\r\n", long + "  " + long + "\r\n", long + " " + long + "\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for n := range 12 {
				got := [2]string{recorded(Simple, tt.in, n), recorded(Relaxed, tt.in, n)}
				if want := [2]string{tt.simple, tt.relaxed}; got != want {
					t.Fatalf("chunks of %d:\n got %q\nwant %q", n, got, want)
				}
			}
			if got := [2]string{naive(Simple, tt.in), naive(Relaxed, tt.in)}; got != [2]string{tt.simple, tt.relaxed} {
				t.Errorf("the reference of the fuzz test is wrong: %q", got)
			}
		})
	}
}

// RFC 6376, Sections 3.4.3 and 3.4.4 give the hashes of an empty body.
func TestBodyEmptyHashes(t *testing.T) {
	var b Body
	simple, relaxed := b.Want(Simple, -1), b.Want(Relaxed, -1)
	b.Close()
	s, _ := b.Sum(simple)
	r, _ := b.Sum(relaxed)
	got := []string{base64.StdEncoding.EncodeToString(s[:]), base64.StdEncoding.EncodeToString(r[:])}
	want := []string{"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBodyWant(t *testing.T) {
	var b Body
	all, same := b.Want(Relaxed, -1), b.Want(Relaxed, -1)
	some, none, more := b.Want(Relaxed, 4), b.Want(Relaxed, 0), b.Want(Relaxed, 100)
	if all != same || len(b.hashes) != 4 {
		t.Fatalf("one form was registered twice: %d %d", all, same)
	}
	for _, c := range []string{"a  ", " b\r", "\nc"} {
		b.Write([]byte(c))
	}
	b.Close()
	for d, want := range map[BodyHash]string{all: "a b\r\nc\r\n", some: "a b\r", none: "", more: "a b\r\nc\r\n"} {
		if sum, total := b.Sum(d); sum != sha256.Sum256([]byte(want)) || total != 8 {
			t.Errorf("hash %d is not that of %q, or %d is not the length of the whole", d, want, total)
		}
	}
}

// recorder is a hash that keeps what it was given.
type recorder struct {
	hash.Hash
	all []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.all = append(r.all, p...)
	return r.Hash.Write(p)
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{"", "a \t b \r\n\r\n", " \r", "\r\r\n", "\n \r\n", "a\r\n \r\n\t\r\nb  \r\n", strings.Repeat("x y  z\t\r\n", 40)} {
		for _, n := range []uint8{0, 1, 3, 8} {
			f.Add([]byte(s), n)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, n uint8) {
		in := bytes.Clone(body)
		for _, c := range []Canonicalization{Simple, Relaxed} {
			if got, want := recorded(c, string(body), int(n)), naive(c, string(body)); got != want {
				t.Errorf("%s, chunks of %d: got %q, want %q", c, n, got, want)
			}
		}
		if !bytes.Equal(in, body) {
			t.Error("the body was changed")
		}
	})
}
