package conformance

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// builtProgram names the waxseal that was built for the process of a test.
const builtProgram = "WAXSEAL_TEST_PROGRAM"

// buildWaxseal builds the command before the test goes where it is alone.
func buildWaxseal(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(builtProgram); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "waxseal")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/waxseal/waxseal/cmd/waxseal").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv(builtProgram, path)
	return path
}

// serving is a process of waxseal serve, which the test may end and start again.
type serving struct {
	t       testing.TB
	program string
	config  string   // file
	log     string   // file
	ports   []string // that it listens on
	cmd     *exec.Cmd
}

// startServing starts waxseal serve and waits for its ports.
func startServing(t testing.TB, program, config string, ports ...string) *serving {
	t.Helper()
	dir := t.TempDir()
	s := &serving{t: t, program: program, config: filepath.Join(dir, "waxseal.toml"), log: filepath.Join(dir, "log"), ports: ports}
	write(t, s.config, config)
	s.start()
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
		if t.Failed() {
			t.Logf("waxseal said:\n%s", s.lines())
		}
	})
	return s
}

func (s *serving) start() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.program, "serve", "--config", s.config)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for _, port := range s.ports {
		awaitTrue(s.t, "the port "+port+" of waxseal", func() bool {
			c, err := net.Dial("tcp", port)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
}

func (s *serving) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends the process as a crash does.
func (s *serving) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// stop ends the process in good order.
func (s *serving) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("waxseal serve after SIGTERM: %v", err)
	}
	s.cmd = nil
}

// restart ends the process in good order and starts another.
func (s *serving) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

func (s *serving) lines() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

// await waits until the log has a text n times.
func (s *serving) await(text string, n int) {
	s.t.Helper()
	awaitTrue(s.t, "in the log of waxseal: "+text, func() bool { return strings.Count(s.lines(), text) >= n })
}
