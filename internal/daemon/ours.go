package daemon

import (
	"context"
	"slices"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/internal/metrics"
	"github.com/waxseal/waxseal/internal/milter"
)

// ours is a message from a user or a host of ours: signed, sealed, or both.
type ours struct {
	*filter
	state *state
	m     *milter.Message
	ctx   context.Context // of the message; for the keys of a chain

	body    dkim.Body
	signing *dkim.Signing // nil if the author is not ours
	sealing *arc.Sealing  // nil if nothing is sealed
	chain   *arc.Pending
	judged  []*authres.Field // what we found when the message came in
	remove  []int
}

// beginOurs signs a message whose author has a key, seals one that is passed on,
// and lets others pass.
func (f *filter) beginOurs(ctx context.Context, s *state, m *milter.Message) (milter.Transaction, *milter.Answer) {
	if m.Limit != nil && m.AuthUser() != "" {
		return nil, f.overLimit(m, string(m.Limit.Reason), m.Limit.Error())
	}
	if m.Limit != nil {
		f.passed(m, m.Limit.Error())
		return nil, nil
	}
	t := &ours{filter: f, state: s, m: m, ctx: ctx}
	if m.AuthUser() != "" {
		// A user writes no results of ours, whatever his program says.
		if t.remove = s.forged(m.Header); len(t.remove) > maxForged {
			return nil, f.tooManyForged(m, len(t.remove))
		}
	} else {
		t.judged = authres.Find(m.Header, s.checker.AuthServID)
	}
	if err := t.begin(); err != nil {
		return nil, t.failed(err)
	}
	if t.signing == nil && t.sealing == nil && t.remove == nil {
		f.passed(m, t.why())
		return nil, nil
	}
	return t, nil
}

// begin starts what is to be done.
func (t *ours) begin() (err error) {
	h := t.m.Header
	// Our name under what has come from outside would make a forgery genuine.
	if signer := t.state.ring.ForAuthor(h.Author()); signer != nil && (!t.fromOutside() || t.rewritten()) {
		if t.signing, err = signer.Begin(h, &t.body); err != nil {
			return err
		}
	}
	// A seal says for us what the results in the message say: those of users are not ours.
	if t.m.AuthUser() == "" && t.passedOn() && (len(t.judged) > 0 || h.Count("ARC-Seal") > 0) {
		if t.sealing, err = t.state.sealer.Begin(h, &t.body); err != nil {
			return err
		}
		c := t.state.checker
		t.chain = (&arc.Validator{Resolver: c.Resolver, Time: c.Time, Keys: c.Keys, NewestOnly: true}).Begin(t.ctx, h, &t.body)
	}
	return nil
}

// passedOn reports whether the client sends on, sealed, what has come in.
func (t *ours) passedOn() bool { return t.state.passesOn(t.m.Client.Addr) }

// fromOutside reports whether a message that a host of ours hands over has come from
// elsewhere, by way of a filter or a list: we have judged it, or, if a list took our
// results out, somebody has sealed it. A list may log in as well.
func (t *ours) fromOutside() bool {
	if t.m.AuthUser() != "" && !t.passedOn() {
		return false
	}
	return len(t.judged) > 0 || len(t.remove) > 0 || t.m.Header.Count("ARC-Seal") > 0
}

// rewritten reports whether a list has put a domain of ours into From since: what we
// judged was all written under domains that are not ours, so nobody has forged this
// one. Lists do that for authors whose DMARC policy would have their mail refused.
func (t *ours) rewritten() bool {
	for _, f := range t.judged {
		from, ok := judgedAuthor(f)
		if !ok || t.state.ring.For(from) != nil {
			return false
		}
	}
	return len(t.judged) > 0
}

// judgedAuthor returns the author domain for which a field of ours has a DMARC result.
func judgedAuthor(f *authres.Field) (domain.Name, bool) {
	for _, r := range f.Results {
		if !ascii.EqualFold(r.Method, "dmarc") {
			continue
		}
		for _, p := range r.Props {
			if ascii.EqualFold(p.Type, "header") && ascii.EqualFold(p.Name, "from") {
				d, err := domain.Parse(p.Value)
				return d, err == nil
			}
		}
	}
	return "", false
}

