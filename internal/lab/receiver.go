package lab

import (
	"bytes"
	"context"
	"io"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/lookalike"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/smtp"
	"github.com/waxseal/waxseal/spf"
)

// Folder is where a message ends up.
type Folder string

// The folders. Nowhere is for what was not taken.
const (
	Inbox   Folder = "inbox"
	Junk    Folder = "junk"
	Nowhere Folder = "nowhere"
)

// Judgement is what the clinic made of a message.
type Judgement struct {
	Folder   Folder           `json:"folder"`
	Verdict  *inbound.Verdict `json:"verdict"`
	Decision inbound.Decision `json:"decision"`
	Marks    []string         `json:"marks"`   // what is written on it for its reader
	Message  string           `json:"message"` // as it was stored, or would have been
}

// receiver is the clinic's side of a connection: the inbound walk, and a
// mailbox.
func (s *Stage) receiver(name string) smtp.Handler {
	checker := s.checker(name)
	return smtp.HandlerFunc(func(_ context.Context, c *smtp.Conn) (smtp.Session, *smtp.Reply) {
		return &reception{stage: s, conn: c, checker: checker}, nil
	})
}

func (s *Stage) checker(name string) *inbound.Checker {
	c := &inbound.Checker{Resolver: s.Resolver, AuthServID: name, Trace: true}
	if s.Controls.Has(Beyond) {
		c.Lookalike = s.World.inspector()
	}
	return c
}

type reception struct {
	stage   *Stage
	conn    *smtp.Conn
	checker *inbound.Checker
	env     inbound.Envelope
}

// Mail implements smtp.Session.
func (r *reception) Mail(_ context.Context, from smtp.Path, _ *smtp.MailOptions) *smtp.Reply {
	r.env = inbound.Envelope{RemoteAddr: r.conn.RemoteIP(), Helo: r.conn.Hello, MailFrom: from.String()}
	r.stage.hear(from.String())
	return nil
}

// Rcpt implements smtp.Session.
func (r *reception) Rcpt(_ context.Context, to smtp.Path, _ *smtp.RcptOptions) *smtp.Reply {
	if string(to.Domain) != r.stage.World.Clinic && to.Domain != Plain {
		return smtp.NewReply(550, smtp.EnhancedCode{5, 7, 1}, "no relaying")
	}
	r.env.RcptTo = append(r.env.RcptTo, to.String())
	return nil
}

// Data implements smtp.Session.
func (r *reception) Data(ctx context.Context, text io.Reader) *smtp.Reply {
	_, reply := r.stage.receive(ctx, r.checker, r.env, text)
	return reply
}

// receive judges a message. The reply is nil if it is taken.
func (s *Stage) receive(ctx context.Context, c *inbound.Checker, env inbound.Envelope, text io.Reader) (*Judgement, *smtp.Reply) {
	var raw bytes.Buffer
	v, err := c.Check(ctx, env, io.TeeReader(text, &raw))
	if err != nil {
		return nil, smtp.NewReply(451, smtp.EnhancedCode{4, 3, 0}, "the message did not arrive whole")
	}
	j, reply := s.judge(v)
	j.Message = string(s.stored(c.AuthServID, v, raw.Bytes()))
	s.keep(j)
	return j, reply
}

// Reset implements smtp.Session.
func (r *reception) Reset() { r.env = inbound.Envelope{} }

// stored is the message as a mailbox has it: where senders are checked, forged
// results are out and our own on top (RFC 8601, Section 5).
func (s *Stage) stored(id string, v *inbound.Verdict, raw []byte) []byte {
	if s.Controls&Sender == 0 {
		return bytes.Clone(raw)
	}
	out := []byte(v.Header(id))
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	h, err := message.ParseHeader(append(bytes.Clone(head), "\r\n"...))
	if err != nil {
		return append(out, raw...)
	}
	forged := map[int]bool{}
	for _, i := range authres.Forged(h, id) {
		forged[i] = true
	}
	for i := range h.Fields {
		if !forged[i] {
			out = append(out, h.Fields[i].Raw...)
		}
	}
	return append(append(out, "\r\n"...), body...)
}

func (s *Stage) keep(j *Judgement) {
	s.mu.Lock()
	s.judged = append(s.judged, j)
	s.mu.Unlock()
	s.record.add(Event{KindVerdict, "the clinic puts the message " + where(j.Folder), j})
}

