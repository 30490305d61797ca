package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/resolver/serve"
)

// serveFlags are those of dns --serve.
type serveFlags struct {
	addr   string
	remote bool
}

func (f *serveFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.addr, "serve", "", "answer DNS queries of other programs at this `ADDR[:PORT]` on loopback, until interrupted")
	fs.BoolVar(&f.remote, "serve-remote", false, "with --serve: allow an address that other hosts can reach")
}

// endpoint is the address to listen at.
func (f *serveFlags) endpoint() (netip.AddrPort, error) {
	text := f.addr
	for _, name := range []string{"localhost:", ":"} {
		if port, ok := strings.CutPrefix(text, name); ok && !strings.Contains(port, ":") {
			text = "127.0.0.1:" + port
		}
	}
	if text == "localhost" {
		text = "127.0.0.1"
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		const port = 53
		var ip netip.Addr
		ip, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		at = netip.AddrPortFrom(ip, port)
	}
	if err != nil {
		return at, usage(fmt.Errorf("--serve %q is not ADDR[:PORT]", f.addr), "write it like 127.0.0.1:5353 or [::1]:53")
	}
	return at, nil
}

// check refuses what would make this host a resolver for everybody.
func (f *serveFlags) check() error {
	if f.addr == "" {
		if f.remote {
			return usage(errors.New("--serve-remote without --serve"), "--serve ADDR[:PORT] says where to listen")
		}
		return nil
	}
	at, err := f.endpoint()
	if err != nil {
		return err
	}
	if !at.Addr().IsLoopback() && !f.remote {
		return usage(fmt.Errorf("--serve %s can be reached from other hosts", at.Addr()),
			"use 127.0.0.1 or ::1: anybody who can reach a resolver can use it in attacks on others",
			"behind a firewall of your own, add --serve-remote")
	}
	return nil
}

// runServe answers queries until interrupted.
func (d *dnsCommand) runServe(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	at, err := d.serve.endpoint()
	if err != nil {
		return err
	}
	if err := d.notOneself(at); err != nil {
		return err
	}
	clock, err := d.dns.clock()
	if err != nil {
		return err
	}
	udp, tcp, err := serve.Listen(at)
	if err != nil {
		hints := []string{"is another server there? Try another port, as in --serve 127.0.0.1:5353"}
		if errors.Is(err, syscall.EACCES) {
			hints = []string{"ports below 1024 are root's; try one above, as in --serve 127.0.0.1:5353"}
		}
		return fail(fmt.Errorf("--serve %s: %w", at, err), hints...)
	}
	log := &lineLog{w: d.std.err}
	s := &serve.Server{Resolver: d.cache, Source: d.source, Time: clock, Report: func(err error) { log.line("%v", err) }}
	log.line("answering DNS queries at %s over UDP and TCP, %s; Ctrl-C ends it", udp.LocalAddr(), d.servedFrom())
	err = s.Serve(ctx, udp, tcp)
	st, cache := s.Stats(), d.cache.Stats()
	log.line("ended: %d queries answered, %d dropped; %d of %d lookups from the cache", st.Queries, st.Dropped, cache.Hits, cache.Hits+cache.Misses)
	if err != nil {
		return fail(err)
	}
	return nil
}

// notOneself refuses to ask the very server that is to be started, as the
// system's configuration may say.
func (d *dnsCommand) notOneself(at netip.AddrPort) error {
	if d.example || d.dns.recursive || len(d.dns.zones) > 0 || at.Port() == 0 {
		return nil
	}
	servers, err := d.dns.serverList()
	if err != nil {
		return err
	}
	for _, s := range servers {
		if s.Addr == at.String() {
			return usage(fmt.Errorf("--serve %s would ask itself", at), "name the server to ask with --dns ADDR, or use --recursive")
		}
	}
	return nil
}

// servedFrom says where the answers come from.
func (d *dnsCommand) servedFrom() string {
	what := "validated"
	if d.validator == nil {
		what = "not validated"
	}
	switch {
	case d.example:
		return what + ", from the example tree"
	case len(d.dns.zones) > 0:
		return what + ", from zone files"
	case d.dns.recursive:
		return what + ", from the root servers down"
	case len(d.dns.servers) > 0:
		return what + ", from " + strings.Join(d.dns.servers, " and ")
	}
	return what + ", from the system's resolvers"
}

// lineLog writes lines that do not run into each other.
type lineLog struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineLog) line(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "waxseal: "+format+"\n", args...)
}
