package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"
)

type serveFlags struct {
	addr   string
	remote bool
}

func (f *serveFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.addr, "serve", "", "answer DNS queries of other programs at this `ADDR[:PORT]` on loopback, until interrupted")
	fs.BoolVar(&f.remote, "serve-remote", false, "with --serve: allow an address that other hosts can reach")
}

func (f *serveFlags) check() error { return nil }

func (d *dnsCommand) runServe(ctx context.Context) error { return errors.New("TODO") }
