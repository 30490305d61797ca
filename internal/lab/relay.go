package lab

import (
	"bytes"
	"cmp"
	"context"
	"io"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/smtp"
)

// relaySession takes a message and passes it on before it says that it took it.
type relaySession struct {
	from string
	to   func(ctx context.Context, from string, raw []byte) *smtp.Reply
}

// Mail implements smtp.Session.
func (r *relaySession) Mail(_ context.Context, from smtp.Path, _ *smtp.MailOptions) *smtp.Reply {
	r.from = from.String()
	return nil
}

// Rcpt implements smtp.Session.
func (r *relaySession) Rcpt(context.Context, smtp.Path, *smtp.RcptOptions) *smtp.Reply { return nil }

// Data implements smtp.Session.
func (r *relaySession) Data(ctx context.Context, text io.Reader) *smtp.Reply {
	raw, err := io.ReadAll(text)
	if err != nil {
		return smtp.NewReply(451, smtp.EnhancedCode{4, 3, 0}, "the message did not arrive whole")
	}
	return r.to(ctx, r.from, raw)
}

// Reset implements smtp.Session.
func (r *relaySession) Reset() {}

// relayed is the way of a message: who sends it, and where it is passed on.
type relayed struct{ from, at Host }

// via sends a message to a host, which passes it on to the
// clinic, and returns what the clinic said and did.
func (s *Stage) via(ctx context.Context, way relayed, mailFrom string, raw []byte, pass func(ctx context.Context, from string, raw []byte) (*Receipt, error)) (*Receipt, error) {
	var last *Receipt
	var failed error
	h := smtp.HandlerFunc(func(context.Context, *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return &relaySession{to: func(ctx context.Context, from string, raw []byte) *smtp.Reply {
			if last, failed = pass(ctx, from, raw); failed != nil {
				return smtp.NewReply(451, smtp.EnhancedCode{4, 3, 0}, "cannot pass it on")
			}
			return last.Reply
		}}, nil
	})
	if err := s.serveSMTP(way.at.IP, s.server(way.at.Helo, nil, h)); err != nil {
		return nil, err
	}
	// The reply of the host comes after pass has returned, and orders the two.
	if _, err := s.send(ctx, way.from, way.at.IP, mailFrom, raw); err != nil {
		return nil, err
	}
	return last, failed
}

// Forward sends a message from the bank's host to the alumni's forwarder, which
// passes it on as it is with its reverse-path.
func (s *Stage) Forward(ctx context.Context, mailFrom string, raw []byte) (*Receipt, error) {
	s.Say("%s sends a message to ann@%s, which is forwarded", s.World.Bank, Alumni)
	return s.via(ctx, relayed{BankOut, AlumniOut}, mailFrom, raw, func(ctx context.Context, from string, raw []byte) (*Receipt, error) {
		return s.Inject(ctx, AlumniOut, from, raw)
	})
}

// MailingList is a list that changes what it passes on, and seals it.
type MailingList struct {
	Domain string
	Host   Host
	Key    dkim.Key
	// Poster is who writes to it; the zero Host means the bank's.
	Poster Host
}

func (l *MailingList) poster() Host { return cmp.Or(l.Poster, BankOut) }

// Post sends a message under the bank's reverse-path to a mailing list, which puts its
// name into the subject and a line below the body, seals the result and sends it
// under a reverse-path of its own.
func (s *Stage) Post(ctx context.Context, l MailingList, raw []byte) (*Receipt, error) {
	s.Say("%s writes to the mailing list talk@%s", who(l.poster()), l.Domain)
	return s.via(ctx, relayed{l.poster(), l.Host}, "service@"+s.World.Bank, raw, func(ctx context.Context, from string, raw []byte) (*Receipt, error) {
		changed, err := s.Remail(ctx, l, from, raw)
		if err != nil {
			return nil, err
		}
		return s.Inject(ctx, l.Host, "talk-bounces@"+l.Domain, changed)
	})
}

// Remail is what the list makes of a message.
func (s *Stage) Remail(ctx context.Context, l MailingList, from string, raw []byte) ([]byte, error) {
	id := "mx." + l.Domain
	checker := &inbound.Checker{Resolver: s.Resolver, AuthServID: id}
	env := inbound.Envelope{RemoteAddr: addr(l.poster().IP), Helo: l.poster().Helo, MailFrom: from}
	v, err := checker.Check(ctx, env, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	raw = Replace(raw, "Subject: ", "Subject: [talk] ")
	raw = append([]byte(v.Header(id)), raw...)
	raw = append(raw, "--\r\nThe talk list, talk@"+l.Domain+"\r\n"...)
	return s.Seal(ctx, l.Key, id, raw)
}

// Seal adds an ARC set that says what the message's own results of id say.
func (s *Stage) Seal(ctx context.Context, key dkim.Key, id string, raw []byte) ([]byte, error) {
	m, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	sealer := &arc.Sealer{Key: key, AuthServID: id}
	fields, _, err := sealer.Seal(ctx, &arc.Validator{Resolver: s.Resolver}, m.Header, m.Body)
	return append(fields, raw...), err
}
