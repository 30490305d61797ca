// Package systemd is what a service manager and its service say to each other: how
// the service is (sd_notify(3), with the watchdog of sd_watchdog_enabled(3)), and the
// sockets that it is handed (sd_listen_fds(3)). Where nobody manages the process,
// nothing is said.
package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// notifyTime is how long a manager may leave what it is told unread, whose room for it
// is full: the work must not wait for it, least of all its end.
const notifyTime = 2 * time.Second

// Notifier tells the service manager how the service is. A nil Notifier tells
// nobody. It may be used by several goroutines.
type Notifier struct {
	addr     *net.UnixAddr
	watchdog time.Duration // 0 without a watchdog
}

// TakeNotifier reads from the environment whom to tell and removes it from there, so
// that no program we start speaks in our name. It returns nil if nobody wants to
// hear.
func TakeNotifier() (*Notifier, error) {
	name := take("NOTIFY_SOCKET")
	usec, pid := take("WATCHDOG_USEC"), take("WATCHDOG_PID")
	if name == "" {
		return nil, nil
	}
	// A name with @ is one of the abstract namespace, for us as for package net.
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("systemd: NOTIFY_SOCKET is %q, which is no socket of this host's file system", name)
	}
	n := &Notifier{addr: &net.UnixAddr{Name: name, Net: "unixgram"}}
	if usec == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n, nil // the watchdog is another process's
	}
	us, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || us <= 0 || us > int64(24*time.Hour/time.Microsecond) {
		return nil, fmt.Errorf("systemd: WATCHDOG_USEC is %q, which is no number of microseconds within a day", usec)
	}
	n.watchdog = time.Duration(us) * time.Microsecond
	return n, nil
}

func take(name string) string {
	v := os.Getenv(name)
	_ = os.Unsetenv(name)
	return v
}

// Ready says that the service serves, or serves again after Reloading.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", statusLine(status)) }

// Reloading says that the configuration is being read again; Ready ends it.
func (n *Notifier) Reloading() error {
	return n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(monotonic().Microseconds(), 10))
}

// Stopping says that the service has begun to end.
func (n *Notifier) Stopping(status string) error { return n.send("STOPPING=1", statusLine(status)) }

// Watch says until ctx ends that the process is alive, twice as often as the
// watchdog asks for; without a watchdog it returns at once. Before each time it calls
// alive, which must return for the process to count as alive. What could not be said
// goes to failed, and is said again the next time: a watchdog that hears nothing ends
// the process.
func (n *Notifier) Watch(ctx context.Context, alive func(), failed func(error)) {
	if n == nil || n.watchdog == 0 {
		return
	}
	tick := time.NewTicker(n.watchdog / 2)
	defer tick.Stop()
	for {
		alive()
		if err := n.send("WATCHDOG=1"); err != nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// statusLine is the sentence that systemctl status shows.
func statusLine(s string) string { return "STATUS=" + strings.Join(strings.Fields(s), " ") }

func (n *Notifier) send(lines ...string) error {
	if n == nil {
		return nil
	}
	conn, err := net.DialUnix(n.addr.Net, nil, n.addr)
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(notifyTime))
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return nil
}
