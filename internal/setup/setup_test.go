package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/keys"
)

// newSetup sets up example.org in a folder that is still to be made.
func newSetup(t *testing.T) *Setup {
	dir := filepath.Join(t.TempDir(), "etc", "waxseal")
	return &Setup{
		Domain: "example.org", Hostname: "mx.example.org",
		Config: filepath.Join(dir, "waxseal.toml"), State: filepath.Join(dir, "state"),
		Time: func() time.Time { return time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC) },
		generate: func(a dkim.Algorithm) ([]byte, error) {
			if a == dkim.RSASHA256 {
				return rsaKey()
			}
			return keys.Generate(a)
		},
	}
}

// rsaKey is made once: it takes its time.
var rsaKey = sync.OnceValues(func() ([]byte, error) { return keys.Generate(dkim.RSASHA256) })

func run(t *testing.T, s *Setup) *Report {
	t.Helper()
	r, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// states returns what became of each file, by its name in the folder.
func states(s *Setup, r *Report) string {
	var all []string
	for _, f := range r.Files {
		name, _ := filepath.Rel(filepath.Dir(s.Config), f.Path)
		all = append(all, f.State+" "+name)
	}
	return strings.Join(all, ", ")
}

func TestRun(t *testing.T) {
	s := newSetup(t)
	s.generate = nil
	r := run(t, s)
	const want = "made ., made example.org.wax2031-rsa.pem, made example.org.wax2031-ed25519.pem, made example.org.zone, made state, made waxseal.toml"
	if got := states(s, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	modes := map[string]fs.FileMode{".": 0o750, "state": 0o700, "waxseal.toml": 0o640, "example.org.zone": 0o644}
	for _, f := range r.Files {
		info, err := os.Stat(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(filepath.Dir(s.Config), f.Path)
		mode, ok := modes[name]
		if !ok {
			mode = 0o600 // a key
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s: mode %o, want %o", name, info.Mode().Perm(), mode)
		}
	}
	c, err := config.Load(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	spfMode, dmarcMode := c.Policy.Modes()
	got := []any{c.Hostname, c.Milter.Listen, c.TLSPolicy.Listen, string(c.TLSPolicy.Default), c.State.Directory, string(spfMode), string(dmarcMode), len(c.Domains)}
	wantConfig := []any{config.Name("mx.example.org"), config.Listen(milterAddress), config.Listen(tlsPolicyAddress), "postfix", s.State, "monitor", "monitor", 2}
	if diff := cmp.Diff(got, wantConfig); diff != "" {
		t.Error(diff)
	}
	for _, v := range c.Values() {
		if v.Key == "policy.mode" && v.File == "" {
			t.Error("the mode is not written down")
		}
	}
}

func TestAgain(t *testing.T) {
	s := newSetup(t)
	first := run(t, s)
	_, err := s.Run(t.Context())
	var e *Error
	if !errors.As(err, &e) || *e != (Error{ConfigExists, s.Config}) {
		t.Fatalf("got %v", err)
	}
	if err := os.Remove(s.Config); err != nil {
		t.Fatal(err)
	}
	again := run(t, s)
	const want = "found ., found example.org.wax2031-rsa.pem, found example.org.wax2031-ed25519.pem, found example.org.zone, found state, made waxseal.toml"
	if got := states(s, again); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if diff := cmp.Diff(again.Records, first.Records); diff != "" {
		t.Error(diff)
	}
}

func TestInTheWay(t *testing.T) {
	other, err := keys.Generate(dkim.Ed25519SHA256)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, file, text, want string }{
		{"config", "waxseal.toml", "", "setup: DIR/waxseal.toml: there is a configuration already"},
		{"records", "example.org.zone", "; mine\n", "setup: DIR/example.org.zone: there are other records already"},
		{"other-kind", "example.org.wax2031-rsa.pem", string(other), "setup: DIR/example.org.wax2031-rsa.pem: this is a key of another kind"},
		{"no-key", "example.org.wax2031-rsa.pem", "hello", "setup: DIR/example.org.wax2031-rsa.pem: keys: wax2031-rsa._domainkey.example.org: "},
		{"file-for-folder", "state", "", "setup: DIR/state is no folder"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSetup(t)
			dir := filepath.Dir(s.Config)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, row.file), []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := s.Run(t.Context())
			if got := strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"); !strings.HasPrefix(got, row.want) {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if text, err := os.ReadFile(filepath.Join(dir, row.file)); err != nil || string(text) != row.text {
				t.Errorf("changed: %q, %v", text, err)
			}
		})
	}
}

