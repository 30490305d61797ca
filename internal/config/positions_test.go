package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPositions(t *testing.T) {
	const text = `a = 1
[b]
c = ["x",
  "y"]
d = { e = [ { f = 1 }, { f = 2 } ] }
[[b.g]]
h = []
[[b.g]]
h = [["z"], []]
`
	got := positionsOf([]byte(text))
	want := map[string]Position{
		"a": {1, 1}, "b": {2, 2}, "b.c": {3, 1}, "b.c[0]": {3, 6}, "b.c[1]": {4, 3},
		"b.d": {5, 1}, "b.d.e": {5, 7}, "b.d.e[0]": {5, 13}, "b.d.e[0].f": {5, 15}, "b.d.e[1]": {5, 24}, "b.d.e[1].f": {5, 26},
		"b.g[0]": {6, 3}, "b.g[0].h": {7, 1}, "b.g[1]": {8, 3},
		"b.g[1].h": {9, 1}, "b.g[1].h[0]": {9, 1}, "b.g[1].h[0][0]": {9, 7}, "b.g[1].h[1]": {9, 1},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

// Tables of an array may be written inline: what stands in them is read as well.
func TestInlineTables(t *testing.T) {
	const head = "hostname = \"mx.example.org\"\nmilter.listen = \"127.0.0.1:8891\"\n"
	c, err := Parse("w.toml", []byte(head+`domain = [ {name = "EXAMPLE.org", selector = "s", key = "k"} ]`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Domains[0].Name, Name("example.org"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = Parse("w.toml", []byte(head+`trust.lists = ["a.example", "b..example"]`))
	if got, want := err.Error(), `w.toml:3:29: trust.lists[1]: domain: "b..example": empty label`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
