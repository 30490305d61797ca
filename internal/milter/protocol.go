package milter

import "time"

// Versions of the protocol that are spoken.
const (
	minVersion = 2
	maxVersion = 6
)

// Commands of the mail server.
const (
	cmdAbort      = 'A'
	cmdBody       = 'B'
	cmdConnect    = 'C'
	cmdMacro      = 'D'
	cmdEndBody    = 'E'
	cmdHelo       = 'H'
	cmdQuitNoConn = 'K' // the client is gone, this connection stays for the next
	cmdHeader     = 'L'
	cmdMail       = 'M'
	cmdEndHeader  = 'N'
	cmdNegotiate  = 'O'
	cmdQuit       = 'Q'
	cmdRcpt       = 'R'
	cmdData       = 'T'
	cmdUnknown    = 'U'
)

// Replies and requests of the filter.
const (
	repAccept       = 'a'
	repContinue     = 'c'
	repDiscard      = 'd'
	repInsertHeader = 'i'
	repChangeHeader = 'm'
	repProgress     = 'p' // still at work: the mail server starts its timer anew
	repQuarantine   = 'q'
	repReject       = 'r'
	repSkip         = 's'
	repTempFail     = 't'
	repReplyCode    = 'y'
)

// Actions that are asked for at negotiation (SMFIF in libmilter).
const (
	actAddHeaders    = 0x01
	actChangeHeaders = 0x10
	actQuarantine    = 0x20
	actSetMacros     = 0x100

	wantActions = actAddHeaders | actChangeHeaders | actQuarantine | actSetMacros
	needActions = actAddHeaders | actChangeHeaders
)

// Flags of the protocol that are asked for at negotiation (SMFIP in libmilter).
const (
	noReplyHeader  = 0x80
	noUnknown      = 0x100
	noData         = 0x200
	canSkip        = 0x400
	noReplyConnect = 0x1000
	noReplyHelo    = 0x2000
	noReplyMail    = 0x4000
	noReplyRcpt    = 0x8000
	noReplyData    = 0x10000
	noReplyUnknown = 0x20000
	noReplyEOH     = 0x40000
	noReplyBody    = 0x80000
	leadingSpace   = 0x100000 // header values keep the white space in front of them, both ways

	wantFlags = noReplyHeader | noUnknown | noData | canSkip | noReplyConnect | noReplyHelo |
		noReplyMail | noReplyRcpt | noReplyData | noReplyUnknown | noReplyEOH | noReplyBody | leadingSpace
)

// noReply returns the flag under which the mail server waits for no reply to a
// command; 0 for one that always has a reply.
func noReply(cmd byte) uint32 {
	switch cmd {
	case cmdConnect:
		return noReplyConnect
	case cmdHelo:
		return noReplyHelo
	case cmdMail:
		return noReplyMail
	case cmdRcpt:
		return noReplyRcpt
	case cmdData:
		return noReplyData
	case cmdUnknown:
		return noReplyUnknown
	case cmdHeader:
		return noReplyHeader
	case cmdEndHeader:
		return noReplyEOH
	case cmdBody:
		return noReplyBody
	}
	return 0
}

// Families of addresses in the connect command.
const (
	familyUnknown = 'U'
	familyUnix    = 'L'
	familyInet    = '4'
	familyInet6   = '6'
)

// Limits on the bytes of a mail server, or of whoever found the port.
const (
	// MaxPacket is more than the largest body chunk that can be negotiated, and
	// twice message.MaxFieldBytes.
	MaxPacket = 1<<20 + 1024
	// MaxMacros is for one packet of macros.
	MaxMacros = 64 << 10

	maxReplyLine = 400     // text of one line of a reply (RFC 5321, Section 4.5.3.1.5: 512 in all)
	maxReplyText = 2000    // text of a reply
	maxQuarMark  = 200     // reason of a quarantine
	smallOut     = 4 << 10 // of what is sent, the memory that is kept for the next answer
	largePacket  = 64<<10 + 512
)

// Limits of a Server. A zero field means the default beside it.
type Limits struct {
	Connections int // at a time; 1000
	Recipients  int // per message; 10000

	// Idle is how long a mail server may be silent before the content of a message:
	// it takes in the whole message from a slow client meanwhile; 1 h.
	Idle time.Duration
	// Content is the same within header and body; 5 min.
	Content time.Duration
	// Packet is from the first byte of a packet to its last, and for each write; 1 min.
	Packet time.Duration
	// Message is from the end of the header to the judgement; 4 min, below the 5 of
	// Postfix's milter_content_timeout.
	Message time.Duration
	// Progress is how often a mail server that waits is told so; 10 s, below the 30
	// of Postfix's milter_command_timeout.
	Progress time.Duration
	// Drain is how long messages under way have when Serve is told to stop; 30 s.
	Drain time.Duration
}

func (l Limits) withDefaults() Limits {
	def(&l.Connections, 1000)
	def(&l.Recipients, 10_000)
	def(&l.Idle, time.Hour)
	def(&l.Content, 5*time.Minute)
	def(&l.Packet, time.Minute)
	def(&l.Message, 4*time.Minute)
	def(&l.Progress, 10*time.Second)
	def(&l.Drain, 30*time.Second)
	return l
}

func def[T int | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}
