package milter

import (
	"net"
	"syscall"
)

// acker returns what lets the kernel acknowledge at once what has come and will
// come; nil where the connection needs none.
//
// A mail server that waits for no reply hands over a message in several writes,
// each smaller than a segment. Its kernel holds the second back until the first is
// acknowledged (RFC 1122, Section 4.2.3.4), and ours delays that by 40 ms in the
// hope of a reply to send it with, which nobody will write. The option of tcp(7) is
// lost with the next write, so it is set whenever we wait.
func acker(nc net.Conn) func() {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	set := func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}
	return func() { _ = raw.Control(set) }
}
