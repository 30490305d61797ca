//go:build !linux

package milter

import "net"

// acker returns nil: no other system has a switch for a single connection.
func acker(net.Conn) func() { return nil }
