package main

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLabServe runs the command lines that lab serve prints, each where its
// program is installed, and holds that nothing stays behind.
func TestLabServe(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"lab", "serve"}, stdio{strings.NewReader(""), w, w})
		w.Close()
	}()
	lines := readHints(t, r)
	for program, want := range map[string]string{
		"dig": "RRSIG", "delv": "; fully validated", "swaks": "<** 550 5.7.26", "openssl": "Verification: OK", "curl": "mode: enforce", "waxseal": "proven",
	} {
		t.Run(program, func(t *testing.T) {
			if program == "waxseal" {
				var out strings.Builder
				if run(ctx, strings.Fields(lines[program])[1:], stdio{strings.NewReader(""), &out, &out}); !strings.Contains(out.String(), want) {
					t.Errorf("%s\n%s", lines[program], out.String())
				}
				return
			}
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("%s is not installed", program)
			}
			limited, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			// Swaks exits with an error when it is rejected; what it says decides.
			out, _ := exec.CommandContext(limited, "sh", "-c", lines[program]+" </dev/null").CombinedOutput()
			if !strings.Contains(string(out), want) {
				t.Errorf("%s\n%s", lines[program], out)
			}
		})
	}
	stop()
	if got := <-code; got != exitEvaluated {
		t.Errorf("exit code %d", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// readHints returns the command lines by program, and goes on reading.
func readHints(t *testing.T, r io.Reader) map[string]string {
	lines := map[string]string{}
	scan := bufio.NewScanner(r)
	for scan.Scan() && !strings.Contains(scan.Text(), "mta-sts.txt") {
		if words := strings.Fields(scan.Text()); strings.HasPrefix(scan.Text(), "  ") {
			lines[words[0]] = scan.Text()
		}
	}
	lines["curl"] = scan.Text()
	if len(lines) != 6 {
		t.Fatalf("%d command lines: %v", len(lines), lines)
	}
	go io.Copy(io.Discard, r)
	return lines
}
