package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// served is waxseal serve as a process of its own, under a service manager.
type served struct {
	t       *testing.T
	dir     string
	cmd     *exec.Cmd
	log     bytes.Buffer
	manager *net.UnixConn
}

// startServe starts it and waits until it is ready.
func startServe(t *testing.T) *served {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	s := &served{t: t, dir: t.TempDir()}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Under this name the test binary is the command (TestMain).
	if err := os.Symlink(exe, s.dir+"/waxseal"); err != nil {
		t.Fatal(err)
	}
	s.write("zone", "bank.example. TXT \"v=spf1 -all\"\n")
	s.write("w.toml", "hostname = \"mx.example.org\"\nmilter = { listen = \"unix:"+s.dir+"/milter\", drain = \"1m\" }\ndns.zones = [\""+s.dir+"/zone\"]\n")
	s.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.dir + "/notify", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.manager.Close() })
	s.cmd = exec.Command(filepath.Join(s.dir, "waxseal"), "serve", "--config", s.dir+"/w.toml")
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.dir+"/notify")
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	s.hear("READY=1")
	return s
}

func (s *served) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// hear waits for what the service manager is told next.
func (s *served) hear(want string) {
	s.t.Helper()
	_ = s.manager.SetReadDeadline(time.Now().Add(30 * time.Second))
	b := make([]byte, 1000)
	n, err := s.manager.Read(b)
	if err != nil || !strings.HasPrefix(string(b[:n]), want) {
		s.t.Fatalf("got %q, %v, want %s", b[:n], err, want)
	}
}

// tell sends a signal.
func (s *served) tell(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the process and holds its exit code and a line of its log.
func (s *served) end(code int, line string) {
	s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		s.t.Fatal("still running")
	}
	if got := s.cmd.ProcessState.ExitCode(); got != code || !strings.Contains(s.log.String(), `"msg":"`+line+`"`) {
		s.t.Errorf("ended with %d, want %d and a line %q in\n%s", got, code, line, s.log.String())
	}
}

// underWay begins a message that will not end.
func (s *served) underWay() {
	s.t.Helper()
	conn, err := net.Dial("unix", s.dir+"/milter")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	// Negotiation, MAIL, a header field; each has a reply.
	for _, data := range []string{"O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x00\x00\x00", "M<>\x00", "Lfrom\x00a@b\x00"} {
		if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)); err != nil {
			s.t.Fatal(err)
		}
		var size [4]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			s.t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size[:]))); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestServeSignals goes through the signals that a service manager sends.
func TestServeSignals(t *testing.T) {
	t.Run("term", func(t *testing.T) {
		s := startServe(t)
		s.tell(syscall.SIGTERM)
		s.hear("STOPPING=1")
		s.end(exitEvaluated, "stopped")
	})
	t.Run("interrupt", func(t *testing.T) {
		s := startServe(t)
		s.tell(os.Interrupt)
		s.hear("STOPPING=1")
		s.end(exitEvaluated, "stopped")
	})
	t.Run("reload", func(t *testing.T) {
		s := startServe(t)
		s.tell(syscall.SIGHUP)
		s.hear("RELOADING=1")
		s.hear("READY=1\nSTATUS=serving")
		s.write("w.toml", "hostnam = \"\"")
		s.tell(syscall.SIGHUP)
		s.hear("RELOADING=1")
		s.hear("READY=1\nSTATUS=the configuration was not reloaded")
		s.tell(syscall.SIGTERM)
		s.end(exitEvaluated, "configuration not reloaded, the old one stays in force")
	})
	for _, row := range []struct {
		name          string
		first, second os.Signal
	}{{"term-twice", syscall.SIGTERM, syscall.SIGTERM}, {"interrupt-twice", os.Interrupt, os.Interrupt}} {
		t.Run(row.name, func(t *testing.T) {
			s := startServe(t)
			s.underWay()
			s.tell(row.first)
			s.hear("STOPPING=1")
			s.tell(row.second)
			s.end(exitFailed, "told to stop again, messages under way are given up")
		})
	}
}

// TestServeTaken holds that an address which cannot be had is said with what to do.
func TestServeTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, row := range []struct{ name, listen, want string }{
		{"taken", l.Addr().String(), "hint: something listens there already"},
		{"foreign", "192.0.2.1:8891", "hint: this machine does not have that address"},
		{"no-folder", "unix:/nowhere/milter", "waxseal: milter.listen: listen unix /nowhere/milter: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			text := "hostname = \"mx.example.org\"\nmilter.listen = \"" + row.listen + "\"\ndns.zones = [\"" + dir + "/zone\"]\n"
			for name, content := range map[string]string{"w.toml": text, "zone": ""} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"serve", "--config", dir + "/w.toml"}, stdio{in: strings.NewReader(""), out: &out, err: &errs})
			if code != exitFailed || !strings.Contains(errs.String(), row.want) {
				t.Errorf("got %d: %s, want %s", code, errs.String(), row.want)
			}
		})
	}
}
