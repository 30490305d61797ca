package main

import (
	"fmt"
	"net"

	"github.com/emersion/go-milter"
)

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
