package systemd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// inherits marks the process that TestListeners starts.
const inherits = "WAXSEAL_TEST_INHERITS"

func TestMain(m *testing.M) {
	if os.Getenv(inherits) != "" {
		inherit()
		return
	}
	goleak.VerifyTestMain(m)
}

// manager is a service manager that hears what is said.
func manager(t *testing.T, name string) func() string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() string {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	names := map[string]string{"path": filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names["abstract"] = "@waxseal-test-" + strconv.Itoa(os.Getpid())
	}
	for name, socket := range names {
		t.Run(name, func(t *testing.T) {
			hear := manager(t, socket)
			t.Setenv("NOTIFY_SOCKET", socket)
			n, err := TakeNotifier()
			if err != nil {
				t.Fatal(err)
			}
			if _, left := os.LookupEnv("NOTIFY_SOCKET"); left {
				t.Error("the variable is still there")
			}
			for _, row := range []struct {
				say  func() error
				want string // a pattern
			}{
				{func() error { return n.Ready("serving\n on 1") }, `READY=1\nSTATUS=serving on 1`},
				{n.Reloading, `RELOADING=1\nMONOTONIC_USEC=\d+`},
				{func() error { return n.Stopping("bye") }, `STOPPING=1\nSTATUS=bye`},
			} {
				if err := row.say(); err != nil {
					t.Fatal(err)
				}
				if got := hear(); !regexp.MustCompile(`^` + row.want + `$`).MatchString(got) {
					t.Errorf("got %q, want %q", got, row.want)
				}
			}
		})
	}
}

