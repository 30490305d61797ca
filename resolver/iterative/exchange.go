package iterative

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// question is what one server is asked, and for which zone.
type question struct {
	zone, name string
	typ        uint16
}

// exchange asks one server.
func (w *walk) exchange(ctx context.Context, addr netip.Addr, q question) (*dns.Msg, error) {
	s := w.s
	if w.queries++; w.queries > maxQueries {
		return nil, w.fail(resolver.Limit, "more than %d queries", maxQueries)
	}
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	v := s.server(addr)
	x := s.Exchanger
	if x.UDPTimeout == 0 {
		x.UDPTimeout = v.timeout()
	}
	port := s.Port
	if port == 0 {
		port = 53
	}
	begin := time.Now()
	out, err := x.Exchange(ctx, resolver.Server{Addr: netip.AddrPortFrom(addr, port).String()}, s.query(v, addr, q))
	took := time.Since(begin)
	w.trace(addr, q, out, took, err)
	if err == nil {
		v.answered(took, out)
		return out.Msg, nil
	}
	if ctx.Err() != nil {
		return nil, w.fail(resolver.Timeout, "the whole lookup took too long; the last server asked was %s for %s", addr, q.zone)
	}
	v.failed(s.now(), silentServer)
	var e *resolver.Error
	if errors.As(err, &e) {
		return nil, w.fail(e.Reason, "%s (server of %s)", strings.TrimSpace(e.Detail), q.zone)
	}
	return nil, err
}

// query is not recursive, and has DO so that signatures come.
func (s *Source) query(v *server, addr netip.Addr, q question) resolver.Query {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := resolver.Query{
		Question:  resolver.Question{Name: resolver.CanonicalName(q.name), Type: resolver.Type(q.typ)},
		DNSSEC:    true,
		NoEDNS:    v.noEDNS,
		PlainCase: v.plainCase || s.NoRandomCase,
		Cookie:    v.cookie,
	}
	if out.Cookie == "" {
		out.Cookie = s.clientCookie(addr)
	}
	return out
}

// clientCookie is different for each server, so that one of them cannot forge
// the replies of another (RFC 7873, Section 4.1).
func (s *Source) clientCookie(addr netip.Addr) string {
	h := hmac.New(sha256.New, s.secret[:])
	b := addr.As16()
	h.Write(b[:])
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (w *walk) trace(addr netip.Addr, q question, out *resolver.Outcome, took time.Duration, err error) {
	if w.s.Trace == nil {
		return
	}
	e := Exchange{
		Server: addr.String(), Network: "udp", Zone: resolver.CanonicalName(q.zone),
		Name: resolver.CanonicalName(q.name), Type: resolver.Type(q.typ), Duration: took,
	}
	if out != nil {
		e.RCode = resolver.RCode(out.Msg.Rcode).String()
		if out.TCP {
			e.Network = "tcp"
		}
	}
	if err != nil {
		e.Error = resolver.ReasonOf(err)
	}
	w.s.Trace(e)
}