func (t *ours) why() string {
	if t.fromOutside() {
		return "it has come from outside"
	}
	return "its author is of no domain with a key"
}

// Write implements milter.Transaction.
func (t *ours) Write(p []byte) (int, error) { return t.body.Write(p) }

// Skip implements milter.Skipper.
func (t *ours) Skip() bool { return t.signing == nil && t.sealing == nil }

// Abort implements milter.Transaction.
func (t *ours) Abort() {
	t.meter.Message(metrics.Aborted)
	if t.chain != nil {
		t.chain.Wait() // its lookups end with the context
	}
}

// End implements milter.Transaction.
func (t *ours) End(context.Context) *milter.Answer {
	a := &milter.Answer{Delete: t.remove}
	if err := t.body.Close(); err != nil {
		return t.failed(err)
	}
	set := t.set()
	if t.signing != nil {
		fields, err := t.signing.Finish()
		if err != nil {
			return t.failed(err)
		}
		a.Insert = fields
	}
	a.Insert = append(set, a.Insert...)
	if len(a.Insert) == 0 {
		t.passed(t.m, t.why())
		return a
	}
	handling := metrics.Signed
	if t.signing == nil {
		handling = metrics.Unsigned
	}
	t.meter.Message(handling)
	t.log.Info("signed", "queue_id", t.m.QueueID(), "client", t.m.Client.Addr.String(), "mail_from", cut(t.m.From),
		"user", cut(t.m.AuthUser()), "tls", cut(t.m.TLSVersion()), "signed", t.signing != nil, "sealed", set != nil)
	return a
}

// set returns the fields of the ARC set. A message that cannot be sealed goes
// without: a list's mail must not wait for the keys of strangers.
func (t *ours) set() []byte {
	if t.sealing == nil {
		return nil
	}
	v := t.chain.Wait()
	if v.Rewritten() && t.wasPass(v) {
		// It is we who have changed it; the chain counts as it came in (RFC 8617,
		// Section 4.4).
		found := *v
		found.Result = arc.Pass
		v = &found
	}
	set, err := t.sealing.Finish(v)
	if err != nil {
		t.notSealed(t.m, err)
		return nil
	}
	t.meter.Sealed(nil)
	return set
}

// wasPass reports whether the chain was good when the message came in, by what we
// wrote then. A seal of ours proves nothing: a stranger has it from any message that
// we have sealed, and can put another one under it.
func (t *ours) wasPass(v *arc.Validation) bool {
	switch t.cameWith() {
	case arc.Pass:
		return true
	case arc.None: // so all that is there now was added by us
		return !slices.ContainsFunc(v.Sets, func(set arc.Set) bool { return set.AS.Domain != t.state.sealer.Key.Domain })
	}
	return false
}

// cameWith returns what we wrote of the chain when the message came in; "" if we did
// not, or if that was taken out.
func (t *ours) cameWith() arc.Result {
	for _, f := range t.judged {
		for _, r := range f.Results {
			if ascii.EqualFold(r.Method, "arc") {
				return arc.Result(ascii.ToLower(r.Value)) // the newest is on top
			}
		}
	}
	return ""
}

// failed defers a message that should be signed and cannot be: unsigned it would
// count as forged where it goes.
func (t *ours) failed(err error) *milter.Answer {
	t.meter.Message(metrics.SignFailed)
	t.log.Error("signing failed", "queue_id", t.m.QueueID(), "mail_from", cut(t.m.From), "error", err.Error())
	return &milter.Answer{Action: milter.TempFail, Code: 451, Enhanced: "4.7.0", Text: "the message cannot be signed now, try again later"}
}

// passed writes why a message of ours goes out as it is.
func (f *filter) passed(m *milter.Message, why string) {
	f.meter.Message(metrics.Unsigned)
	f.log.Info("passed", "queue_id", m.QueueID(), "client", m.Client.Addr.String(), "mail_from", cut(m.From), "user", cut(m.AuthUser()), "reason", why)
}
