package milter

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/waxseal/waxseal/internal/accept"
)

// TestAcknowledgesAtOnce names a stall of 40 ms in each message: the kernel of
// Postfix held the header back until ours had acknowledged the envelope, and ours
// waited for a reply to do so. The quickest of some messages counts, so that a slow
// machine does not.
func TestAcknowledgesAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = client.(*net.TCPConn).SetNoDelay(false) // as Postfix has it
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Handler: &judge{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		s.serve(accept.Stop{Soon: ctx, Now: ctx}, served, s.Limits.withDefaults())
		served.Close()
	})
	defer func() {
		client.Close()
		cancel()
		wg.Wait()
	}()
	m := &mta{t: t, conn: client}
	m.negotiate(postfix)
	m.send(clientPacket, "Hmail.sender.example\x00")
	const (
		eager = 20 // messages in which the kernel of a new connection is quick by itself
		delay = 40 * time.Millisecond
	)
	quickest := time.Hour
	for i := range eager + 5 {
		start := time.Now()
		m.begin("")
		m.send("LSubject\x00 x\x00", "N", "Bhello\r\n")
		m.ask("E")
		if i >= eager {
			quickest = min(quickest, time.Since(start))
		}
	}
	if quickest >= delay/2 {
		t.Errorf("each message took at least %v", quickest)
	}
}
