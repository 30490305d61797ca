package serve

import (
	"context"
	"errors"
	"net"
	"sync"
)

// serveUDP answers datagrams. What is known is answered at once; what has to be
// looked up does not hold up the next datagram.
func (s *Server) serveUDP(ctx context.Context, conn *net.UDPConn, all *sync.WaitGroup) error {
	buf := make([]byte, maxQuery)
	out := make([]byte, 0, UDPSize)
	for {
		n, client, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			s.report(err)
			if !pause(ctx) {
				return nil
			}
			continue
		}
		q, known := s.quick(buf[:n], out)
		if q == nil {
			if known != nil {
				s.queries.Add(1)
				_, _ = conn.WriteToUDPAddrPort(known, client) // who is gone gets nothing
			} else {
				s.dropped.Add(1)
			}
			continue
		}
		select {
		case s.slots <- struct{}{}:
		default:
			s.dropped.Add(1) // the client asks again
			continue
		}
		all.Go(func() {
			defer func() { <-s.slots }()
			if reply := s.slow(ctx, q); reply != nil {
				s.queries.Add(1)
				_, _ = conn.WriteToUDPAddrPort(reply, client)
			}
		})
	}
}

// quick answers a query over UDP that needs no lookup, into out if it fits. If
// one is needed, it returns the query.
func (s *Server) quick(wire, out []byte) (q *query, known []byte) {
	defer s.survive(func() { q, known = nil, nil })
	q, refusal := parse(wire)
	switch {
	case refusal != nil:
		return nil, s.pack(refusal, out, UDPSize)
	case q == nil:
		return nil, nil
	}
	q.limit = min(max(q.size, minUDPSize), UDPSize)
	if a, ok := s.peek(q); ok {
		return nil, s.answer(q, a, out)
	}
	return q, nil
}
