package smtp

import (
	"math"
	"time"
)

// Limits on the bytes of strangers, in bytes with the CRLF where nothing else
// is said.
const (
	// MaxCommandLine is the 512 of RFC 5321, Section 4.5.3.1.4 with room for
	// the parameters of RFC 3461 (up to 600) and for long XCLIENT lines.
	MaxCommandLine = 2048
	// MaxReplyLine is above the 512 of RFC 5321, Section 4.5.3.1.5, which
	// real servers exceed.
	MaxReplyLine = 2048
	// MaxReplyLines is how many lines one reply may have.
	MaxReplyLines = 128
	// MaxLocalPart is above the 64 of RFC 5321, Section 4.5.3.1.1, which VERP
	// and SRS addresses exceed.
	MaxLocalPart = 255
	// MaxParameters is how many parameters one MAIL or RCPT may have.
	MaxParameters = 16
	// MaxEnvID is from RFC 3461, Section 4.4, before encoding.
	MaxEnvID = 100
	// MaxORCPT is from RFC 3461, Section 4.2.
	MaxORCPT = 500
	// MinRecipients is what every server must take (RFC 5321, Section
	// 4.5.3.1.8).
	MinRecipients = 100

	maxTrailing = 64 << 10 // read after our last word, so that it arrives
	maxHello    = 255      // the longest EHLO argument that we take
)

// Timeouts of a client by command (RFC 5321, Section 4.5.3.2). A zero means the
// constant of the same name, a negative one no limit.
type Timeouts struct {
	Greeting, Mail, Rcpt, Data, DataBlock, DataEnd, Command, TLS time.Duration
}

// The timeouts of RFC 5321, Sections 4.5.3.2.1 to 4.5.3.2.7; the standard says
// nothing of other commands and of TLS handshakes.
const (
	GreetingTimeout  = 5 * time.Minute
	MailTimeout      = 5 * time.Minute
	RcptTimeout      = 5 * time.Minute
	DataTimeout      = 2 * time.Minute  // to the 354
	DataBlockTimeout = 3 * time.Minute  // for each block written
	DataEndTimeout   = 10 * time.Minute // to the reply after the final dot
	CommandTimeout   = 5 * time.Minute  // EHLO, RSET, STARTTLS and the like
	TLSTimeout       = 2 * time.Minute
	QuitTimeout      = 5 * time.Second // nothing hangs on its reply
	ServerTimeout    = 5 * time.Minute // how long a server waits for a command
)

// Limits of a server. A zero field means the default beside it, a negative one
// no limit.
type Limits struct {
	Connections      int           // at a time; 1000
	ConnectionsPerIP int           // at a time; 50
	Recipients       int           // per message; 1000
	Messages         int           // per connection; 1000
	Errors           int           // replies 5yz to commands since the last message; 20
	Idle             int           // commands that do no work, such as NOOP, since the last message; 100
	Discard          int64         // bytes read and dropped after a message was refused; 64 MiB
	MinRate          int64         // bytes per second over a whole message, after Command; 512
	Command          time.Duration // to the end of the next command, or the next bytes of a message; ServerTimeout
	Message          time.Duration // for the bytes of one message; 1 h
	Session          time.Duration // for the whole connection; 6 h
	Drain            time.Duration // for messages under way when Serve is told to stop; 30 s
}

func (l Limits) withDefaults() Limits {
	l.Connections = count(l.Connections, 1000)
	l.ConnectionsPerIP = count(l.ConnectionsPerIP, 50)
	l.Recipients = count(l.Recipients, 1000)
	l.Messages = count(l.Messages, 1000)
	l.Errors = count(l.Errors, 20)
	l.Idle = count(l.Idle, 100)
	l.Discard = amount(l.Discard, 64<<20)
	if l.MinRate == 0 {
		l.MinRate = 512
	}
	l.Command = amount(l.Command, ServerTimeout)
	l.Message = amount(l.Message, time.Hour)
	l.Session = amount(l.Session, 6*time.Hour)
	l.Drain = amount(l.Drain, 30*time.Second)
	return l
}

// count returns n with its default, and a number that is never reached if n is
// negative.
func count(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return math.MaxInt32
	}
	return n
}

// amount is count for bytes and times; half of the range leaves room to add.
func amount[T ~int64](n, def T) T {
	switch {
	case n == 0:
		return def
	case n < 0:
		return math.MaxInt64 / 2
	}
	return n
}

func (t Timeouts) withDefaults() Timeouts {
	t.Greeting = amount(t.Greeting, GreetingTimeout)
	t.Mail = amount(t.Mail, MailTimeout)
	t.Rcpt = amount(t.Rcpt, RcptTimeout)
	t.Data = amount(t.Data, DataTimeout)
	t.DataBlock = amount(t.DataBlock, DataBlockTimeout)
	t.DataEnd = amount(t.DataEnd, DataEndTimeout)
	t.Command = amount(t.Command, CommandTimeout)
	t.TLS = amount(t.TLS, TLSTimeout)
	return t
}
