package inbound

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/spf"
)

// Session is one message under way. Write takes the body as it arrives, in
// chunks of any size, without the empty line after the header. A Session is for
// one goroutine.
type Session struct {
	checker    *Checker
	env        Envelope
	header     *message.Header
	unreadable *message.Error
	author     message.Author
	notes      Notes

	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	spfFault atomic.Pointer[panics.Panic] // in SPF, which runs beside the others
	broken   *panics.Panic                // in any other stage

	dns struct {
		time                  dnsTime
		fault                 atomic.Pointer[panics.Panic] // in the source of answers
		spf, dkim, arc, dmarc budget
	}
	spf        spf.Checker
	mail, helo spf.Evaluation
	body       dkim.Body
	dkim       *dkim.Pending
	arc        *arc.Pending
	dmarc      *dmarc.Pending
	evaluator  dmarc.Evaluator
	sealing    *arc.Sealing
}

// Notes is what the reader of the bytes saw of their form.
type Notes struct {
	LineEnds message.LineEnds
	MboxFrom bool // a "From " line before the header was left out
	BOM      bool // a byte order mark was left out
	NoBody   bool // no empty line ends the header
}

func (c *Checker) begin(ctx context.Context, env Envelope, h *message.Header, unreadable *message.Error) *Session {
	s := &Session{checker: c, env: env, header: h, unreadable: unreadable}
	s.ctx, s.cancel = context.WithCancel(ctx)
	wait := c.DNSTime
	if wait == 0 {
		wait = DefaultDNSTime
	}
	t := &s.dns.time
	t.whole, t.left = wait, wait
	keep := wait / dmarcShare
	for _, b := range []*budget{&s.dns.spf, &s.dns.dkim, &s.dns.arc, &s.dns.dmarc} {
		b.fault = &s.dns.fault
	}
	if env.Unknown == "" {
		s.startSPF(s.dns.spf.init(c.Resolver, t, keep, maxSPFLookups))
	} else {
		s.mail = unknownClient(env)
	}
	if unreadable != nil {
		return s
	}
	s.guard(func() { s.startHeader(c, t, keep) })
	return s
}

// startHeader begins all that rests on the header.
func (s *Session) startHeader(c *Checker, t *dnsTime, keep time.Duration) {
	h := s.header
	s.author = h.Author()
	v := dkim.Verifier{Resolver: s.dns.dkim.init(c.Resolver, t, keep, maxDKIMLookups), Time: c.Time, Keys: c.Keys}
	s.dkim = v.Begin(s.ctx, h, &s.body)
	a := arc.Validator{
		Resolver: s.dns.arc.init(c.Resolver, t, keep, maxARCLookups), Time: c.Time, Keys: c.Keys, NewestOnly: !c.Trace,
	}
	s.arc = a.Begin(s.ctx, h, &s.body)
	s.evaluator = dmarc.Evaluator{Resolver: s.dns.dmarc.init(c.Resolver, t, 0, maxDMARCLookups), Records: c.DMARCRecords}
	s.dmarc = s.evaluator.Begin(s.ctx, s.author)
	s.expect()
}

// startSPF checks MAIL FROM and HELO in the background.
func (s *Session) startSPF(b *budget) {
	c := s.checker
	s.spf = spf.Checker{Resolver: b, Receiver: c.receiver(), Time: c.Time, Records: c.SPFRecords, Trace: c.Trace}
	s.wg.Go(func() {
		defer s.recover()
		s.mail = s.spf.CheckHost(s.ctx, s.spfArgs())
	})
	if s.env.MailFrom != "" && s.env.Helo != "" && s.env.RemoteAddr.IsValid() {
		s.wg.Go(func() {
			defer s.recover()
			s.helo = s.spf.CheckHelo(s.ctx, s.spfArgs()) // RFC 7208, Section 2.3
		})
	}
}

// unknownClient is SPF for a client whose address could not be found out.
func unknownClient(env Envelope) spf.Evaluation {
	e := spf.Evaluation{Result: spf.TempError, Identity: spf.MailFrom, Domain: env.Helo, Reason: env.Unknown, Trace: []spf.Step{}}
	if i := lastAt(env.MailFrom); i >= 0 {
		e.Domain = env.MailFrom[i+1:]
	}
	return e
}

func (s *Session) spfArgs() spf.Args {
	return spf.Args{IP: s.env.RemoteAddr, Helo: s.env.Helo, MailFrom: s.env.MailFrom}
}

// recover keeps a fault in one message from ending the process.
func (s *Session) recover() {
	if p := recover(); p != nil {
		s.spfFault.CompareAndSwap(nil, panics.Of(p))
	}
}

// guard does the same for a stage in the caller's goroutine. After a fault no
// other stage is run: what they work on may be in any state.
func (s *Session) guard(stage func()) {
	if s.broken != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.broken = panics.Of(p)
		}
	}()
	stage()
}

// fault returns the panic that was met, nil for none.
func (s *Session) fault() error {
	for _, p := range [...]*panics.Panic{s.broken, s.spfFault.Load(), s.dns.fault.Load()} {
		if p != nil {
			return p
		}
	}
	return nil
}

// Seal prepares to seal the message, which leaves again, in the same pass. It is to
// be called before Write; nothing is sealed whose header is over a limit. The error
// is that of arc.Sealer.Begin.
func (s *Session) Seal(sealer *arc.Sealer) (err error) {
	if s.unreadable != nil {
		return nil
	}
	s.guard(func() { s.sealing, err = sealer.Begin(s.header, &s.body) })
	return err
}

