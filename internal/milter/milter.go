// Package milter is the side of a filter in the mail filter protocol of Sendmail
// and Postfix, versions 2 to 6. No standard describes it; this follows the source
// of libmilter and what Postfix 3.7 was seen to do.
//
// A Server decides nothing: it hands each message to a Handler at the end of its
// header, streams the body into the Transaction that it gets, and turns the Answer
// into the packets of the protocol. Two scopes are kept apart: what the mail server
// said of the client outlives the messages of its connection, what it said of a
// message ends with the message, whether it was judged, aborted or refused.
//
// As little as possible is asked to be waited for: under version 6 the mail server
// waits for us at the end of the body and nowhere else. So that simple
// canonicalization can be verified, header values are asked for with the white
// space in front of them.
package milter

import (
	"context"
	"io"
	"net/netip"

	"github.com/waxseal/waxseal/message"
)

// Handler begins to judge messages. It may be called by several goroutines.
type Handler interface {
	// Begin is called at the end of the header, should start what can be started
	// and return at once. The context ends with the message. An Answer that is not
	// nil ends the message here, and then the Transaction is not used, though the
	// mail server may send the body before it takes the answer; what it says
	// beside Action and reply is ignored, since no header can be changed yet. If
	// both are nil, the message is accepted.
	Begin(ctx context.Context, m *Message) (Transaction, *Answer)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, m *Message) (Transaction, *Answer)

// Begin calls f.
func (f HandlerFunc) Begin(ctx context.Context, m *Message) (Transaction, *Answer) { return f(ctx, m) }

// Transaction is one message being judged. Either End or Abort is called, once,
// and nothing after it; a method that panics is taken for a message that cannot be
// judged now.
type Transaction interface {
	// Write takes the body as it comes. After an error the message is
	// answered with TempFail and the Transaction is aborted.
	io.Writer
	// End is called at the end of the body and waits for what is under way,
	// until the context ends at the latest. A nil Answer accepts.
	End(ctx context.Context) *Answer
	// Abort is called instead when the message ends in another way.
	Abort()
}

// Skipper is a Transaction that may have seen enough of the body before its end.
type Skipper interface {
	// Skip reports whether nothing more of the body is wanted.
	Skip() bool
}

// Client is what the mail server says of who is connected to it.
type Client struct {
	Host string     // as the mail server found it; an address in brackets if it found none
	Addr netip.Addr // the zero Addr if the client is no Internet host or unknown
	Port uint16     // 0 if it is not known
	Helo string     // the argument of the last HELO or EHLO
}

// Message is what is known of a message. It is valid until End or Abort of its
// Transaction returns; what a mail server says later, such as its queue id, is
// found in Macros then.
type Message struct {
	Client Client
	From   string   // reverse-path without angle brackets; "" is the null reverse-path
	Args   []string // ESMTP parameters of MAIL
	To     []string // forward-paths without angle brackets, of the accepted recipients
	Macros *Macros

	// Header is as it came, with CRLF line ends. If Limit is not nil, it has only
	// the fields before the limit.
	Header *message.Header
	Limit  *message.Error
}

// QueueID returns the mail server's name for the message; it may be unknown before
// the end of the body.
func (m *Message) QueueID() string { return m.Macros.Value("i") }

// AuthUser returns whom the client has authenticated as, "" for nobody.
func (m *Message) AuthUser() string { return m.Macros.Value("auth_authen") }

// TLSVersion returns the version of TLS that protects the client's connection, ""
// for none.
func (m *Message) TLSVersion() string { return m.Macros.Value("tls_version") }

// Action is what becomes of a message.
type Action int

// The actions.
const (
	Accept   Action = iota
	Reject          // 5xx
	TempFail        // 4xx
	Discard         // accepted and thrown away
)

// Answer is the judgement on a message.
type Answer struct {
	Action Action

	// Code, Enhanced and Text are the reply of Reject and TempFail. With a zero
	// Code, or one that does not go with the action, the mail server finds its own
	// words. Text may be of any length and is cleaned of what a reply cannot have.
	Code     int
	Enhanced string
	Text     string

	// Delete has indexes of Message.Header.Fields in any order, and Insert whole
	// fields with their line ends, to be put in front of the message in that order.
	// Both are for Accept.
	Delete []int
	Insert []byte
	// Quarantine keeps an accepted message from delivery, for this reason; "" lets it
	// go. A mail server that has no quarantine delivers it.
	Quarantine string
}
