package lab

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"time"

	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
)

// Host is a host that sends: where it is and what it calls itself.
type Host struct{ IP, Helo string }

// The hosts that send.
var (
	BankOut    = Host{BankIP, "out." + Bank}
	GazetteOut = Host{GazetteIP, "out." + Gazette}
	BrokenOut  = Host{BrokenIP, "out." + BadlyRun}
	ListOut    = Host{ListIP, "mx." + List}
	ForumOut   = Host{ForumIP, "mx." + Forum}
	AlumniOut  = Host{AlumniIP, "mx." + Alumni}
	ESPOut     = Host{ESPIP, "out." + ESP}
	CrookOut   = Host{CrookIP, CrookMX}
)

// Receipt is what a sender is told, and what the clinic did.
type Receipt struct {
	Reply     *smtp.Reply // the last one; nil if the connection broke first
	Judgement *Judgement  // nil if the clinic did not get to judge
}

// Inject hands a message straight to the clinic's server, as an attacker does
// and as small senders do.
func (s *Stage) Inject(ctx context.Context, from Host, mailFrom string, raw []byte) (*Receipt, error) {
	s.Say("%s (%s) sends a message with MAIL FROM <%s> to %s", from.Helo, from.IP, mailFrom, s.World.ClinicMX)
	before := s.last()
	reply, err := s.send(ctx, from, ClinicIP, mailFrom, raw)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Reply: reply}
	if j := s.last(); j != before {
		r.Judgement = j
	}
	return r, nil
}

// send is one transaction with the server at an IP address, past whoever sits on
// the path to it, and returns the server's last word; nil if it hung up.
func (s *Stage) send(ctx context.Context, from Host, ip, mailFrom string, raw []byte) (*smtp.Reply, error) {
	path, err := smtp.ParsePath(mailFrom)
	if err != nil {
		return nil, err
	}
	to, err := smtp.ParsePath(s.World.Recipient())
	if err != nil {
		return nil, err
	}
	conn, err := dialer{&s.fabric, from.IP, true}.DialContext(ctx, "tcp", net.JoinHostPort(ip, smtpPort))
	if err != nil {
		return nil, err
	}
	client := s.client(who(from), from.Helo)
	k, err := client.Open(ctx, conn)
	if err != nil {
		return nil, err
	}
	defer k.Quit(ctx)
	d, err := k.Send(ctx, &smtp.Transaction{From: path, To: []smtp.Recipient{{Path: to}}}, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if got := d.Recipients[0]; got.Final != nil {
		return got.Final, nil
	} else if got.Rcpt != nil {
		return got.Rcpt, nil
	}
	return d.Mail, nil
}

// who is a host's name in a transcript: what it says of itself may be a lie.
func who(h Host) string {
	if h.IP == CrookIP {
		return "attacker"
	}
	return h.Helo
}

func (s *Stage) client(who, hello string) smtp.Client {
	return smtp.Client{
		Hostname: hello, Trace: s.trace(who),
		Timeouts: smtp.Timeouts{Greeting: patience, Mail: patience, Rcpt: patience, Data: patience, DataBlock: patience, DataEnd: patience, Command: patience, TLS: patience},
	}
}

// Sent is what became of a message that was sent by the outbound walk.
type Sent struct {
	Plan     *outbound.Plan     `json:"plan"`
	Delivery *outbound.Delivery `json:"delivery"`
}

// Mail is a message for the outbound walk.
type Mail struct {
	Domain     string // of the recipient; "" means the clinic
	RequireTLS bool
}

// Deliver sends a message from the bank by the outbound walk: it plans, connects
// and verifies as Waxseal does in front of a real server.
func (s *Stage) Deliver(ctx context.Context, m Mail) (*Sent, error) {
	if m.Domain == "" {
		m.Domain = s.World.Clinic
	}
	raw, err := s.World.Sign(s.World.Write(s.World.FromBank()), s.World.BankKeys()...)
	if err != nil {
		return nil, err
	}
	from, err := smtp.ParsePath("service@" + s.World.Bank)
	if err != nil {
		return nil, err
	}
	to, err := smtp.ParsePath("ann@" + m.Domain)
	if err != nil {
		return nil, err
	}
	s.Say("%s sends a message to %s", s.World.Bank, to)
	letter := &outbound.Message{
		From: from, To: []smtp.Recipient{{Path: to}},
		Options: smtp.MailOptions{RequireTLS: m.RequireTLS},
		Open:    func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
	}
	sent, err := s.dispatch(ctx, m.Domain, letter)
	if err == nil {
		s.record.add(Event{KindDelivery, "the message is " + string(sent.Delivery.Result), sent})
	}
	return sent, err
}

// dispatch lets the bank's server send.
func (s *Stage) dispatch(ctx context.Context, domain string, m *outbound.Message) (*Sent, error) {
	if s.peers.Send != nil {
		d, err := s.peers.Send(ctx, s, m)
		return &Sent{Delivery: d}, err
	}
	d := &outbound.Deliverer{
		Client: s.client(BankOut.Helo, BankOut.Helo), RootCAs: s.World.Roots, Dial: dialer{&s.fabric, BankIP, false}.DialContext,
	}
	sent := &Sent{Plan: s.Planner.Plan(ctx, domain)}
	sent.Delivery = d.Deliver(ctx, sent.Plan, m)
	return sent, nil
}

// Dial connects to the clinic's server for a conversation by hand.
func (s *Stage) Dial(ctx context.Context, from Host) (net.Conn, error) {
	conn, err := dialer{&s.fabric, from.IP, false}.DialContext(ctx, "tcp", net.JoinHostPort(ClinicIP, smtpPort))
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	return conn, err
}

// Converse says what is to be said, each part after the reply to the one before,
// and returns the last reply; nil if the server hung up first.
func (s *Stage) Converse(conn net.Conn, parts ...string) (*smtp.Reply, error) {
	r := bufio.NewReader(conn)
	var last *smtp.Reply
	for _, part := range append([]string{""}, parts...) {
		if part != "" {
			s.Note(KindSMTP, "by hand > %q", part)
		}
		if _, err := io.WriteString(conn, part); err != nil {
			return nil, nil
		}
		var raw []byte
		for more := true; more; {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return nil, nil
			}
			raw = append(raw, line...)
			more = len(line) > 3 && line[3] == '-'
		}
		var err error
		if last, err = smtp.ParseReply(raw); err != nil {
			return nil, err
		}
		s.Note(KindSMTP, "by hand < %s", last)
	}
	return last, nil
}
