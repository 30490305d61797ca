package smtp

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/waxseal/waxseal/internal/accept"
)

// Handler opens sessions.
type Handler interface {
	// NewSession is called for each connection before anything is said to it,
	// and again after XCLIENT. A reply that is not positive is said instead of
	// the greeting and ends the connection; nil greets. The Conn stays valid
	// and true until the session ends; before a session returns from
	// NewSession it may take away Extensions.
	NewSession(ctx context.Context, c *Conn) (Session, *Reply)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, c *Conn) (Session, *Reply)

// NewSession calls f.
func (f HandlerFunc) NewSession(ctx context.Context, c *Conn) (Session, *Reply) { return f(ctx, c) }

// Session judges what one client asks. Its methods are called one at a time. A
// nil Reply means the usual positive one; a Reply with code 421 also ends the
// connection. A method that panics ends the connection with 421.
//
// A Session that has more to say implements one of Greeter, TLSStarter,
// LMTPSession, Commander and io.Closer; Close is called once, at the end.
type Session interface {
	// Mail begins a transaction if its reply is positive.
	Mail(ctx context.Context, from Path, o *MailOptions) *Reply
	// Rcpt adds a recipient if its reply is positive.
	Rcpt(ctx context.Context, to Path, o *RcptOptions) *Reply
	// Data reads the message. Its lines end in CRLF and no CR or LF stands
	// elsewhere. Only after io.EOF is it whole: any other error means that it
	// must be forgotten, and then the reply of Data is not used.
	Data(ctx context.Context, message io.Reader) *Reply
	// Reset ends a transaction, after Data as well as before it.
	Reset()
}

// Greeter is a Session that is told of EHLO, HELO and LHLO; Conn.Hello has the
// argument.
type Greeter interface {
	Hello(ctx context.Context) *Reply
}

// TLSStarter is a Session that is told of a finished TLS handshake; Conn.TLS
// has its state. What the client said before is forgotten.
type TLSStarter interface {
	TLSStarted(ctx context.Context)
}

// LMTPSession is a Session that answers for each recipient by itself (RFC 2033,
// Section 4.2). DataLMTP is called instead of Data where the Server speaks LMTP
// and returns one reply for each accepted recipient, in their order; where one
// is missing the client is told to try again.
type LMTPSession interface {
	DataLMTP(ctx context.Context, message io.Reader) []*Reply
}

// Commander is a Session that knows further commands, such as XFORWARD. It
// returns nil for one that it does not know.
type Commander interface {
	Command(ctx context.Context, cmd Command) *Reply
}

// Conn is what is known of a connection.
type Conn struct {
	Peer       net.Addr             // who is connected
	Remote     net.Addr             // the client: Peer, or whom PROXY or XCLIENT named
	Local      net.Addr             // where it connected to
	Hello      string               // the argument of EHLO, HELO or LHLO; "" before
	ESMTP      bool                 // the client said EHLO or LHLO
	TLS        *tls.ConnectionState // nil in the clear
	Extensions Extensions           // what is offered; STARTTLS follows from the configuration
	XClient    map[string]string    // attributes of XCLIENT, decoded; nil without it
}

// RemoteIP returns the address of the client, the zero Addr where it has none,
// as on a Unix socket. IPv4 is never in its IPv6 form.
func (c *Conn) RemoteIP() netip.Addr { return addrIP(c.Remote) }

func addrIP(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// Server speaks SMTP or LMTP with clients. Its fields must not change once it
// serves.
type Server struct {
	Handler  Handler // required
	Hostname string  // in the greeting; "" means localhost
	LMTP     bool    // speak LMTP
	Limits   Limits

	// Extensions is what is offered; nil means DefaultExtensions.
	Extensions *Extensions
	// TLSConfig enables STARTTLS; nil means none.
	TLSConfig *tls.Config
	// ImplicitTLS begins each connection with the handshake (RFC 8314).
	ImplicitTLS bool
	// NormalizeBareLF turns a bare LF in a message into CRLF instead of
	// refusing it. A bare CR is always refused.
	NormalizeBareLF bool
	// GreetDelay is how long a client is watched for words before its turn;
	// zero means not at all.
	GreetDelay time.Duration
	// TrustProxy says which peers must begin with a PROXY header; nil means
	// none. From all others one ends the connection.
	TrustProxy func(peer net.Addr) bool
	// TrustXClient says which peers are offered XCLIENT; nil means none.
	TrustXClient func(peer net.Addr) bool
	// Report is told why a connection ended in another way than QUIT and
	// hanging up between messages; nil means that nobody is. The error is a
	// *Error. Several connections may call it at a time.
	Report func(c *Conn, err error)

	once  sync.Once
	loop  accept.Loop
	mu    sync.Mutex
	perIP map[netip.Addr]int
	bufs  sync.Pool // *[]byte of bodyBuffer bytes
}

// Serve takes connections from l until ctx ends; then it closes l, says 421 to
// clients that are between messages, waits up to Limits.Drain for the others
// and returns nil. It returns earlier, and does the same, with an error of
// l.Accept that will not pass. Several listeners may be served at a time.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.once.Do(func() {
		limits := s.Limits.withDefaults()
		s.loop.Connections, s.loop.Drain = limits.Connections, limits.Drain
		s.loop.Conn = func(stop accept.Stop, conn net.Conn) { s.serve(stop.Soon, stop.Now, conn, limits) }
		s.loop.Refused = turnAway
	})
	return s.loop.Serve(ctx, l)
}

// ServeConn serves one connection to its end and closes it. When ctx ends, a
// client between messages is told 421 and others have Limits.Drain to finish.
func (s *Server) ServeConn(ctx context.Context, conn net.Conn) {
	limits := s.Limits.withDefaults()
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(limits.Drain)
		defer t.Stop()
		select {
		case <-t.C:
			kill()
		case <-hard.Done():
		}
	})
	defer stop()
	s.serve(ctx, hard, conn, limits)
}

// enterIP counts a client's address and reports whether it has a place.
func (s *Server) enterIP(ip netip.Addr, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perIP == nil {
		s.perIP = make(map[netip.Addr]int)
	}
	if s.perIP[ip] >= most {
		return false
	}
	s.perIP[ip]++
	return true
}

func (s *Server) leaveIP(ip netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
}

// turnAway answers a client for which there is no place. The words fit into
// the kernel's buffer, so nobody waits for the client.
func turnAway(conn net.Conn) {
	_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = conn.Write(NewReply(421, EnhancedCode{4, 3, 2}, "too many connections, try again later").Append(nil))
}

func (s *Server) hostname() string {
	if s.Hostname == "" {
		return "localhost"
	}
	return s.Hostname
}

func (s *Server) body() []byte {
	if b, ok := s.bufs.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, bodyBuffer)
}
