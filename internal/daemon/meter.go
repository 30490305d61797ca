package daemon

import (
	"errors"
	"time"

	"github.com/waxseal/waxseal/internal/metrics"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/internal/socketmap"
)

// sample is the state of things for the metrics.
func (d *Daemon) sample() metrics.Sample {
	s := d.state.Load()
	if s == nil {
		return metrics.Sample{}
	}
	return metrics.Sample{
		DNS: s.resolver.Stats(), MTASTS: s.sts.Len(),
		Keys: s.checker.Keys.Len(), SPFRecords: s.checker.SPFRecords.Len(), DMARCRecords: s.checker.DMARCRecords.Len(),
		Milter: d.filters.Connections(), TLSPolicy: d.policies.Open(),
	}
}

// enter puts a state in force.
func (d *Daemon) enter(s *state) {
	if _, counted := s.resolver.Resolver.(*metrics.Resolver); !counted {
		s.resolver.Resolver = &metrics.Resolver{Resolver: s.resolver.Resolver, Set: d.meter, Answered: d.health.answered}
	}
	if old := d.state.Load(); s.anchored != nil && (old == nil || old.anchored != s.anchored) {
		s.anchored.resume(d.Log)
	}
	d.state.Store(s)
	d.warn(s.config)
}

func (d *Daemon) answered(l socketmap.Lookup) {
	d.meter.Policy(l.Reply, l.Plan != nil, l.Took)
	if l.Plan == nil {
		return // a key that no plan is made for
	}
	d.Log.Info("tls policy", "domain", cut(l.Key), "reply", cut(l.Reply), "reason", cut(l.Plan.Reason), "ms", l.Took.Milliseconds())
	d.warnOfPolicy(l.Plan.STS)
}

func (d *Daemon) milterFault(m *milter.Message, err error) {
	var e *milter.Error
	if errors.As(err, &e) {
		d.count(metrics.Milter, string(e.Reason), e.Reason == milter.Full)
		if e.Reason == milter.Panicked {
			d.meter.Panic(metrics.InMessage)
		}
	}
	if m == nil {
		logPanic(d.Log, "serving a mail server", "", err)
		d.Log.Warn("milter", "error", cut(err.Error()))
		return
	}
	logPanic(d.Log, "judging a message", m.QueueID(), err)
	d.Log.Warn("milter", "error", cut(err.Error()), "queue_id", m.QueueID(), "client", m.Client.Addr.String(), "mail_from", cut(m.From))
}

func (d *Daemon) policyFault(err error) {
	var e *socketmap.Error
	if errors.As(err, &e) {
		d.count(metrics.TLSPolicy, string(e.Reason), e.Reason == socketmap.Full)
		if e.Reason == socketmap.Panicked {
			d.meter.Panic(metrics.InPolicy)
		}
	}
	d.Log.Warn("tls policy fault", "error", cut(err.Error()))
	logPanic(d.Log, "answering a lookup", "", err)
}

func (d *Daemon) count(server metrics.Server, reason string, full bool) {
	if full {
		d.meter.Refused(server)
		return
	}
	d.meter.Fault(server, reason)
}

// Reload reads the configuration again, and logs and tells what came of it. With an
// error nothing changes; messages under way keep the configuration that they began
// with. What is listened on and the state directory cannot change. It is not for two
// callers at a time.
func (d *Daemon) Reload() error {
	switch {
	case d.state.Load() == nil:
		return errors.New("daemon: not running")
	case d.health.draining.Load(): // the service manager must not hear that it serves again
		return d.unchanged(errors.New("daemon: stopping"))
	}
	d.tell(d.Notify.Reloading())
	err := d.reload()
	d.meter.Reloaded(time.Now(), err)
	status := d.status()
	if err != nil {
		status = "the configuration was not reloaded, the old one stays in force: " + d.unchanged(err).Error()
	} else {
		d.Log.Info("configuration reloaded")
	}
	if !d.health.draining.Load() {
		d.tell(d.Notify.Ready(status))
	}
	return err
}

// unchanged logs why a configuration was not taken over.
func (d *Daemon) unchanged(err error) error {
	d.Log.Error("configuration not reloaded, the old one stays in force", "error", err.Error())
	return err
}

// Abandon logs that the daemon ends while messages are under way; whoever calls it ends
// the process.
func (d *Daemon) Abandon() { d.Log.Warn("told to stop again, messages under way are given up") }
