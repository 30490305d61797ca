package serve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// serveTCP answers connections.
func (s *Server) serveTCP(ctx context.Context, l *net.TCPListener, all *sync.WaitGroup) error {
	slots := make(chan struct{}, MaxConnections)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := l.AcceptTCP()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // no file descriptors left, say
			<-slots
			s.report(err)
			if !pause(ctx) {
				return nil
			}
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			s.serveConn(ctx, conn)
		})
	}
}

// serveConn answers the queries of one connection, in the order in which the
// answers are there (RFC 7766, Section 6.2.1.1).
func (s *Server) serveConn(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		running.Wait() // who has sent its last query still wants the answers
		stop()
		cancel()
		_ = conn.Close()
	}()
	own := make(chan struct{}, MaxPerConn)
	var writing sync.Mutex
	for {
		wire, err := readMessage(conn)
		if err != nil {
			return
		}
		if !take(ctx, own) {
			return
		}
		if !take(ctx, s.slots) {
			<-own
			return
		}
		running.Go(func() {
			defer func() { <-own; <-s.slots }()
			reply := s.reply(ctx, wire)
			if reply == nil {
				s.dropped.Add(1)
				cancel() // it does not speak DNS
				return
			}
			s.queries.Add(1)
			writing.Lock()
			defer writing.Unlock()
			_ = conn.SetWriteDeadline(time.Now().Add(WriteTimeout))
			if _, err := conn.Write(framed(reply)); err != nil {
				cancel()
			}
		})
	}
}

// reply answers one message that came over TCP; nil means that it is no query.
func (s *Server) reply(ctx context.Context, wire []byte) (reply []byte) {
	defer s.survive(func() { reply = nil })
	q, refusal := parse(wire)
	switch {
	case refusal != nil:
		return s.pack(refusal, nil, dns.MaxMsgSize)
	case q == nil:
		return nil
	}
	q.limit = dns.MaxMsgSize
	return s.slow(ctx, q)
}

func take(ctx context.Context, slots chan<- struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// readMessage reads a message with its length before it (RFC 1035, Section
// 4.2.2).
func readMessage(conn net.Conn) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(IdleTimeout)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	wire := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, wire)
	return wire, err
}

// framed puts the length before a message, so that both go in one write.
func framed(wire []byte) []byte {
	out := make([]byte, 2, 2+len(wire))
	binary.BigEndian.PutUint16(out, uint16(len(wire)))
	return append(out, wire...)
}
