package daemon

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/internal/config"
)

// SocketNames are the servers that a service manager may open sockets for, named as
// their tables of the configuration are.
func SocketNames() []string {
	return []string{"milter", "tls_policy", "mta_sts", "mta_sts.acme.http", "metrics"}
}

// listenersOf returns the listeners of a server: those that the service manager has
// opened for it in place of its address, else that of its address; none for a server that is switched off.
func (d *Daemon) listenersOf(name string, at config.Listen) ([]net.Listener, error) {
	if at == "" {
		return nil, nil
	}
	if ls := d.Sockets[name]; len(ls) > 0 {
		if len(ls) > 1 && strings.HasPrefix(name, "mta_sts") { // ACME is told of one
			return nil, fmt.Errorf("systemd has opened %d sockets for %s, which takes one", len(ls), name)
		}
		return ls, nil
	}
	l, err := open(at)
	if err != nil {
		return nil, fmt.Errorf("%s.listen: %w", name, err)
	}
	return []net.Listener{l}, nil
}

// from says where a server's listener comes from.
func (d *Daemon) from(name string) string {
	if len(d.Sockets[name]) > 0 {
		return "systemd"
	}
	return "configuration"
}

// unused closes what was opened for servers that there are not: whoever connected
// would wait for ever.
func (d *Daemon) unused(servers []server) {
	for _, name := range SocketNames() {
		if len(d.Sockets[name]) == 0 || slices.ContainsFunc(servers, func(s server) bool { return s.name == name }) {
			continue
		}
		d.Log.Warn("socket not used", "server", name)
		for _, l := range d.Sockets[name] {
			_ = l.Close()
		}
	}
}

// tell logs that the service manager could not be told something.
func (d *Daemon) tell(err error) {
	if err != nil {
		d.Log.Warn("the service manager cannot be told", "error", err.Error())
	}
}

// status is the sentence that systemctl status shows.
func (d *Daemon) status() string {
	spf, dmarc := d.state.Load().config.Policy.Modes()
	return fmt.Sprintf("serving; SPF %s, DMARC %s", spf, dmarc)
}

// alive takes the locks that every message takes: if one of them is never given back,
// the watchdog is to end the process.
func (d *Daemon) alive() { d.sample() }