// Set returns the fields of the ARC set that Seal prepared, with what v says as its
// results; nil without Seal or after a fault. To be called after Verdict. The error
// is that of arc.Sealing.Finish: there are chains to which nothing may be added.
func (s *Session) Set(v *Verdict) (fields []byte, err error) {
	if s.sealing == nil || s.broken != nil {
		return nil, nil
	}
	s.guard(func() {
		s.sealing.Report(v.Results())
		fields, err = s.sealing.Finish(&v.ARC)
	})
	if s.broken != nil {
		return nil, fmt.Errorf("inbound: sealing: %w", s.broken)
	}
	return fields, err
}

// Write hashes a part of the body. It never fails.
func (s *Session) Write(p []byte) (int, error) {
	if s.unreadable == nil {
		s.guard(func() { s.body.Write(p) })
	}
	return len(p), nil
}

// Skip reports whether the verdict needs nothing more of the body: in a message
// without signatures no hash is compared.
func (s *Session) Skip() bool { return s.unreadable != nil || !s.body.Wanted() }

// Abort ends the session without a verdict.
func (s *Session) Abort() {
	s.cancel()
	s.Verdict()
}

// Verdict ends the body, waits for the lookups under way and draws the
// conclusions. When the context ends first, what is missing is temperror.
func (s *Session) Verdict() *Verdict {
	defer s.cancel()
	v := &Verdict{remote: s.env.RemoteAddr, mailFrom: s.env.MailFrom, heloName: s.env.Helo}
	s.guard(func() { s.waitHeader(v) })
	s.wg.Wait()
	s.guard(func() {
		s.conclude(v)
		v.Findings = s.findings(v)
	})
	if s.broken != nil {
		v = s.undecided()
	}
	v.Fault = s.fault()
	return v
}

// waitHeader takes the results of DKIM and ARC.
func (s *Session) waitHeader(v *Verdict) {
	if s.unreadable != nil {
		return
	}
	s.body.Close()
	v.DKIM = s.dkim.Wait()
	v.ARC = *s.arc.Wait()
}

// undecided is the verdict on a message in which a stage had a fault: temperror,
// so that the message is neither believed nor lost.
func (s *Session) undecided() *Verdict {
	why := "inbound: " + s.broken.Error()
	return &Verdict{
		SPF:      spf.Evaluation{Result: spf.TempError, Identity: spf.MailFrom, Reason: why, Trace: []spf.Step{}},
		DKIM:     []dkim.Verification{{Result: dkim.TempError, Reason: why}},
		ARC:      arc.Validation{Result: arc.Fail, Sets: []arc.Set{}, Reason: why, Temporary: true},
		DMARC:    dmarc.Evaluation{Result: dmarc.TempError, Discovery: dmarc.TreeWalk, Disposition: dmarc.PolicyNone, Reason: why},
		Findings: []Finding{},
		remote:   s.env.RemoteAddr, mailFrom: s.env.MailFrom, heloName: s.env.Helo,
	}
}

func (s *Session) conclude(v *Verdict) {
	v.SPF = s.mail
	if s.helo.Result != "" {
		v.Helo = &s.helo
	}
	if p := s.spfFault.Load(); p != nil {
		v.SPF = spf.Evaluation{Result: spf.TempError, Identity: spf.MailFrom, Reason: "inbound: " + p.Error(), Trace: []spf.Step{}}
	}
	if s.unreadable != nil {
		why := s.unreadable.Error()
		v.DKIM = []dkim.Verification{{Result: dkim.PermError, Reason: why}}
		v.ARC = arc.Validation{Result: arc.Fail, Sets: []arc.Set{}, Reason: why}
		v.DMARC = dmarc.Evaluation{Result: dmarc.PermError, Discovery: dmarc.TreeWalk, Disposition: dmarc.PolicyNone, Reason: why}
		return
	}
	v.DMARC = s.dmarc.Conclude(s.ctx, s.identifiers(v))
}

// DNSWait returns how long the checks have waited for DNS: the time in which some
// lookup was under way.
func (s *Session) DNSWait() time.Duration { return s.dns.time.used(time.Now()) }

// identifiers lists what SPF and DKIM authenticated, for DMARC.
func (s *Session) identifiers(v *Verdict) []dmarc.Identifier {
	ids := make([]dmarc.Identifier, 0, len(v.DKIM)+1)
	if s.env.RemoteAddr.IsValid() || s.env.Unknown != "" {
		// Only what stands in MAIL FROM, or in HELO under a null reverse-path, is
		// given to DMARC: a HELO that passes says nothing about MAIL FROM.
		ids = append(ids, dmarc.Identifier{
			Method: dmarc.SPF, Identity: string(v.SPF.Identity), NullSender: s.env.MailFrom == "",
			Domain: v.SPF.Domain, Result: string(v.SPF.Result),
		})
	}
	for i := range v.DKIM {
		d := &v.DKIM[i]
		ids = append(ids, dmarc.Identifier{
			Method: dmarc.DKIM, Domain: string(d.Domain), Selector: d.Selector, Result: string(d.Result),
		})
	}
	return ids
}

// expect starts the DMARC lookups for domains that may turn out to pass, so that
// they run beside the body.
func (s *Session) expect() {
	if i := lastAt(s.env.MailFrom); i >= 0 {
		s.dmarc.Expect(s.ctx, s.env.MailFrom[i+1:])
	}
}

func lastAt(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '@' {
			return i
		}
	}
	return -1
}
