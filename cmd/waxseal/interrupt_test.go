package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// TestInterruptible holds that nothing is lost between the goroutines.
func TestInterruptible(t *testing.T) {
	text := strings.Repeat("a line\n", 50_000)
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		r    io.Reader
		err  error
	}{
		{"whole", strings.NewReader(text), nil},
		{"half", iotest.HalfReader(strings.NewReader(text)), nil},
		{"data-with-error", iotest.DataErrReader(strings.NewReader(text)), nil},
		{"fails", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := io.ReadAll(&interruptible{ctx: t.Context(), r: tt.r})
			if string(got) != text || err != tt.err {
				t.Errorf("got %d bytes and %v, want %d and %v", len(got), err, len(text), tt.err)
			}
		})
	}
}

// TestInterrupt holds that an interrupt ends a command that waits for standard
// input, and that it leaves no part of the message behind.
func TestInterrupt(t *testing.T) {
	for _, args := range []string{
		"verify --zone example/bank.zone -",
		"sign --domain bank.example --selector rsa2026 --key example/rsa.pem -",
		"seal --zone example/bank.zone --domain bank.example --selector rsa2026 --key example/rsa.pem --authserv-id mx.bank.example -",
	} {
		t.Run(strings.Fields(args)[0], func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			ctx, cancel := context.WithCancel(t.Context())
			in, feed := io.Pipe()
			defer feed.Close()
			go func() {
				io.WriteString(feed, "From: a@bank.example\n\nbody\n")
				cancel()
			}()
			var out, errs bytes.Buffer
			if code := run(ctx, strings.Fields(args), stdio{in, &out, &errs}); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if got, want := out.String()+errs.String(), "waxseal: interrupted\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}
