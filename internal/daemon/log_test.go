package daemon

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/internal/config"
)

// logged finds all that the source logs: message, level and fields.
func logged(t *testing.T) map[string][]string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.go", "../policyhost/*.go"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) < 5 {
			t.Fatal(some, err)
		}
		files = append(files, some...)
	}
	found := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			to, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, to.Sel.Name) {
				return true
			}
			var texts []string
			for i, arg := range call.Args {
				after := ""
				if sum, ok := arg.(*ast.BinaryExpr); ok && i == 0 {
					arg, after = sum.X, "..."
				}
				text, literal := arg.(*ast.BasicLit)
				if (i == 0 || i%2 == 1) && !literal {
					t.Errorf("%s: what is logged must be seen here: message and keys as they are", fset.Position(arg.Pos()))
					return true
				}
				if i == 0 || i%2 == 1 {
					s, err := strconv.Unquote(text.Value)
					if err != nil {
						t.Fatal(err)
					}
					texts = append(texts, s+after)
				}
			}
			event := strings.ToUpper(to.Sel.Name) + " " + texts[0]
			keys := append(found[event], texts[1:]...)
			slices.Sort(keys)
			found[event] = slices.Compact(keys)
			return true
		})
	}
	return found
}

// TestEvents holds the list of what is logged to what is logged.
func TestEvents(t *testing.T) {
	want := map[string][]string{}
	for _, e := range Events() {
		keys := []string(nil)
		for _, f := range e.Fields {
			keys = append(keys, f.Name)
		}
		slices.Sort(keys)
		want[e.Level.String()+" "+e.Message] = keys
	}
	if diff := cmp.Diff(logged(t), want); diff != "" {
		t.Errorf("what is logged (-) and Events (+) differ:\n%s", diff)
	}
}

// TestLogReference holds docs/log.md to Events. WAXSEAL_UPDATE=1 writes it again.
func TestLogReference(t *testing.T) {
	const file = "../../docs/log.md"
	want := LogReference()
	if os.Getenv("WAXSEAL_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/log.md is stale, run WAXSEAL_UPDATE=1 go test ./internal/daemon -run TestLogReference\n%s", diff)
	}
}

// TestVerdictLine holds that a verdict is one line with all the fields that the
// reference names, that what a stranger wrote is cut, and that it is counted.
func TestVerdictLine(t *testing.T) {
	s := newSite(t, "")
	f := s.filter()
	long := strings.Repeat("x", 5000)
	s.judge(f, "203.0.113.9", long, "From: boss@bank.example\r\n\r\nhello\r\n") // a user of ours
	s.judge(f, "203.0.113.9", "", spoofed)
	lines := bytes.Split(bytes.TrimSpace(s.log.Bytes()), []byte("\n"))
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), s.log.Bytes())
	}
	events := map[string]Event{}
	for _, e := range Events() {
		events[e.Message] = e
	}
	for _, line := range lines {
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		want := []string{"level", "msg", "time"}
		for _, f := range events[got["msg"].(string)].Fields {
			want = append(want, f.Name)
		}
		slices.Sort(want)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(got)), want); diff != "" {
			t.Errorf("%s: %s", got["msg"], diff)
		}
		if u, _ := got["user"].(string); len(u) > maxLogged+3 {
			t.Errorf("%d bytes of a user's name", len(u))
		}
		if got["msg"] == "checked" {
			if diff := cmp.Diff(got["findings"], []any{"forged-authentication-results"}); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestLogFormat(t *testing.T) {
	for _, row := range []struct {
		c    config.Log
		want string
	}{
		{config.Log{Level: "info", Format: config.JSON}, `{"level":"INFO","msg":"a","b":"c d"}`},
		{config.Log{Level: "info", Format: config.Text}, `level=INFO msg=a b="c d"`},
		{config.Log{Level: "warn", Format: config.JSON}, ``},
	} {
		t.Run(string(row.c.Format)+"-"+string(row.c.Level), func(t *testing.T) {
			var b bytes.Buffer
			log, err := NewLog(&b, row.c)
			if err != nil {
				t.Fatal(err)
			}
			log.Info("a", "b", "c d")
			got := b.String()
			if row.c.Format == config.JSON && got != "" {
				i, j := strings.Index(got, `"time"`), strings.Index(got, `"level"`)
				got = got[:i] + got[j:]
			} else if got != "" {
				_, got, _ = strings.Cut(got, " ")
			}
			if strings.TrimSpace(got) != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
