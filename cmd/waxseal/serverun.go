package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/waxseal/waxseal/internal/daemon"
	"github.com/waxseal/waxseal/internal/metrics"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/internal/systemd"
)

// runDaemon runs a daemon under whatever started it, until it is told to stop.
func runDaemon(ctx context.Context, d *daemon.Daemon) error {
	if err := underSystemd(d); err != nil {
		return err
	}
	v := readVersion()
	d.Build = metrics.Build{Version: v.Version, Revision: v.Revision, Go: v.Go}

	// An interrupt has ended ctx before it is counted here, and is no second one.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	// Two at least: the second must not be lost while the first is dealt with.
	term := make(chan os.Signal, 2)
	signal.Notify(term, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(term)
	go func() {
		<-term
		stop()
		<-term
		d.Abandon()
		os.Exit(exitFailed)
	}()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go func() {
		for range hup {
			_ = d.Reload() // which logs what came of it
		}
	}()
	switch err := d.Run(ctx); {
	case errors.Is(err, store.ErrDamaged):
		return fail(err, "move the file away and start again: what it kept, MTA-STS policies, is fetched anew")
	case errors.Is(err, syscall.EADDRINUSE):
		return fail(err, "something listens there already, perhaps another waxseal; stop it, or take another address")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fail(err, "this machine does not have that address")
	case errors.Is(err, os.ErrPermission):
		return fail(err, "a port below 1024 takes CAP_NET_BIND_SERVICE, which the unit of waxseal serve --unit grants; a socket or folder must be this account's to write")
	case err != nil:
		return fail(err)
	}
	return nil
}

// underSystemd takes what the service manager has to say, if there is one.
func underSystemd(d *daemon.Daemon) (err error) {
	if d.Notify, err = systemd.TakeNotifier(); err != nil {
		return fail(err)
	}
	d.Sockets, err = systemd.TakeListeners(daemon.SocketNames()...)
	var unknown *systemd.NameError
	if errors.As(err, &unknown) {
		return fail(err, "FileDescriptorName= in the socket unit names the server: "+strings.Join(unknown.Known, ", "))
	}
	if err != nil {
		return fail(err)
	}
	return nil
}
