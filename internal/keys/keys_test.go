package keys

import (
	"strings"
	"testing"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

// seed is an Ed25519 key.
var seed = []byte(strings.Repeat("x", 32))

func ring(t *testing.T, names ...string) *Ring {
	t.Helper()
	var all []dkim.Key
	for i, name := range names {
		k, err := Parse(domain.Name(name), "s"+string(rune('a'+i)), seed)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return NewRing(all)
}

func TestForAuthor(t *testing.T) {
	r := ring(t, "a.example", "b.example", "own.a.example", "a.example")
	for _, row := range []struct{ name, header, want string }{
		{"own", "From: x@a.example", "a.example"},
		{"subdomain", "From: x@sub.a.example", "a.example"},
		{"own-subdomain", "From: x@deep.own.a.example", "own.a.example"},
		{"upper-case", "From: x@A.Example", "a.example"},
		{"stranger", "From: x@c.example", ""},
		{"parent", "From: x@example", ""},
		{"lookalike", "From: x@aa.example", ""},
		{"none", "Subject: x", ""},
		{"null", "From: <>", ""},
		{"two-of-ours", "From: x@a.example, y@a.example", "a.example"},
		{"ours-and-stranger", "From: x@a.example, y@c.example", ""},
		{"ours-and-ours", "From: x@a.example, y@b.example", ""},
		{"behind-a-crowd", "From: " + strings.Repeat("x@a.example, ", message.MaxAuthors) + "y@c.example", ""},
		{"two-fields", "From: x@a.example\r\nFrom: y@c.example", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, err := message.ParseHeader([]byte(row.header + "\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if s := r.ForAuthor(h.Author()); s != nil {
				got = string(s.Keys[0].Domain)
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	if n := len(r.For("a.example").Keys); n != 2 {
		t.Errorf("%d keys sign side by side, want 2", n)
	}
	if (*Ring)(nil).For("a.example") != nil {
		t.Error("the nil ring has a key")
	}
}

func TestParseErrors(t *testing.T) {
	for _, row := range []struct {
		name, selector, text, want string
	}{
		{"empty", "s", "", "keys: s._domainkey.a.example: dkim: "},
		{"broken", "s", "-----BEGIN PRIVATE KEY-----\nx", "keys: s._domainkey.a.example: dkim: "},
		{"selector", "s s", string(seed), "keys: s s._domainkey.a.example: dkim: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("a.example", row.selector, []byte(row.text))
			if err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}
