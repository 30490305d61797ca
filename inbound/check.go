// Package inbound is the receiving walk: one message and the connection it came
// by go in, one Verdict with all its evidence comes out. It asks SPF, DKIM, ARC
// and DMARC, draws the conclusions and decides what the operator's policy makes
// of them. It sends nothing and changes nothing.
//
// A message is never held. Begin starts every lookup that the header allows and
// returns a Session, an io.Writer for the body as it arrives; Verdict waits for
// what is still under way.
package inbound

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/lookalike"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/spf"
)

// DefaultDNSTime is how long one message may wait for DNS in all.
const DefaultDNSTime = 10 * time.Second

// Envelope is what the SMTP session knew before the message.
type Envelope struct {
	RemoteAddr netip.Addr // of the client; the zero Addr means unknown: SPF is not evaluated
	Helo       string     // argument of EHLO or HELO
	MailFrom   string     // reverse-path without angle brackets; "" is the null reverse-path
	RcptTo     []string   // forward-paths without angle brackets

	// Unknown says why the client is not known although there was one, such as one
	// behind a relay whose trace fields cannot be read; "" means that RemoteAddr is
	// all there is. SPF is then temperror: for a forger must not be able to hide his
	// address and have SPF left out.
	Unknown string
}

// Checker holds what the checks need. One Checker serves any number of messages
// at the same time.
type Checker struct {
	Resolver resolver.Resolver // required

	// AuthServID is the name under which results are written (RFC 8601, Section
	// 2.5); required for Verdict.Header and to find forged fields.
	AuthServID string

	// Receiver is the name of this host in SPF macros; "" means AuthServID.
	Receiver string

	Time    func() time.Time // nil means time.Now
	DNSTime time.Duration    // waiting for DNS, per message; 0 means DefaultDNSTime

	// Trace gathers the evidence that decides nothing and costs something: every
	// step of SPF, and the oldest_pass of ARC, which verifies the older message
	// signatures (RFC 8617, Section 5.2).
	Trace bool

	// Lookalike looks for what authentication leaves open: deceptive names,
	// lookalike domains, shared infrastructure. It only advises. nil means that
	// nobody looks.
	Lookalike *lookalike.Inspector

	// Caches of parsed records; nil means that each record is parsed when met.
	SPFRecords   *spf.RecordCache
	Keys         *dkim.KeyCache
	DMARCRecords *dmarc.RecordCache
}

// Check reads one message and returns its verdict. The error is that of reading
// r, or ctx.Err(); a message that no one could make sense of has a Verdict.
func (c *Checker) Check(ctx context.Context, env Envelope, r io.Reader) (*Verdict, error) {
	msg, err := message.Read(r)
	var limit *message.Error
	if err != nil && !errors.As(err, &limit) {
		return nil, err
	}
	return c.CheckMessage(ctx, env, msg, limit)
}

// CheckMessage is Check for a message whose header was read already; limit is
// the error of package message that came with it, if any.
func (c *Checker) CheckMessage(ctx context.Context, env Envelope, msg *message.Message, limit *message.Error) (*Verdict, error) {
	s := c.begin(ctx, env, msg.Header, limit)
	if _, err := io.Copy(s, msg.Body); err != nil {
		s.Abort()
		return nil, err
	}
	s.notes = Notes{LineEnds: msg.LineEnds(), MboxFrom: msg.MboxFrom != nil, BOM: msg.BOM, NoBody: msg.NoBody}
	v := s.Verdict()
	return v, ctx.Err()
}

// Begin starts the checks of a message whose header is complete. The header
// must stay unchanged until Verdict or Abort; one of them must be called.
func (c *Checker) Begin(ctx context.Context, env Envelope, header *message.Header) *Session {
	return c.begin(ctx, env, header, nil)
}

func (c *Checker) receiver() string {
	if c.Receiver != "" {
		return c.Receiver
	}
	return c.AuthServID
}