func TestDryRun(t *testing.T) {
	s := newSetup(t)
	s.DryRun = true
	r := run(t, s)
	if _, err := os.Stat(filepath.Dir(s.Config)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
	const want = "planned ., planned example.org.wax2031-rsa.pem, planned example.org.wax2031-ed25519.pem, planned example.org.zone, planned state, planned waxseal.toml"
	if got := states(s, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(r.Zone, "_domainkey") {
		t.Errorf("records of keys that are not there:\n%s", r.Zone)
	}
}

// TestFaults fails each operation in turn: what is there afterwards is whole, there is
// no configuration, and another run goes on from there.
func TestFaults(t *testing.T) {
	for n := 1; ; n++ {
		s := newSetup(t)
		count, failed := 0, ""
		s.step = func(operation, path string) error {
			if count++; count == n {
				failed = operation + " " + filepath.Base(path)
				return syscall.ENOSPC
			}
			return nil
		}
		_, err := s.Run(t.Context())
		if failed == "" {
			if err != nil || n < 30 {
				t.Errorf("run %d: %v", n, err)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), ".waxseal-") {
			t.Fatalf("%s: got %v", failed, err)
		}
		whole(t, s, failed)
		s.step = nil
		if _, err := os.Stat(s.Config); err == nil {
			continue // only its folder was not put on the disk
		}
		if _, err := s.Run(t.Context()); err != nil {
			t.Errorf("after %s: %v", failed, err)
		}
	}
}

// whole looks through what a run has left.
func whole(t *testing.T, s *Setup, failed string) {
	t.Helper()
	left, _ := os.ReadDir(filepath.Dir(s.Config))
	for _, f := range left {
		path := filepath.Join(filepath.Dir(s.Config), f.Name())
		var err error
		switch filepath.Ext(path) {
		case ".pem":
			var text []byte
			if text, err = os.ReadFile(path); err == nil {
				_, err = dkim.ParsePrivateKey(text)
			}
		case ".toml":
			_, err = config.Load(path)
		case ".zone", "":
		default:
			err = errors.New("left over")
		}
		if err != nil {
			t.Errorf("%s: %s: %v", failed, f.Name(), err)
		}
	}
}

// TestRace has another process make the configuration while ours is at it.
func TestRace(t *testing.T) {
	s := newSetup(t)
	s.step = func(operation, path string) error {
		if operation == "link" && path == s.Config {
			return os.WriteFile(path, []byte("# theirs\n"), 0o600)
		}
		return nil
	}
	_, err := s.Run(t.Context())
	var e *Error
	if !errors.As(err, &e) || *e != (Error{ConfigExists, s.Config}) {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(s.Config); err != nil || string(text) != "# theirs\n" {
		t.Errorf("got %q, %v", text, err)
	}
}

// TestSwapped: where others may write into the folder, what was made can be replaced by
// a link before it gets its mode. That must change nothing elsewhere.
func TestSwapped(t *testing.T) {
	for _, of := range []string{"file", "folder"} {
		t.Run(of, func(t *testing.T) {
			s := newSetup(t)
			dir := filepath.Dir(s.Config)
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			if err := os.Mkdir(elsewhere, 0o755); err != nil {
				t.Fatal(err)
			}
			s.step = func(operation, path string) error {
				if operation != "chmod" || path == dir || of == "folder" != (path == s.State) {
					return nil
				}
				made := []string{path}
				if of == "file" {
					var err error
					if made, err = filepath.Glob(filepath.Join(dir, ".waxseal-*")); err != nil || len(made) != 1 {
						t.Fatal(made, err)
					}
				}
				if err := os.Remove(made[0]); err != nil {
					t.Fatal(err)
				}
				return os.Symlink(elsewhere, made[0])
			}
			_, _ = s.Run(t.Context())
			info, err := os.Stat(elsewhere)
			if err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("the mode elsewhere is now %v, %v", info.Mode(), err)
			}
		})
	}
}
