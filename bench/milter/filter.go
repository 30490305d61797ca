package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"

	"github.com/emersion/go-milter"
	"github.com/waxseal/waxseal/internal/daemon"
)

// serveProfiled is waxseal serve with profiles, which the program itself has not.
func serveProfiled(config, dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cpu, err := os.Create(filepath.Join(dir, "cpu.out"))
	if err != nil {
		return err
	}
	defer cpu.Close()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	d := &daemon.Daemon{ConfigFile: config, Log: slog.New(slog.NewJSONHandler(os.Stderr, nil))}
	err = d.Run(ctx)
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	heap, err := os.Create(filepath.Join(dir, "allocs.out"))
	if err != nil {
		return err
	}
	defer heap.Close()
	return pprof.Lookup("allocs").WriteTo(heap, 0)
}

// passThrough is a filter that takes everything and changes nothing: what the
// protocol costs by itself in the usual library.
func passThrough(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := &milter.Server{NewMilter: func() milter.Milter { return milter.NoOpMilter{} }}
	if err := s.Serve(l); err != nil {
		return fmt.Errorf("pass: %w", err)
	}
	return nil
}