func TestWatchdog(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	hear := manager(t, socket)
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "2000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	n, err := TakeNotifier()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		asked := 0
		n.Watch(ctx, func() { asked++ }, func(err error) { t.Error(err) })
		ended <- asked
	}()
	for range 3 {
		if got := hear(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	cancel()
	if asked := <-ended; asked < 3 {
		t.Errorf("asked %d times whether all is well", asked)
	}
}

// TestWatchdogDeaf: a manager that could not be told once, as while it is started anew
// itself, must hear the next time, or it ends a process that is well.
func TestWatchdogDeaf(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	n := &Notifier{addr: &net.UnixAddr{Name: socket, Net: "unixgram"}, watchdog: 2 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended, failed := make(chan bool), make(chan error, 1000)
	go func() {
		defer close(ended)
		n.Watch(ctx, func() {}, func(err error) {
			select {
			case failed <- err:
			default:
			}
		})
	}()
	if err := <-failed; err == nil {
		t.Error("got no error from a socket that is not there")
	}
	if got := manager(t, socket)(); got != "WATCHDOG=1" {
		t.Errorf("got %q", got)
	}
	cancel()
	<-ended
}

// TestNotifyFull: a manager that does not read holds nobody up for long.
func TestNotifyFull(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager(t, socket)
	n := &Notifier{addr: &net.UnixAddr{Name: socket, Net: "unixgram"}}
	for range 100_000 {
		err := n.Stopping("")
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("the socket is never full")
}

// TestNobody holds that an environment without a manager is no error and that a
// broken one is.
func TestNobody(t *testing.T) {
	for _, row := range []struct {
		name, socket, usec, pid string
		ok, tells, watches      bool
	}{
		{"none", "", "", "", true, false, false},
		{"no-watchdog", "/run/x", "", "", true, true, false},
		{"watchdog", "/run/x", "1000", "", true, true, true},
		{"watchdog-of-another", "/run/x", "1000", "1", true, true, false},
		{"watchdog-alone", "", "1000", "", true, false, false},
		{"vsock", "vsock:2:1", "", "", false, false, false},
		{"no-number", "/run/x", "soon", "", false, false, false},
		{"too-long", "/run/x", "86400000001", "", false, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("NOTIFY_SOCKET", row.socket)
			t.Setenv("WATCHDOG_USEC", row.usec)
			t.Setenv("WATCHDOG_PID", row.pid)
			n, err := TakeNotifier()
			if (err == nil) != row.ok || (n != nil) != row.tells || n != nil && (n.watchdog != 0) != row.watches {
				t.Errorf("got %+v, %v", n, err)
			}
			if n == nil && (n.Ready("") != nil || n.Reloading() != nil || n.Stopping("") != nil) {
				t.Error("told somebody")
			}
			if n == nil {
				n.Watch(t.Context(), nil, nil)
			}
		})
	}
}

// TestListeners hands sockets to another process, as a service manager does.
func TestListeners(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows hands no descriptors to a process")
	}
	dir := t.TempDir()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	unix, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	gram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "g"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer gram.Close()
	tcpAddr, unixAddr := "tcp "+tcp.Addr().String(), "unix "+unix.Addr().String()
	for _, row := range []struct {
		name, names string
		sockets     []any
		want        handed
	}{
		{"none", "", nil, handed{}},
		{"one", "milter", []any{tcp}, handed{Got: map[string][]string{"milter": {tcpAddr}}}},
		{"two", "milter:tls_policy", []any{tcp, unix}, handed{Got: map[string][]string{"milter": {tcpAddr}, "tls_policy": {unixAddr}}}},
		{"twice", "milter:milter", []any{tcp, unix}, handed{Got: map[string][]string{"milter": {tcpAddr, unixAddr}}}},
		{"unknown", "milter:waxseal.socket", []any{tcp, unix}, handed{Unknown: "waxseal.socket", Err: `systemd: there is no server "waxseal.socket" for a socket that was handed over`}},
		{"udp", "milter", []any{udp}, handed{Err: `systemd: socket "milter": `}},
		{"datagrams", "milter", []any{gram}, handed{Err: `systemd: socket "milter" is of kind unixgram: `}},
		{"names", "milter", []any{tcp, unix}, handed{Err: `systemd: LISTEN_FDNAMES is "milter", which are not the names of 2 sockets`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := hand(t, row.names, row.sockets)
			if row.want.Err != "" && strings.HasPrefix(got.Err, row.want.Err) {
				got.Err = row.want.Err
			}
			if diff := cmp.Diff(got, row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// handed is what a process with inherited sockets makes of them.
type handed struct {
	Got     map[string][]string
	Err     string
	Unknown string
	Left    string // of the environment
}

// hand starts this program again with sockets.
func hand(t *testing.T, names string, sockets []any) (h handed) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The shell knows the process's number, which the process keeps.
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, exe)
	cmd.Env = append(os.Environ(), inherits+"=1", "LISTEN_FDNAMES="+names, "LISTEN_FDS="+strconv.Itoa(len(sockets)))
	for _, s := range sockets {
		f, err := s.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &h); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return h
}

// inherit is what that program does.
func inherit() {
	all, err := TakeListeners("milter", "tls_policy")
	var h handed
	var unknown *NameError
	if errors.As(err, &unknown) {
		h.Unknown = unknown.Name
	}
	if err != nil {
		h.Err = err.Error()
	}
	for name, ls := range all {
		for _, l := range ls {
			if h.Got == nil {
				h.Got = map[string][]string{}
			}
			h.Got[name] = append(h.Got[name], l.Addr().Network()+" "+l.Addr().String())
		}
	}
	h.Left = os.Getenv("LISTEN_FDS") + os.Getenv("LISTEN_PID") + os.Getenv("LISTEN_FDNAMES")
	b, _ := json.Marshal(h)
	fmt.Printf("%s\n", b)
}

// TestForAnother holds that sockets of another process are left alone.
func TestForAnother(t *testing.T) {
	for _, row := range []struct{ name, pid, count string }{
		{"another", "1", "1"},
		{"no-pid", "", "1"},
		{"no-count", strconv.Itoa(os.Getpid()), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("LISTEN_PID", row.pid)
			t.Setenv("LISTEN_FDS", row.count)
			t.Setenv("LISTEN_FDNAMES", "milter")
			if all, err := TakeListeners("milter"); all != nil || err != nil {
				t.Errorf("got %v, %v", all, err)
			}
		})
	}
	for _, count := range []string{"-1", "65", "x"} {
		t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		t.Setenv("LISTEN_FDS", count)
		if _, err := TakeListeners("milter"); err == nil {
			t.Errorf("LISTEN_FDS=%s is taken", count)
		}
	}
}
