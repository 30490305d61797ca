package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// builtFile names the program that the process with a network of its own is to use.
const builtFile = "WAXSEAL_TEST_BINARY"

// serveAlone reports whether this process is the one for the test, and if so returns
// the bed. The other builds the program, since it may need the network for that.
func serveAlone(t *testing.T, doors ...string) *serveBed {
	t.Helper()
	program(t, "postfix")
	file := os.Getenv(builtFile)
	if file == "" {
		file = filepath.Join(t.TempDir(), "waxseal")
		run(t, "go", "build", "-o", file, "github.com/waxseal/waxseal/cmd/waxseal")
		t.Setenv(builtFile, file)
	}
	if !alone(t) {
		return nil
	}
	return newServeBed(t, file, doors...)
}

// served is a process of waxseal serve.
type served struct {
	cmd *exec.Cmd
	log lockedBuffer
}

// startServe starts waxseal serve and waits until it listens. At the end it must
// stop in good order.
func startServe(t *testing.T, program, listen, config string) *served {
	t.Helper()
	file := filepath.Join(t.TempDir(), "waxseal.toml")
	write(t, file, strings.Replace(config, "LISTEN", listen, 1))
	s := &served{cmd: exec.Command(program, "serve", "--config", file)}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("waxseal serve at %s said:\n%s", listen, s.log.String())
		}
	})
	awaitTrue(t, "the filter's port", func() bool { return strings.Contains(s.log.String(), `"msg":"listening"`) })
	return s
}

// stop ends the process as systemd would; a second call does nothing.
func (s *served) stop(t *testing.T) {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("waxseal serve: %v", err)
	}
}

// line returns the record that the log has of a message, without what differs from
// run to run.
func (s *served) line(t *testing.T, queueID string) map[string]any {
	t.Helper()
	var found map[string]any
	awaitTrue(t, "the log's line of "+queueID, func() bool {
		for line := range strings.Lines(s.log.String()) {
			var l map[string]any
			if err := json.Unmarshal([]byte(line), &l); err == nil && l["queue_id"] == queueID {
				found = l
			}
		}
		return found != nil
	})
	for _, key := range []string{"time", "queue_id", "ms", "level"} {
		delete(found, key)
	}
	return found
}

// memory returns what the process has in memory now and the most that it ever had,
// in bytes (proc(5)).
func (s *served) memory(t *testing.T) (now, most int) {
	t.Helper()
	text, err := os.ReadFile(s.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		_, _ = fmt.Sscanf(string(line), "VmRSS: %d kB", &now)
		_, _ = fmt.Sscanf(string(line), "VmHWM: %d kB", &most)
	}
	return now << 10, most << 10
}

// proc is a file of proc(5) about the process.
func (s *served) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, name) }
