package outbound

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/smtp"
	"github.com/waxseal/waxseal/tlsrpt"
)

const (
	// MaxAttempts is how many connections one Deliver makes at most.
	MaxAttempts = 8
	// ConnectTimeout is how long one TCP connection may take to open.
	ConnectTimeout = 30 * time.Second
)

// Message is what is to be delivered to one domain.
type Message struct {
	From    smtp.Path
	Options smtp.MailOptions // with RequireTLS for REQUIRETLS (RFC 8689)
	To      []smtp.Recipient // at least one, all of the plan's domain
	// Open returns the message from its beginning, for each attempt anew.
	Open func() (io.ReadCloser, error)
	// Chunked sends the message by BDAT where the server offers CHUNKING.
	Chunked bool
	// IgnorePolicy says that the message has the field TLS-Required: No (RFC 8689,
	// Section 3): it rather comes in the clear than not. REQUIRETLS overrides it.
	IgnorePolicy bool
}

// Deliverer delivers by plans. It may be used by several goroutines.
type Deliverer struct {
	// Client speaks SMTP; its Hostname should be this host's name.
	Client smtp.Client
	// RootCAs are the CAs that count with MTA-STS; nil means the system's.
	RootCAs *x509.CertPool
	// Port is the SMTP port; 0 means 25.
	Port uint16
	// Dial opens connections; nil means a net.Dialer with ConnectTimeout.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Time is the clock that certificates are checked by; nil means time.Now.
	Time func() time.Time
	// Connections keeps connections for the next message; nil ends each after its own.
	Connections *Connections
}

// Result is what became of a message or of one recipient.
type Result string

// The results.
const (
	Delivered Result = "delivered"
	Deferred  Result = "deferred" // another try later may succeed
	Refused   Result = "refused"  // for good
)

// Delivery is what became of a message.
type Delivery struct {
	// Result is that of all recipients: deferred if one is, else refused if one is.
	Result    Result `json:"result"`
	Delivered bool   `json:"delivered"`
	// Authenticated, MX, Policy, TLS and Reason are those of the last attempt that
	// connected, or of the last where none did.
	Authenticated bool              `json:"authenticated"`
	MX            string            `json:"mx"`
	Policy        Policy            `json:"policy"`
	TLS           *TLSState         `json:"tls"`
	Reply         string            `json:"reply"`
	ResultType    tlsrpt.ResultType `json:"tlsrpt_result_type"` // of the last attempt that has one, else of the plan
	Attempts      []Attempt         `json:"attempts"`
	Recipients    []RecipientResult `json:"recipients"`
	Reason        string            `json:"reason"`
}

// RecipientResult is what became of one recipient.
type RecipientResult struct {
	Recipient smtp.Path `json:"recipient"`
	Result    Result    `json:"result"`
	// Reply is the server's, or what a server would have said where none was asked.
	Reply *smtp.Reply `json:"reply,omitempty"`
	MX    string      `json:"mx,omitempty"` // whose reply it is
}

func (d *Deliverer) now() time.Time {
	if d.Time != nil {
		return d.Time()
	}
	return time.Now()
}

// Deliver tries the hosts of a plan in order until each recipient is accepted or
// refused for good, or no host is left. Nothing is said about the message before
// the server satisfies what the plan demands of it. A failure of DANE or MTA-STS
// is temporary.
func (d *Deliverer) Deliver(ctx context.Context, plan *Plan, m *Message) *Delivery {
	run := newRun(plan, m)
	if plan.Outcome == Reject || len(plan.Hosts) == 0 {
		return run.finish()
	}
	for i := range plan.Hosts {
		h := &plan.Hosts[i]
		want, why := plan.demands(h, m)
		if why != "" {
			a := Attempt{Host: h.Name, Policy: h.Policy, Stage: StagePlan, Begin: d.now(), Reason: why}
			a.ResultType, a.FailureReason = h.failure()
			a.gone = h.DANE != nil && h.DANE.Outcome == dane.NoAddress
			run.add(a)
			continue
		}
		d.host(ctx, run, h, want)
		if run.done() || run.full() || run.hopeless || ctx.Err() != nil {
			break
		}
	}
	return run.finish()
}

// host tries the addresses of a host.
func (d *Deliverer) host(ctx context.Context, run *run, h *Host, want demand) {
	for _, addr := range h.Addresses() {
		a, clear := d.attempt(ctx, run, h, addr, want, false)
		if run.add(a); run.full() {
			return
		}
		if clear {
			// Only without a policy, only after TLS has been tried and broke.
			a, _ = d.attempt(ctx, run, h, addr, want, true)
			run.add(a)
		}
		if a.Stage == StageMessage || run.full() || ctx.Err() != nil {
			return
		}
	}
}

