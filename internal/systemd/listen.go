package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// firstSocket is the number of the first descriptor (SD_LISTEN_FDS_START).
const firstSocket = 3

// maxSockets bounds what the environment can make us open.
const maxSockets = 64

// NameError is a socket that belongs to no server.
type NameError struct {
	Name  string
	Known []string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("systemd: there is no server %q for a socket that was handed over", e.Name)
}

// TakeListeners returns the listeners that the service manager has opened for this
// process, by their names, of which known are all there can be. It removes what says
// so from the environment. With an error all are closed.
func TakeListeners(known ...string) (map[string][]net.Listener, error) {
	pid, count, names := take("LISTEN_PID"), take("LISTEN_FDS"), take("LISTEN_FDNAMES")
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // meant for another process, or for none
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSockets {
		return nil, fmt.Errorf("systemd: LISTEN_FDS is %q, which is no number up to %d", count, maxSockets)
	}
	list := strings.Split(names, ":")
	if n > 0 && len(list) != n {
		return nil, fmt.Errorf("systemd: LISTEN_FDNAMES is %q, which are not the names of %d sockets", names, n)
	}
	all := map[string][]net.Listener{}
	var errs []error
	for i := range n {
		l, err := listener(firstSocket+i, list[i], known)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all[list[i]] = append(all[list[i]], l)
	}
	if len(errs) > 0 {
		for _, ls := range all {
			for _, l := range ls {
				_ = l.Close()
			}
		}
		return nil, errors.Join(errs...)
	}
	return all, nil
}

// listener makes a listener of a descriptor.
func listener(fd int, name string, known []string) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), name)
	defer file.Close() // the listener has a copy, which no other program inherits
	if !slices.Contains(known, name) {
		return nil, &NameError{name, known}
	}
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("systemd: socket %q: %w", name, err)
	}
	if network := l.Addr().Network(); network != "tcp" && network != "unix" {
		_ = l.Close()
		return nil, fmt.Errorf("systemd: socket %q is of kind %s: ListenStream= makes one that connections come to", name, network)
	}
	return l, nil
}
