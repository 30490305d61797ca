package lab

import (
	"context"
	"io"

	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/smtp"
)

// Peers are other programs in the places of the lab's own. A nil field leaves the
// place to the lab.
type Peers struct {
	// Receive makes a server ready to be the clinic's and returns its address. It
	// takes PROXY headers, and leaves each message to Stage.Check.
	Receive func(s *Stage) (address string, err error)
	// Send sends a message as the bank's server does. It asks Stage.Source for names,
	// and reaches the clinic's server by Stage.Dial.
	Send func(ctx context.Context, s *Stage, m *outbound.Message) (*outbound.Delivery, error)
}

// Source is what the name servers say, attackers on the path to them included.
func (s *Stage) Source() resolver.Source { return s.dns }

// Check judges a message that another program has received for the clinic. The
// reply is nil if the message is to be taken, and then Judgement.Message is what is
// to be stored.
func (s *Stage) Check(ctx context.Context, env inbound.Envelope, text io.Reader) (*Judgement, *smtp.Reply) {
	s.hear(env.MailFrom)
	return s.receive(ctx, s.checker(s.World.ClinicMX), env, text)
}
