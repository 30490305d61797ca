package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/internal/milter"
)

// filter takes the messages of the milter: it signs those of ours and checks those
// of others.
type filter struct {
	state func() *state
	log   *slog.Logger
}

// Begin implements milter.Handler.
func (f *filter) Begin(ctx context.Context, m *milter.Message) (milter.Transaction, *milter.Answer) {
	s := f.state()
	if m.AuthUser() != "" || s.trusts(m.Client.Addr) {
		return f.beginSigning(s, m)
	}
	return f.beginCheck(ctx, s, m)
}

// signing is a message of ours.
type signing struct {
	*filter
	m    *milter.Message
	body dkim.Body
	*dkim.Signing
}

// beginSigning signs a message whose author has a key, and lets others pass.
func (f *filter) beginSigning(s *state, m *milter.Message) (milter.Transaction, *milter.Answer) {
	if m.Limit != nil {
		return nil, nil
	}
	signer := s.ring.ForAuthor(m.Header.Author())
	if signer == nil {
		return nil, nil
	}
	t := &signing{filter: f, m: m}
	var err error
	if t.Signing, err = signer.Begin(m.Header, &t.body); err != nil {
		return nil, t.failed(err)
	}
	return t, nil
}

// Write implements milter.Transaction.
func (t *signing) Write(p []byte) (int, error) { return t.body.Write(p) }

// Abort implements milter.Transaction.
func (t *signing) Abort() {}

// End implements milter.Transaction.
func (t *signing) End(context.Context) *milter.Answer {
	if err := t.body.Close(); err != nil {
		return t.failed(err)
	}
	fields, err := t.Finish()
	if err != nil {
		return t.failed(err)
	}
	t.log.Info("signed", "queue_id", t.m.QueueID(), "mail_from", t.m.From, "user", t.m.AuthUser())
	return &milter.Answer{Insert: fields}
}

// failed defers a message that should be signed and cannot be: unsigned it would
// count as forged where it goes.
func (t *signing) failed(err error) *milter.Answer {
	t.log.Error("signing failed", "queue_id", t.m.QueueID(), "mail_from", t.m.From, "error", err.Error())
	return &milter.Answer{Action: milter.TempFail, Code: 451, Enhanced: "4.7.0", Text: "the message cannot be signed now, try again later"}
}

// check is a message of somebody else.
type check struct {
	*filter
	*state
	m       *milter.Message
	session *inbound.Session
	begin   time.Time
}

func (f *filter) beginCheck(ctx context.Context, s *state, m *milter.Message) (milter.Transaction, *milter.Answer) {
	if m.Limit != nil && s.policy.DMARC == inbound.Enforce {
		f.log.Info("refused", "queue_id", m.QueueID(), "client", m.Client.Addr.String(), "mail_from", m.From, "reason", m.Limit.Error())
		return nil, &milter.Answer{Action: milter.Reject, Code: 552, Enhanced: "5.3.4", Text: "the header is over a limit: " + string(m.Limit.Reason)}
	}
	env := inbound.Envelope{RemoteAddr: m.Client.Addr, Helo: m.Client.Helo, MailFrom: m.From, RcptTo: m.To}
	t := &check{filter: f, state: s, m: m, begin: time.Now()}
	if m.Limit != nil {
		t.session = s.checker.BeginUnreadable(ctx, env, m.Header, m.Limit)
	} else {
		t.session = s.checker.Begin(ctx, env, m.Header)
	}
	return t, nil
}

// Write implements milter.Transaction.
func (t *check) Write(p []byte) (int, error) { return t.session.Write(p) }

// Abort implements milter.Transaction.
func (t *check) Abort() { t.session.Abort() }

// End implements milter.Transaction.
func (t *check) End(context.Context) *milter.Answer {
	v := t.session.Verdict()
	d := inbound.Decide(v, t.policy)
	v.Apply(d)
	t.report(v, d)
	id := t.checker.AuthServID
	switch d.Action {
	case inbound.Reject:
		return &milter.Answer{Action: milter.Reject, Code: d.Code, Enhanced: d.Enhanced, Text: d.Text}
	case inbound.TempFail:
		return &milter.Answer{Action: milter.TempFail, Code: d.Code, Enhanced: d.Enhanced, Text: d.Text}
	}
	a := &milter.Answer{Delete: authres.Forged(t.m.Header, id), Insert: []byte(v.Header(id))}
	if d.Action == inbound.Quarantine {
		a.Quarantine = "DMARC policy of " + string(v.DMARC.From)
	}
	return a
}

// report writes the one line of a verdict.
func (t *check) report(v *inbound.Verdict, d inbound.Decision) {
	dkims := make([]string, 0, len(v.DKIM))
	for i := range v.DKIM {
		if i == dkim.MaxSignatures {
			break
		}
		dkims = append(dkims, string(v.DKIM[i].Result)+" "+string(v.DKIM[i].Domain))
	}
	t.log.Info("checked",
		"queue_id", t.m.QueueID(), "client", t.m.Client.Addr.String(), "helo", t.m.Client.Helo, "mail_from", t.m.From,
		"from", string(v.DMARC.From), "spf", string(v.SPF.Result), "dkim", dkims, "arc", string(v.ARC.Result),
		"dmarc", string(v.DMARC.Result), "action", string(d.Action), "would", string(d.Would), "reason", v.DMARC.Reason,
		"findings", len(v.Findings), "ms", time.Since(t.begin).Milliseconds())
}
