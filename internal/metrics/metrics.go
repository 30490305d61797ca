// Package metrics counts what the servers do, for Prometheus. It is the only package
// that knows Prometheus; the others hand it the values that they have anyway.
//
// To count must cost next to nothing: what happens for each message or lookup is
// bound to its counter in advance and allocates nothing. What something else knows
// already, such as the size of a cache, is only asked for when somebody looks.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/spf"
)

// Server is a server of the daemon, as configured.
type Server string

// The servers that are measured.
const (
	Milter    Server = "milter"
	TLSPolicy Server = "tls_policy"
)

// Handling is what was done with a message.
type Handling string

// The handlings.
const (
	Checked    Handling = "checked"     // somebody else's, with a verdict
	OverLimit  Handling = "over_limit"  // refused: its header cannot be read
	Signed     Handling = "signed"      // of ours
	Unsigned   Handling = "unsigned"    // of ours, not signed
	SignFailed Handling = "sign_failed" // of ours, deferred
	Aborted    Handling = "aborted"     // ended by its client or its server before a verdict
)

// Place is where a panic was kept from ending the process.
type Place string

// The places.
const (
	InMessage Place = "message"
	InLookup  Place = "dns"
	InPolicy  Place = "tls_policy"
)

// Build is what the program says of itself.
type Build struct{ Version, Revision, Go string }

// Set has all metrics. A nil Set counts nothing. Its methods may be called by several
// goroutines.
type Set struct {
	registry *prometheus.Registry
	list     []Metric

	messages  tally[Handling]
	spf       tally[spf.Result]
	dkim      tally[dkim.Result]
	arc       tally[arc.Result]
	dmarc     tally[dmarc.Result]
	decisions map[[2]inbound.Action]prometheus.Counter
	findings  *prometheus.CounterVec
	overrides tally[dmarc.OverrideType]
	seals     tally[string]
	failModes tally[inbound.Action]
	panics    tally[Place]
	faults    *prometheus.CounterVec
	refused   tally[Server]

	check, verdict, dnsWait prometheus.Histogram

	lookups    tally[string]
	lookupTime prometheus.Histogram
	policies   tally[string]
	policyTime prometheus.Histogram
	refreshes  tally[string]
	downgrades prometheus.Counter
	requests   tally[string]
	reloads    tally[string]
	reloaded   prometheus.Gauge
}

// New returns a Set. sample tells the state of things whenever somebody looks.
func New(b Build, sample func() Sample) *Set {
	d := &definer{registry: prometheus.NewRegistry()}
	s := &Set{registry: d.registry}
	s.defineMessages(d)
	s.defineVerdicts(d)
	s.defineFaults(d)
	s.defineDNS(d)
	s.defineTLSPolicy(d)
	s.defineOperation(d, b)
	newSampler(d, sample)
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.list = d.list
	return s
}

// List describes all metrics of our own, in the order of the reference; those that
// Prometheus makes of the process and of Go come in addition.
func List() []Metric { return New(Build{}, func() Sample { return Sample{} }).list }

func (s *Set) defineMessages(d *definer) {
	all := []Handling{Checked, OverLimit, Signed, Unsigned, SignFailed, Aborted}
	v := d.counters("waxseal_messages_total",
		"Messages by what was done with them: checked for others; refused because the header is over a limit; signed, left unsigned (such as for want of a key), or deferred because signing failed, for ours; aborted before a verdict.",
		Label{"handling", words(all...)})
	s.messages = newTally(v, all)
	s.check = d.histogram("waxseal_check_seconds", "Time from the end of a message's header to its verdict, the time in which its body came included.")
	s.verdict = d.histogram("waxseal_verdict_seconds", "Time from the end of a message's body to its verdict: what the mail server had to wait for us.")
	s.dnsWait = d.histogram("waxseal_dns_wait_seconds", "Time in which the checks of a message waited for DNS; much of it passes while the body comes.")
}