// attempt makes one connection, or takes one that was kept. It reports whether
// another one in the clear is allowed and makes sense.
func (d *Deliverer) attempt(ctx context.Context, run *run, h *Host, addr netip.Addr, want demand, clear bool) (a Attempt, retryClear bool) {
	server := netip.AddrPortFrom(addr, cmp.Or(d.Port, 25))
	if !clear {
		if a, ok := d.again(ctx, run, h, server, want); ok {
			return a, false
		}
	}
	begin := time.Now()
	a = Attempt{Host: h.Name, Address: addr.String(), Policy: want.policy, Stage: StageConnect, Begin: d.now()}
	defer func() { a.Seconds = time.Since(begin).Seconds() }()
	conn, err := d.dial(ctx, server)
	if err != nil {
		a.Reason = "no connection: " + err.Error()
		return a, false
	}
	a.Stage = StageHello
	client := d.Client
	k, err := client.Open(ctx, conn)
	if err != nil {
		a.failed(err)
		return a, false
	}
	c := &connection{ClientConn: k, since: begin}
	defer func() { d.release(ctx, h, server, want, c, &a) }()
	a.Hello = k.Hello.Lines[0]
	a.StartTLSOffered = k.Extensions.StartTLS
	if !clear {
		if goOn, retry := d.startTLS(ctx, k, h, want, &a); !goOn {
			return a, retry
		}
	}
	d.send(ctx, k, run, &a)
	return a, false
}

// startTLS brings TLS up as far as it is demanded.
func (d *Deliverer) startTLS(ctx context.Context, k *smtp.ClientConn, h *Host, want demand, a *Attempt) (goOn, retryClear bool) {
	a.Stage = StageTLS
	err := k.StartTLS(ctx, d.tlsConfig(h, want, a))
	if err == nil {
		a.Hello = k.Hello.Lines[0]
		return true, false
	}
	a.failed(err)
	var s *smtp.Error
	told := errors.As(err, &s) && (s.Reason == smtp.NotOffered || s.Reason == smtp.Refused)
	if told && k.TLS != nil {
		// The refusal of EHLO came under TLS: the channel is as it should be, and a
		// server that is busy there is so in the clear.
		return false, false
	}
	a.TLS, a.Authenticated = nil, false
	a.ResultType, a.FailureReason = classify(err)
	intact := told && k.Err() == nil // not so after a 421
	switch {
	case want.tls:
		return false, false
	case intact:
		return true, false
	}
	// Words put into the server's mouth are an attack under way; a handshake that
	// fails or a server that hangs up is what broken servers do.
	return false, s != nil && s.Reason != smtp.EarlyData
}

func (d *Deliverer) dial(ctx context.Context, server netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	dial := d.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return dial(ctx, "tcp", server.String())
}

// send sends the message for the recipients that are open.
func (d *Deliverer) send(ctx context.Context, k *smtp.ClientConn, run *run, a *Attempt) {
	if run.message.Options.RequireTLS && !k.Extensions.RequireTLS {
		a.noRequireTLS = true
		a.Reason = "the server does not offer REQUIRETLS"
		return
	}
	body, err := run.message.Open()
	if err != nil {
		a.Reason = "the message could not be opened: " + err.Error()
		return
	}
	defer body.Close()
	a.Stage = StageMessage
	a.Reason = ""
	open := run.open()
	t := &smtp.Transaction{From: run.message.From, Options: run.message.Options, Chunked: run.message.Chunked}
	for _, i := range open {
		t.To = append(t.To, run.message.To[i])
	}
	a.Delivery, err = k.Send(ctx, t, body)
	run.absorb(open, a)
	if err != nil {
		a.failed(err)
		a.unable = unable(err)
		run.hopeless = run.hopeless || faulty(err)
	}
	if a.Reason == "" && a.Reply != nil {
		a.Reason = "the server said " + a.Reply.String()
	}
}

// unable returns the reply for a message that cannot go to the server as it is,
// nil where another try there can end otherwise.
func unable(err error) *smtp.Reply {
	var e *smtp.Error
	if !errors.As(err, &e) || e.Temporary() || e.Reason == smtp.Refused {
		return nil
	}
	code, enhanced := 554, smtp.EnhancedCode{5, 6, 0}
	switch {
	case e.Reason == smtp.TooLarge:
		code, enhanced = 552, smtp.EnhancedCode{5, 3, 4}
	case e.Reason == smtp.NotOffered && e.Detail == "SMTPUTF8": // RFC 6531, Section 3.5
		code, enhanced = 553, smtp.EnhancedCode{5, 6, 7}
	case e.Reason == smtp.NotOffered: // RFC 6152, Section 3
		enhanced = smtp.EnhancedCode{5, 6, 3}
	}
	return smtp.NewReply(code, enhanced, e.Error())
}

// faulty reports whether the message itself is at fault, whatever the server.
func faulty(err error) bool {
	var e *smtp.Error
	return unable(err) != nil && errors.As(err, &e) && e.Reason != smtp.TooLarge && e.Reason != smtp.NotOffered
}

// failed notes an error of package smtp. That a server is not the right one is said
// without the handshake that ended over it.
func (a *Attempt) failed(err error) {
	a.Reason = strings.TrimPrefix(err.Error(), "smtp: ")
	var v *VerifyError
	if errors.As(err, &v) {
		a.Reason = strings.TrimPrefix(v.Error(), "outbound: ")
	}
	var s *smtp.Error
	if errors.As(err, &s) {
		a.Reply = s.Reply
	}
}
