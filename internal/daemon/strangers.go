package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/internal/metrics"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/spf"
)

// maxForged is how many fields that claim to be ours are taken out of one message.
// A mail server goes through the header for each: below 99,000 other fields one costs
// Postfix 4 ms, and at 20,000 its cleanup gives up. One that stayed could be taken for
// our word later. A message with more is refused in every mode: nobody writes one by
// mistake.
const maxForged = 100

// check is a message of somebody else.
type check struct {
	*filter
	*state
	m       *milter.Message
	env     inbound.Envelope
	remove  []int
	session *inbound.Session
	sealed  bool
	begin   time.Time
}

// envelope is what the mail server says of a message.
func envelope(m *milter.Message) inbound.Envelope {
	env := inbound.Envelope{RemoteAddr: m.Client.Addr, Helo: m.Client.Helo, MailFrom: m.From, RcptTo: m.To}
	if !env.RemoteAddr.IsValid() {
		env.Unknown = "the mail server does not tell the client's address"
	}
	return env
}

// behindRelay is what the relay that handed a message to us says of where it had it
// from.
func behindRelay(s *state, m *milter.Message) inbound.Envelope {
	env := inbound.Envelope{MailFrom: m.From, RcptTo: m.To}
	trace, err := m.Header.TraceBehind(s.relays)
	env.RemoteAddr, env.Helo = trace.IP, trace.Helo
	if !trace.IP.IsValid() {
		env.Unknown = fmt.Sprintf("the client in front of the relay %s is not known: %v", m.Client.Addr, err)
	}
	return env
}

func (f *filter) beginCheck(ctx context.Context, s *state, m *milter.Message, env inbound.Envelope) (milter.Transaction, *milter.Answer) {
	if m.Limit != nil {
		return nil, f.overLimit(m, string(m.Limit.Reason), m.Limit.Error())
	}
	t := &check{filter: f, state: s, m: m, env: env, begin: time.Now(), remove: s.forged(m.Header)}
	if len(t.remove) > maxForged {
		return nil, f.tooManyForged(m, len(t.remove))
	}
	t.session = s.checker.Begin(ctx, env, m.Header)
	if s.sealer != nil && s.config.ARC.Seals(m.To) {
		if err := t.session.Seal(s.sealer); err != nil {
			f.notSealed(m, err)
		} else {
			t.sealed = true
		}
	}
	return t, nil
}

// overLimit refuses a message in whose header nobody would find his way, in every
// mode: what claims to be our word in the part that was not read could not be taken
// out.
func (f *filter) overLimit(m *milter.Message, short, why string) *milter.Answer {
	f.meter.Message(metrics.OverLimit)
	f.log.Info("refused", "queue_id", m.QueueID(), "client", m.Client.Addr.String(), "mail_from", cut(m.From), "reason", why)
	return &milter.Answer{Action: milter.Reject, Code: 552, Enhanced: "5.3.4", Text: "the header is over a limit: " + short}
}

func (f *filter) notSealed(m *milter.Message, err error) {
	f.meter.Sealed(err)
	f.log.Warn("not sealed", "queue_id", m.QueueID(), "mail_from", cut(m.From), "error", err.Error())
	logPanic(f.log, "sealing", m.QueueID(), err)
}

// Write implements milter.Transaction.
func (t *check) Write(p []byte) (int, error) { return t.session.Write(p) }

// Skip implements milter.Skipper.
func (t *check) Skip() bool { return t.session.Skip() }

// Abort implements milter.Transaction.
func (t *check) Abort() {
	t.session.Abort()
	t.meter.Message(metrics.Aborted)
}

// End implements milter.Transaction.
func (t *check) End(context.Context) *milter.Answer {
	bodyEnd := time.Now()
	v := t.session.Verdict()
	d := inbound.Decide(v, t.policy)
	v.Apply(d)
	t.report(v, d, bodyEnd)
	switch d.Action {
	case inbound.Reject:
		return &milter.Answer{Action: milter.Reject, Code: d.Code, Enhanced: d.Enhanced, Text: d.Text}
	case inbound.TempFail:
		return &milter.Answer{Action: milter.TempFail, Code: d.Code, Enhanced: d.Enhanced, Text: d.Text}
	}
	a := &milter.Answer{Delete: t.remove, Insert: t.fields(v)}
	if d.Action == inbound.Quarantine && t.config.Policy.Quarantine == "hold" {
		a.Quarantine = held(v)
	}
	return a
}

// held says why a message is quarantined, for whoever looks through the queue.
func held(v *inbound.Verdict) string {
	if v.DMARC.Result == dmarc.PermError {
		return "DMARC cannot be evaluated: " + v.DMARC.Reason
	}
	return "DMARC policy of " + string(v.DMARC.From)
}

// forged returns the fields that must go: results in our name, and findings.
func (s *state) forged(h *message.Header) []int {
	all := authres.Forged(h, s.checker.AuthServID)
	if name := string(s.config.Lookalike.Header); name != "" {
		for i := range h.Fields {
			if h.Fields[i].LooksLike(name) {
				all = append(all, i)
			}
		}
	}
	return all
}

func (f *filter) tooManyForged(m *milter.Message, n int) *milter.Answer {
	return f.overLimit(m, "results in this server's name", fmt.Sprintf("%d fields in the name of this server, at most %d", n, maxForged))
}

// fields returns what is written on top of a message, the results first.
func (t *check) fields(v *inbound.Verdict) []byte {
	out := []byte(v.Header(t.checker.AuthServID))
	if t.config.Milter.ReceivedSPF {
		args := spf.Args{IP: t.env.RemoteAddr, Helo: t.env.Helo, MailFrom: t.env.MailFrom}
		out = append(out, (&spf.Checker{Receiver: t.checker.Receiver}).Received(args, v.SPF).String()...)
	}
	if name := string(t.config.Lookalike.Header); name != "" && len(v.Findings) > 0 {
		out = append(out, findingsField(name, v.Findings)...)
	}
	if t.sealed {
		set, err := t.session.Set(v)
		if err != nil {
			t.notSealed(t.m, err)
		} else {
			t.meter.Sealed(nil)
		}
		out = append(out, set...)
	}
	return out
}

// findingsField writes findings by id and severity; their texts quote strangers.
func findingsField(name string, all []inbound.Finding) string {
	s := name + ":"
	for i, f := range all {
		if i > 0 {
			s += ";\r\n\t"
		} else {
			s += " "
		}
		s += f.ID + " " + string(f.Severity)
	}
	return s + "\r\n"
}