func (s *Set) defineVerdicts(d *definer) {
	spfs := []spf.Result{spf.None, spf.Neutral, spf.Pass, spf.Fail, spf.SoftFail, spf.TempError, spf.PermError}
	dkims := []dkim.Result{dkim.None, dkim.Pass, dkim.Fail, dkim.Policy, dkim.Neutral, dkim.TempError, dkim.PermError}
	arcs := []arc.Result{arc.None, arc.Pass, arc.Fail}
	dmarcs := []dmarc.Result{dmarc.Pass, dmarc.Fail, dmarc.None, dmarc.PermError, dmarc.TempError}
	v := d.counters("waxseal_results_total",
		"Results of the controls (RFC 8601): one for each message checked, of DKIM one for each signature and none for a message without.",
		Label{"control", []string{"spf", "dkim", "arc", "dmarc"}}, Label{"result", []string{"none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror"}})
	s.spf = newTally(v, spfs, "spf")
	s.dkim = newTally(v, dkims, "dkim")
	s.arc = newTally(v, arcs, "arc")
	s.dmarc = newTally(v, dmarcs, "dmarc")

	actions := []inbound.Action{inbound.Accept, inbound.Quarantine, inbound.Reject, inbound.TempFail}
	v = d.counters("waxseal_decisions_total",
		"Decisions on messages checked: what was done, and what enforcing every control would have done. Before mode = \"enforce\", watch would.",
		Label{"action", words(actions...)}, Label{"would", words(actions...)})
	s.decisions = map[[2]inbound.Action]prometheus.Counter{}
	for _, a := range actions {
		for _, w := range actions {
			s.decisions[[2]inbound.Action{a, w}] = v.WithLabelValues(string(a), string(w))
		}
	}
	types := []dmarc.OverrideType{dmarc.LocalPolicy, dmarc.MailingList, dmarc.TrustedForwarder, dmarc.Other}
	v = d.counters("waxseal_overrides_total", "DMARC failures that were not held against a message, by the override type of RFC 9990.", Label{"type", words(types...)})
	s.overrides = newTally(v, types)
	outcomes := []string{"ok", "failed"}
	s.seals = newTally(d.counters("waxseal_arc_seals_total", "Messages that were to be sealed because they are passed on; failed ones went without.", Label{"outcome", outcomes}), outcomes)
	s.findings = d.counters("waxseal_findings_total", "Findings about messages, by their id.", Label{"id", nil})
}

// Message counts a message that has no verdict.
func (s *Set) Message(h Handling) {
	if s != nil {
		s.messages.Inc(h)
	}
}

// Sealed counts that a message was to be sealed.
func (s *Set) Sealed(err error) {
	switch {
	case s == nil:
	case err != nil:
		s.seals.Inc("failed")
	default:
		s.seals.Inc("ok")
	}
}

// Times is how long a message took.
type Times struct {
	Check   time.Duration // from the end of the header to the verdict
	Verdict time.Duration // of that, from the end of the body
	DNS     time.Duration // of that, waiting for DNS
}

// Verdict counts a message that was checked.
func (s *Set) Verdict(v *inbound.Verdict, d inbound.Decision, t Times) {
	if s == nil {
		return
	}
	s.messages.Inc(Checked)
	s.spf.Inc(v.SPF.Result)
	for i := range v.DKIM {
		s.dkim.Inc(v.DKIM[i].Result)
	}
	if len(v.DKIM) == 0 {
		s.dkim.Inc(dkim.None)
	}
	s.arc.Inc(v.ARC.Result)
	s.dmarc.Inc(v.DMARC.Result)
	if c := s.decisions[[2]inbound.Action{d.Action, d.Would}]; c != nil {
		c.Inc()
	}
	if d.Override != nil {
		s.overrides.Inc(d.Override.Type)
	}
	if v.SPF.Result == spf.TempError || v.DMARC.Result == dmarc.TempError {
		s.failModes.Inc(d.Action)
	}
	for i := range v.Findings {
		s.findings.WithLabelValues(v.Findings[i].ID).Inc()
	}
	s.check.Observe(t.Check.Seconds())
	s.verdict.Observe(t.Verdict.Seconds())
	s.dnsWait.Observe(t.DNS.Seconds())
}
