package iterative

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// question is what one server is asked, and for which zone.
type question struct {
	zone, name string
	typ        uint16
}

// try is one way of asking: what is given up as servers turn out to be odd.
type try struct {
	network  string
	edns     bool
	caseRand bool
}

// The faults of a reply that another way of asking can cure.
var (
	errCase      = errors.New("the name came back in other letter case")
	errTruncated = errors.New("truncated")
	errCookie    = errors.New("the server wants its new cookie")
	errNoEDNS    = errors.New("the server does not know EDNS")
	errForeign   = errors.New("the reply is to another question")
)

// exchange asks one server, and again where a truncated reply, EDNS, cookies or
// letter case are in the way.
func (w *walk) exchange(ctx context.Context, addr netip.Addr, q question) (*dns.Msg, error) {
	v := w.s.server(addr)
	v.mu.Lock()
	how := try{"udp", !v.noEDNS, !v.noCase && !w.s.NoRandomCase}
	v.mu.Unlock()
	for {
		if w.queries++; w.queries > maxQueries {
			return nil, w.fail(resolver.Limit, "more than %d queries", maxQueries)
		}
		begin := time.Now()
		m, err := w.once(ctx, addr, q, how)
		w.trace(addr, q, how, m, time.Since(begin), err)
		switch {
		case err == nil:
			v.answered(time.Since(begin))
			return m, nil
		case errors.Is(err, errTruncated) && how.network == "udp",
			errors.Is(err, errCookie) && how.network == "udp":
			how.network = "tcp"
		case errors.Is(err, errCase) && how.caseRand:
			// TCP is as hard to forge as the case was.
			how.caseRand, how.network = false, "tcp"
			v.mu.Lock()
			v.noCase = true
			v.mu.Unlock()
		case errors.Is(err, errNoEDNS) && how.edns:
			how.edns = false
			v.mu.Lock()
			v.noEDNS = true
			v.mu.Unlock()
		case ctx.Err() != nil:
			return nil, w.fail(resolver.Timeout, "the whole lookup took too long; the last server asked was %s for %s", addr, q.zone)
		default:
			v.failed(w.s.now(), silentServer)
			if timedOut(err) {
				return nil, w.fail(resolver.Timeout, "%s (server of %s) does not answer", addr, q.zone)
			}
			return nil, w.fail(resolver.BadReply, "%s (server of %s): %s", addr, q.zone, err)
		}
	}
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func (w *walk) trace(addr netip.Addr, q question, how try, m *dns.Msg, took time.Duration, err error) {
	if w.s.Trace == nil {
		return
	}
	e := Exchange{
		Server: addr.String(), Network: how.network, Zone: resolver.CanonicalName(q.zone),
		Name: resolver.CanonicalName(q.name), Type: resolver.Type(q.typ), Duration: took,
	}
	if m != nil {
		e.RCode = resolver.RCode(m.Rcode).String()
	}
	if err != nil {
		e.Error = err.Error()
	}
	w.s.Trace(e)
}

// once sends one query and returns the reply that belongs to it.
func (w *walk) once(ctx context.Context, addr netip.Addr, q question, how try) (*dns.Msg, error) {
	s := w.s
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	v := s.server(addr)
	timeout := tcpTimeout
	if how.network == "udp" {
		timeout = v.timeout()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	port := s.Port
	if port == 0 {
		port = 53
	}
	conn, err := s.dial(ctx, how.network, netip.AddrPortFrom(addr, port).String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	query := s.query(addr, q, how)
	wire, err := query.Pack()
	if err != nil {
		return nil, err
	}
	if how.network == "tcp" {
		return s.overTCP(conn, wire, query, addr)
	}
	if _, err := conn.Write(wire); err != nil {
		return nil, err
	}
	return s.readUDP(conn, query, addr)
}

func (s *Source) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.Dial != nil {
		return s.Dial(ctx, network, address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// query makes the message: not recursive, with DO so that signatures come.
func (s *Source) query(addr netip.Addr, q question, how try) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.typ)
	m.RecursionDesired = false
	if how.caseRand {
		m.Question[0].Name = randomCase(q.name)
	}
	if !how.edns {
		return m
	}
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(udpSize)
	opt.SetDo()
	v := s.server(addr)
	v.mu.Lock()
	opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: s.clientCookie(addr) + v.cookie})
	v.mu.Unlock()
	m.Extra = append(m.Extra, opt)
	return m
}

// clientCookie is different for each server, so that one of them cannot forge
// the replies of another (RFC 7873, Section 4.1).
func (s *Source) clientCookie(addr netip.Addr) string {
	h := hmac.New(sha256.New, s.secret[:])
	b := addr.As16()
	h.Write(b[:])
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// randomCase sets the case of each letter by chance: 16 bits more that a forger
// must guess, or fewer (draft-vixie-dnsext-dns0x20).
func randomCase(name string) string {
	b := []byte(name)
	bits := rand.Uint64()
	for i, c := range b {
		if c >= 'a' && c <= 'z' && bits>>(i%64)&1 == 1 {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// readUDP waits for the reply to query. Packets that are something else are a
// forger's: they do not end the wait.
func (s *Source) readUDP(conn net.Conn, query *dns.Msg, addr netip.Addr) (*dns.Msg, error) {
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		m := new(dns.Msg)
		if err := m.Unpack(buf[:n]); err != nil && !(m.Truncated && m.Id == query.Id) {
			continue
		}
		if err, mine := s.judge(m, query, addr); mine {
			return m, err
		}
	}
}

func (s *Source) overTCP(conn net.Conn, wire []byte, query *dns.Msg, addr netip.Addr) (*dns.Msg, error) {
	out := append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)
	if _, err := conn.Write(out); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	if err := m.Unpack(buf); err != nil {
		return nil, err
	}
	err, mine := s.judge(m, query, addr)
	if !mine {
		return nil, errForeign
	}
	if errors.Is(err, errTruncated) || errors.Is(err, errCookie) {
		err = nil // there is nothing better to come
	}
	return m, err
}

// judge reports whether m is the reply to query, and what stands in its way.
func (s *Source) judge(m, query *dns.Msg, addr netip.Addr) (error, bool) {
	if m.Id != query.Id || !m.Response || m.Opcode != dns.OpcodeQuery {
		return nil, false
	}
	edns := query.IsEdns0() != nil
	refused := m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeBadVers
	if len(m.Question) == 0 && refused && edns {
		return errNoEDNS, true
	}
	if len(m.Question) != 1 {
		return nil, false
	}
	got, want := m.Question[0], query.Question[0]
	if got.Qtype != want.Qtype || got.Qclass != want.Qclass || !ascii.EqualFold(got.Name, want.Name) {
		return nil, false
	}
	if s.foreignCookie(m, addr) {
		return nil, false
	}
	switch {
	case got.Name != want.Name && want.Name != strings.ToLower(want.Name):
		return errCase, true
	case m.Truncated:
		return errTruncated, true
	case m.Rcode == dns.RcodeBadCookie:
		return errCookie, true
	case edns && refused && m.IsEdns0() == nil:
		return errNoEDNS, true
	}
	return nil, true
}

// foreignCookie notes the server's cookie and reports whether the reply carries
// a client cookie that is not ours (RFC 7873, Section 5.3).
func (s *Source) foreignCookie(m *dns.Msg, addr netip.Addr) bool {
	opt := m.IsEdns0()
	if opt == nil {
		return false
	}
	for _, o := range opt.Option {
		c, ok := o.(*dns.EDNS0_COOKIE)
		if !ok {
			continue
		}
		mine := s.clientCookie(addr)
		if len(c.Cookie) < len(mine) || !strings.EqualFold(c.Cookie[:len(mine)], mine) {
			return true
		}
		if theirs := c.Cookie[len(mine):]; len(theirs) >= 16 && len(theirs) <= 64 {
			v := s.server(addr)
			v.mu.Lock()
			v.cookie = theirs
			v.mu.Unlock()
		}
	}
	return false
}