func where(f Folder) string {
	if f == Nowhere {
		return "nowhere"
	}
	return "into " + string(f)
}

// last is the latest judgement, nil if the clinic was asked for none.
func (s *Stage) last() *Judgement {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.judged) == 0 {
		return nil
	}
	return s.judged[len(s.judged)-1]
}

func (s *Stage) hear(from string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, from)
}

// Told returns the reverse-paths that the clinic's server has heard, in order.
func (s *Stage) Told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.received...)
}

// judge is the clinic's policy: to use the controls that it has.
func (s *Stage) judge(v *inbound.Verdict) (*Judgement, *smtp.Reply) {
	d := inbound.Decide(v, s.policy(v))
	v.Apply(d)
	j := &Judgement{Folder: Inbox, Verdict: v, Decision: d}
	switch d.Action {
	case inbound.Reject, inbound.TempFail:
		j.Folder = Nowhere
		var code smtp.EnhancedCode
		code.UnmarshalText([]byte(d.Enhanced))
		return j, smtp.NewReply(d.Code, code, d.Text)
	case inbound.Quarantine:
		j.Folder = Junk
	}
	j.Marks = s.marks(v, d)
	return j, nil
}

// policy says which results count. A receiver that has nothing but SPF rejects
// what fails it. One that verifies signatures lets a good one make up for it, for
// it knows that forwarding breaks SPF. One that has DMARC leaves it to the author
// domain where that has a policy.
func (s *Stage) policy(v *inbound.Verdict) inbound.Policy {
	var p inbound.Policy
	c := s.Controls
	if c.Has(DMARC) {
		p.DMARC = inbound.Enforce
	}
	if c.Has(SPF) && !(c.Has(DKIM) && signed(v)) && !(c.Has(DMARC) && v.DMARC.Result != dmarc.None) {
		p.SPF = inbound.Enforce
	}
	if c.Has(ARC) {
		p.Trust.Sealers = []domain.Name{List}
	}
	return p
}

func signed(v *inbound.Verdict) bool {
	for i := range v.DKIM {
		if v.DKIM[i].Result == dkim.Pass {
			return true
		}
	}
	return false
}

// marks is what a reader is told about a message that was delivered.
func (s *Stage) marks(v *inbound.Verdict, d inbound.Decision) []string {
	c := s.Controls
	var marks []string
	if c&Sender != 0 {
		for _, f := range v.Findings {
			if s.shown(f) {
				marks = append(marks, f.ID)
			}
		}
	}
	if c.Has(DMARC) {
		switch {
		case d.Override != nil || v.DMARC.Result == dmarc.Pass:
			return marks
		case v.DMARC.Result != dmarc.None:
			return append(marks, "dmarc="+string(v.DMARC.Result))
		}
	}
	if c.Has(DKIM) {
		if signed(v) {
			return marks
		}
		if len(v.DKIM) > 0 {
			marks = append(marks, "dkim="+string(v.DKIM[0].Result))
		}
	}
	if c.Has(SPF) {
		switch v.SPF.Result {
		case spf.Fail, spf.SoftFail, spf.PermError:
			marks = append(marks, "spf="+string(v.SPF.Result))
		}
	}
	return marks
}

// shown says which findings belong to the controls that are on.
func (s *Stage) shown(f inbound.Finding) bool {
	switch f.ID {
	case inbound.ForgedResults:
		return true // whoever writes results removes forged ones
	case inbound.RepeatedField:
		return s.Controls.Has(DKIM)
	case inbound.FromProblem:
		return s.Controls.Has(DMARC)
	}
	return s.Controls.Has(Beyond) && (f.Severity == inbound.Medium || f.Severity == inbound.High)
}

// inspector knows whom the clinic's readers trust.
func (w *World) inspector() *lookalike.Inspector {
	return &lookalike.Inspector{
		Protected: lookalike.Protected{
			Domains: []domain.Name{domain.Name(w.Clinic)},
			People:  []lookalike.Person{{Names: []string{"Maria Keller"}, Addresses: []string{"maria.keller@" + w.Clinic}}},
			Brands:  []lookalike.Brand{{Name: "Alpenbank", Domains: []domain.Name{domain.Name(w.Bank)}}},
		},
		SharedSenders: append(lookalike.SharedSenders(), ESP),
	}
}
