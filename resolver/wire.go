package resolver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/ascii"
)

// errCase is the outcome of a datagram that differs from the right reply only
// in the case of the name.
var errCase = errors.New("the reply changed the case of the name")

const headerSize = 12 // RFC 1035, Section 4.1.1

// query returns the message that asks q, with unpredictable ID and spelling.
func (x *Exchanger) query(q Query) *dns.Msg {
	name := []byte(dns.Fqdn(q.Name))
	random := make([]byte, 2+(len(name)+7)/8)
	_, _ = rand.Read(random) // never fails
	if !q.PlainCase {
		for i, c := range name {
			if ascii.IsAlpha(c) && random[2+i/8]>>(i%8)&1 != 0 {
				name[i] = c ^ 0x20
			}
		}
	}
	m := new(dns.Msg)
	m.Id = binary.BigEndian.Uint16(random)
	m.RecursionDesired = q.RecursionDesired
	m.CheckingDisabled = q.CheckingDisabled
	m.Question = []dns.Question{{Name: string(name), Qtype: uint16(q.Type), Qclass: dns.ClassINET}}
	if !q.NoEDNS {
		size := x.UDPSize
		if size == 0 {
			size = UDPSize
		}
		m.SetEdns0(min(max(size, dns.MinMsgSize), maxUDPSize), q.DNSSEC)
		if q.Cookie != "" {
			opt := m.IsEdns0()
			opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: q.Cookie})
		}
	}
	return m
}

// Lengths of cookies in hexadecimal (RFC 7873, Section 4).
const (
	clientCookie     = 2 * 8
	minServerCookie  = 2 * 8
	maxServerCookie  = 2 * 32
	wholeCookieLimit = clientCookie + maxServerCookie
)

// cookieOf returns the cookie in a message; empty if it has none that can be
// sent back.
func cookieOf(m *dns.Msg) string {
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok && len(c.Cookie) >= clientCookie+minServerCookie && len(c.Cookie) <= wholeCookieLimit {
			return c.Cookie
		}
	}
	return ""
}

// foreignCookie reports whether the reply has a cookie that is not the one that
// was sent (RFC 7873, Section 5.3).
func foreignCookie(reply, m *dns.Msg) bool {
	sent, got := cookieSent(m), cookieOf(reply)
	return sent != "" && got != "" && !ascii.EqualFold(got[:clientCookie], sent[:min(clientCookie, len(sent))])
}

func cookieSent(m *dns.Msg) string {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
	}
	return ""
}

// buffers for datagrams.
var datagrams = sync.Pool{New: func() any { return new([maxUDPSize]byte) }}

// datagram asks over UDP. What does not match is not an error: who cannot see
// the query sends many wrong replies before the right one arrives.
func (x *Exchanger) datagram(ctx context.Context, s Server, m *dns.Msg, wire []byte) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(x.UDPTimeout, UDPTimeout))
	defer cancel()
	conn, err := x.dial(ctx, "udp", s.Addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer bound(ctx, conn)()
	if _, err := conn.Write(wire); err != nil {
		return nil, err
	}
	buf := datagrams.Get().(*[maxUDPSize]byte)
	defer datagrams.Put(buf)
	for range maxStray {
		n, err := conn.Read(buf[:])
		if err != nil {
			return nil, err
		}
		if n < headerSize || binary.BigEndian.Uint16(buf[:]) != m.Id || buf[2]&0x80 == 0 {
			continue
		}
		reply, err := read(buf[:n], m)
		if errors.Is(err, errMismatch) {
			continue
		}
		if err == nil && len(reply.Question) == 1 && !keptCase(reply, m) {
			err = errCase
		}
		return reply, err
	}
	return nil, errStray
}

// read parses a reply and checks that it is one to m.
func read(wire []byte, m *dns.Msg) (*dns.Msg, error) {
	if len(wire) < headerSize || binary.BigEndian.Uint16(wire) != m.Id || wire[2]&0x80 == 0 {
		return nil, errMismatch
	}
	r := new(dns.Msg)
	kept := plainQuestion(wire, m)
	// A truncated reply may end inside a record; all that counts is the bit.
	if err := r.Unpack(wire); err != nil && !(r.Truncated && len(r.Question) == 1) {
		return nil, errMalformed
	}
	switch {
	case r.Opcode != dns.OpcodeQuery:
		return nil, errMismatch
	case len(r.Question) == 0 && rejectsEDNS(r):
		return r, nil // such servers often do not repeat what they could not read
	case len(r.Question) != 1:
		return nil, errMismatch
	}
	q, want := r.Question[0], m.Question[0]
	if q.Qtype != want.Qtype || q.Qclass != want.Qclass || !ascii.EqualFold(q.Name, want.Name) || foreignCookie(r, m) {
		return nil, errMismatch
	}
	if kept {
		for _, rr := range r.Answer { // of servers that copy the name into them
			if h := rr.Header(); h.Name == want.Name {
				h.Name = q.Name
			}
		}
		r.Question[0].Name = want.Name
	}
	return r, nil
}

// plainQuestion puts the name of the question into lower case if it came back as
// it was sent. Names in the records point to it, and nobody should see in them
// the spelling that was only there to be guessed.
func plainQuestion(wire []byte, m *dns.Msg) (kept bool) {
	var sent [maxName + 2]byte
	n, err := dns.PackDomainName(m.Question[0].Name, sent[:], 0, nil, false)
	if err != nil || !bytes.HasPrefix(wire[headerSize:], sent[:n]) {
		return false
	}
	name := wire[headerSize : headerSize+n]
	for i, c := range name { // the lengths of labels are less than any letter
		name[i] = ascii.Lower(c)
	}
	return true
}

func keptCase(reply, m *dns.Msg) bool {
	return len(reply.Question) == 1 && reply.Question[0].Name == m.Question[0].Name
}

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
