package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestNoSpace holds that a verdict that could not be printed is no success.
func TestNoSpace(t *testing.T) {
	for _, args := range []string{
		"verify --example",
		"verify --example --json",
		"spf --zone example/bank.zone --ip 192.0.2.4 --mail-from a@bank.example",
		"sign --domain bank.example --selector rsa2026 --key example/rsa.pem --record",
		"sign --domain bank.example --selector rsa2026 --key example/rsa.pem example/genuine.eml",
		"version",
	} {
		t.Run(strings.ReplaceAll(args, " ", "_"), func(t *testing.T) {
			var errs bytes.Buffer
			if code := run(t.Context(), strings.Fields(args), stdio{strings.NewReader(""), full{}, &errs}); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if got, want := errs.String(), "waxseal: no space left\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestStrangeText holds that nothing a stranger chose reaches the terminal as a
// control character, a line end or a change of direction.
func TestStrangeText(t *testing.T) {
	const evil = "\x1b[2J\u009b31m\u202e\u2028\u200f\a\r\n"
	msg := "From: \"" + evil + "\" <a@stranger.example>\r\nDKIM-Signature: v=1; d=" + evil + "; i=" + evil + "\r\n" +
		"ARC-Seal: i=1; cv=" + evil + "\r\nARC-Authentication-Results: i=1; " + evil + "\r\n\r\nbody\r\n"
	for _, args := range [][]string{
		{"verify", "--zone", "example/bank.zone", "--ip", "203.0.113.3", "--helo", evil, "--mail-from", "a\u202eb\u2028c@stranger.example", "-"},
		{"verify", "--zone", "example/bank.zone", "--ip", "203.0.113.3", "--helo", "x", "--mail-from", evil + "@stranger.example", "-"},
		{"seal", "--zone", "example/bank.zone", "--domain", "bank.example", "--selector", "s", "--key", "example/rsa.pem", "--authserv-id", "mx.bank.example", "--fields-only", "-"},
		{"verify", evil},
		{"spf", "--zone", evil, "--ip", "192.0.2.1", "--helo", "x"},
	} {
		var out bytes.Buffer
		run(t.Context(), args, stdio{strings.NewReader(msg), &out, &out})
		got := strings.NewReplacer("\n", "", "\t", "", "\r\n", "").Replace(out.String())
		if i := strings.IndexFunc(got, isStrange); i >= 0 {
			t.Errorf("%q lets %q through", args, got[i:min(i+40, len(got))])
		}
	}
}

func isStrange(r rune) bool {
	return r < ' ' && r != '\r' || r >= 0x7f && r < 0xa0 || strings.ContainsRune("\u202e\u2028\u200f", r)
}
