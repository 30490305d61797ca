package resolver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Limits of one exchange with a server.
const (
	UDPTimeout = 1500 * time.Millisecond
	TCPTimeout = 3 * time.Second // connection, TLS and reply
	UDPSize    = 1232            // bytes offered with EDNS; what passes everywhere unfragmented
	maxUDPSize = 4096            // of a reply; more is read as malformed
	maxStray   = 100             // datagrams that do not match, before TCP is asked instead (RFC 5452, Section 9.3 has the odds)
)

// Server is one server that speaks DNS.
type Server struct {
	Addr string // host:port

	// TLS asks over DNS over TLS (RFC 7858) alone. Name is what the certificate
	// must say; empty means the host of Addr.
	TLS  bool
	Name string
}

// String returns the form that ParseServer of package upstream reads.
func (s Server) String() string {
	switch {
	case s.TLS && s.Name != "":
		return "tls://" + s.Addr + "#" + s.Name
	case s.TLS:
		return "tls://" + s.Addr
	}
	return s.Addr
}

// Query is one question as one server is to be asked.
type Query struct {
	Question
	RecursionDesired bool
	DNSSEC           bool // the DO bit of RFC 3225
	CheckingDisabled bool // the CD bit of RFC 4035, Section 3.2.2
	NoEDNS           bool // for servers that cannot read it; no DO bit then
	PlainCase        bool // for servers that change the case of the name

	// Cookie goes with the query (RFC 7873), in hexadecimal: 8 bytes of our own,
	// then what the server gave last time. Empty means none. A datagram whose
	// first 8 bytes differ is taken for forged.
	Cookie string
}

// Exchanger asks one server one question and makes sure that the reply is one:
// each query has its own socket, so its own port, and an unpredictable ID and
// spelling (RFC 5452; draft-vixie-dnsext-dns0x20). The zero value works. It is
// safe for concurrent use.
type Exchanger struct {
	UDPTimeout time.Duration // 0 means UDPTimeout
	TCPTimeout time.Duration // 0 means TCPTimeout
	UDPSize    uint16        // 0 means UDPSize; 512 to 4096

	// Dial makes connections; nil means a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// TLS is the configuration for servers asked over TLS; nil means the
	// system's roots.
	TLS *tls.Config

	// Idle keeps connections over TLS open between queries; nil means that each
	// query makes its own.
	Idle *Idle
}

// Outcome is a reply, and what was learnt about the server on the way.
type Outcome struct {
	Msg       *dns.Msg
	NoEDNS    bool // it answered only without EDNS
	PlainCase bool // it does not keep the case of the name
	TCP       bool // the reply came over TCP or TLS

	// Cookie is what Query.Cookie should be next time; empty if the server
	// gave none.
	Cookie string
}

// Exchange asks s over UDP, and over TCP where the reply was truncated or may
// have been spoofed. Every response code is an outcome. The error is a *Error
// with reason Timeout, Unreachable or BadReply, or ctx.Err().
func (x *Exchanger) Exchange(ctx context.Context, s Server, q Query) (*Outcome, error) {
	out, err := x.exchange(ctx, s, q)
	if err == nil && !q.NoEDNS && rejectsEDNS(out.Msg) {
		// RFC 6891, Section 7: such a server may know the question without it.
		q.NoEDNS = true
		var again *Outcome
		if again, err = x.exchange(ctx, s, q); err == nil {
			again.NoEDNS = RCode(again.Msg.Rcode) != FormErr && RCode(again.Msg.Rcode) != NotImp
			again.PlainCase = again.PlainCase || out.PlainCase
			out = again
		}
	}
	if err == nil {
		return out, nil
	}
	if cause := ended(ctx); cause != nil {
		return nil, cause
	}
	return nil, exchangeError(q.Question, s, err)
}

// ended returns ctx.Err(). A socket may see the deadline a moment before ctx does.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err()
}

func rejectsEDNS(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeBadVers
}

// Internal outcomes of a socket.
var (
	errMalformed = errors.New("the reply cannot be read")
	errMismatch  = errors.New("the reply is to another question")
	errStray     = errors.New("too many replies to other questions")
)

// exchangeError puts the outcome of a socket into the words of this package.
func exchangeError(q Question, s Server, err error) error {
	e := &Error{Reason: Unreachable, Name: q.Name, Type: q.Type, Detail: fmt.Sprintf("%s: %v", s, cause(err))}
	switch {
	case errors.Is(err, errMalformed), errors.Is(err, errMismatch), isEOF(err):
		e.Reason = BadReply
	case isTimeout(err):
		e.Reason, e.Detail = Timeout, s.String()
	}
	return e
}

// cause leaves out the addresses and ports that the net package puts before what
// went wrong: the server is named, and our port differs with each try.
func cause(err error) error {
	var op *net.OpError
	var number syscall.Errno
	if errors.As(err, &op) && errors.As(op.Err, &number) {
		return number
	}
	return err
}

func (x *Exchanger) exchange(ctx context.Context, s Server, q Query) (*Outcome, error) {
	m := x.query(q)
	wire, err := m.Pack()
	if err != nil {
		return nil, errMalformed // the caller's question is no name
	}
	if s.TLS {
		return x.overTCP(ctx, s, m, wire)
	}
	reply, err := x.datagram(ctx, s, m, wire)
	switch {
	case errors.Is(err, errCase):
		// The case may be wrong because the server is careless or because the
		// reply is forged. A connection tells which.
		out, err := x.overTCP(ctx, s, m, wire)
		if err == nil {
			out.PlainCase = !keptCase(out.Msg, m)
		}
		return out, err
	case errors.Is(err, errStray), err == nil && (reply.Truncated || reply.Rcode == dns.RcodeBadCookie):
		// RFC 7873, Section 5.3: TCP proves the address as well as a cookie does.
		return x.overTCP(ctx, s, m, wire)
	case err != nil:
		return nil, err
	}
	return &Outcome{Msg: reply, Cookie: cookieOf(reply)}, nil
}

func (x *Exchanger) overTCP(ctx context.Context, s Server, m *dns.Msg, wire []byte) (*Outcome, error) {
	reply, err := x.stream(ctx, s, m, wire)
	if err != nil {
		return nil, err
	}
	return &Outcome{Msg: reply, TCP: true, Cookie: cookieOf(reply)}, nil
}

func (x *Exchanger) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if x.Dial != nil {
		return x.Dial(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}
