package milter

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/waxseal/waxseal/internal/accept"
)

// pair is both ends of a TCP connection.
func pair(t *testing.T) (client, served net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if served, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); served.Close() })
	return client, served
}

// quickAck reads or writes the option of tcp(7).
func quickAck(t *testing.T, nc net.Conn, set func(fd int) error) (on bool) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var fault error
	err = raw.Control(func(fd uintptr) {
		if set != nil {
			fault = set(int(fd))
			return
		}
		var v int
		v, fault = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK)
		on = v != 0
	})
	if err != nil || fault != nil {
		t.Fatal(err, fault)
	}
	return on
}

// TestAcker holds that what has come is acknowledged at once, after each write that
// switches that off again.
func TestAcker(t *testing.T) {
	_, served := pair(t)
	acknowledge := acker(served)
	off := func(fd int) error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0) }
	for range 2 {
		quickAck(t, served, off)
		if quickAck(t, served, nil) {
			t.Fatal("cannot be switched off")
		}
		if acknowledge(); !quickAck(t, served, nil) {
			t.Error("is not switched on")
		}
	}
	if a, b := net.Pipe(); acker(a) != nil {
		t.Error("a pipe has nothing to acknowledge")
	} else {
		a.Close()
		b.Close()
	}
}

// TestAcknowledgesAtOnce names a stall of 40 ms in each message: the kernel of
// Postfix held the header back until ours had acknowledged the envelope, and ours
// waited for a reply to do so, which nobody would write. It is to acknowledge whenever
// more is waited for.
func TestAcknowledgesAtOnce(t *testing.T) {
	client, served := pair(t)
	s := &Server{Handler: &judge{}}
	ctx, cancel := context.WithCancel(context.Background())
	c := newConn(s, accept.Stop{Soon: ctx, Now: ctx}, served, s.Limits.withDefaults())
	var waits atomic.Int64
	waited := make(chan struct{}, 1000)
	c.ack = func() { waits.Add(1); waited <- struct{}{} }
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.run() })
	defer func() {
		client.Close()
		cancel()
		wg.Wait()
	}()
	m := &mta{t: t, conn: client}
	<-waited // for the negotiation
	m.negotiate(postfix)
	<-waited // for what nobody answers, each sent once it is waited for
	for _, packet := range []string{clientPacket, "Hmail.sender.example\x00", "M<a@sender.example>\x00", "R<b@a.example>\x00", "LSubject\x00 x\x00", "N", "Bhello\r\n"} {
		m.send(packet)
		<-waited
	}
	m.ask("E")
	if got := waits.Load(); got < 9 {
		t.Errorf("acknowledged %d times", got)
	}
}
