package main

import (
	"bufio"
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	const (
		run     = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}` + "\n"
		ok      = `{"Action":"output","Package":"p","Output":"PASS\n"}` + "\n" + `{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
		logged  = `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: why\n"}` + "\n"
		failed  = `{"Action":"output","Package":"p","Output":"FAIL\n"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n"
		nothing = "skipped: 0\n"
	)
	for _, c := range []struct{ name, in, want string }{
		{"pass", run + logged + `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + ok, "ok  \tp\t0.1s\n" + nothing},
		{"skip", run + logged + `{"Action":"skip","Package":"p","Test":"TestA"}` + "\n" + ok, "ok  \tp\t0.1s\nskipped: 1\n  p TestA: why\n"},
		{"skip_silent", run + `{"Action":"skip","Package":"p","Test":"TestA"}` + "\n" + ok, "ok  \tp\t0.1s\nskipped: 1\n  p TestA: no reason\n"},
		{"no_tests", `{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}` + "\n" + `{"Action":"skip","Package":"p"}` + "\n", "?   \tp\t[no test files]\n" + nothing},
		{"fail", run + logged + `{"Action":"fail","Package":"p","Test":"TestA"}` + "\n" + failed, "    a_test.go:7: why\nFAIL\n" + nothing},
		{"ended", run + logged + failed, "FAIL\n    a_test.go:7: why\n" + nothing},
		{"build", `{"ImportPath":"p","Action":"build-output","Output":"a.go:1: no\n"}` + "\n", "a.go:1: no\n" + nothing},
		{"no_json", "go: downloading x\nend", "go: downloading x\nend" + nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			out := bufio.NewWriter(&got)
			if err := filter(strings.NewReader(c.in), out); err != nil {
				t.Fatal(err)
			}
			if err := out.Flush(); err != nil {
				t.Fatal(err)
			}
			if got.String() != c.want {
				t.Errorf("got %q\nwant %q", got.String(), c.want)
			}
		})
	}
}
