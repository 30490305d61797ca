package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/resolver"
)

const (
	// anchorsEvery is how often it is looked whether keys are to be asked for. The
	// times themselves are those of RFC 5011, Section 2.3.
	anchorsEvery = 10 * time.Minute
	// anchorsTimeout bounds one question for keys.
	anchorsTimeout = 30 * time.Second
	// anchorsLongest is more than any wait between two questions: one beyond it
	// comes of a clock that was wrong.
	anchorsLongest = 16 * 24 * time.Hour
	// maxNTA is how long a negative trust anchor lasts at most (RFC 7646, Section 2).
	maxNTA = 7 * 24 * time.Hour
)

// anchored is a resolver that proves answers by trust anchors, which may change
// while it is in use: each set of them has a Validator of its own.
type anchored struct {
	// build returns the Validator for a set of anchors. Required.
	build func(*dnssec.Anchors) *dnssec.Validator
	// source tells the keys that the zones of the anchors show; nil follows nothing,
	// and then the configured anchors hold as long as this does.
	source     resolver.Source
	configured *dnssec.Anchors
	builtIn    bool // configured are those of this program
	// demand makes it an error if no anchor is left, instead of an answer without proof.
	demand bool
	ntas   []dnssec.NTA
	// file keeps what was learnt; nil keeps it in memory alone.
	file *store.Anchors
	// Time is the clock; nil means time.Now.
	Time func() time.Time

	current atomic.Pointer[validator]

	// For the goroutine that follows the anchors, after resume.
	trackers []*dnssec.Tracker
	unsaved  bool            // it was said that the file cannot be written
	told     map[string]bool // the negative trust anchors of which it was said that they have ended
}

// validator is a Validator with what it trusts.
type validator struct {
	*dnssec.Validator
	anchors []string // as identify returns them; empty: nothing can be proven
}

func (a *anchored) now() time.Time {
	if a.Time != nil {
		return a.Time()
	}
	return time.Now()
}

// trust makes a set of anchors the current one.
func (a *anchored) trust(anchors *dnssec.Anchors) {
	a.current.Store(&validator{a.build(anchors), identify(anchors.Records())})
}

// identify returns what tells DS records apart, without the forms of one and the same.
func identify(ds []string) []string {
	var out []string
	for _, line := range ds {
		f := strings.Fields(strings.ToLower(line))
		if i := slices.Index(f, "ds"); i >= 0 {
			out = append(out, f[0]+" "+strings.Join(f[i+1:i+4], " ")+" "+strings.Join(f[i+4:], ""))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Lookup implements resolver.Resolver.
func (a *anchored) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	v := a.current.Load()
	if len(v.anchors) == 0 && a.demand && a.source != nil {
		return nil, &resolver.Error{
			Reason: resolver.NoDNSSEC, Name: name, Type: t, Detail: "every trust anchor has been revoked: a new release of this program or a trust_anchor file has others",
		}
	}
	return v.Lookup(ctx, name, t)
}

// resume goes on with what was learnt before, if that can be read. Whatever is wrong
// with it, the configured anchors hold: a lost file must not end validation.
func (a *anchored) resume(log *slog.Logger) {
	a.warnNTAs(log)
	if a.source == nil {
		return
	}
	a.trackers = a.begin(log, nil)
	if a.file == nil {
		log.Info("trust anchors are followed in memory alone, without state.directory")
		return
	}
	saved, err := a.file.Load()
	switch {
	case err != nil:
		log.Error("what is known of trust anchors cannot be used; the configured ones hold", "file", a.file.Path(), "error", err.Error())
	case saved == nil:
	case saved.BuiltIn != a.builtIn || !a.builtIn && !slices.Equal(identify(saved.Configured), identify(a.configured.Records())):
		log.Info("other trust anchors are configured than before; they are followed from now on", "file", a.file.Path())
	default:
		a.trackers = a.begin(log, saved)
	}
	a.apply(log)
}

// begin returns a tracker for each zone that has an anchor: the saved one, with the
// anchors that this program has and the one that saved it had not.
func (a *anchored) begin(log *slog.Logger, saved *store.AnchorState) []*dnssec.Tracker {
	var all []*dnssec.Tracker
	for _, zone := range a.configured.Zones() {
		t, err := dnssec.NewTracker(zone, a.configured)
		if err != nil { // of a zone that has one, as Zones says
			log.Error("a trust anchor cannot be followed", "zone", zone, "error", err.Error())
			continue
		}
		if saved != nil {
			if i := slices.IndexFunc(saved.Trackers, func(s *dnssec.Tracker) bool { return s.Zone == t.Zone }); i >= 0 {
				t = saved.Trackers[i].Trust(a.added(saved.Configured))
			}
		}
		all = append(all, t)
	}
	return all
}

// added returns the configured anchors that were not before.
func (a *anchored) added(before []string) *dnssec.Anchors {
	known := identify(before)
	var lines []string
	for _, line := range a.configured.Records() {
		if !slices.Contains(known, identify([]string{line})[0]) {
			lines = append(lines, line)
		}
	}
	added, err := dnssec.ParseAnchors(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil { // written by what reads them
		panic(err)
	}
	return added
}

// apply trusts what the trackers trust now, if that has changed.
func (a *anchored) apply(log *slog.Logger) {
	var lines []string
	for _, t := range a.trackers {
		anchors, err := t.Anchors()
		if err != nil {
			log.Error("a trust anchor cannot be used", "zone", t.Zone, "error", err.Error())
			return
		}
		lines = append(lines, anchors.Records()...)
	}
	if slices.Equal(identify(lines), a.current.Load().anchors) {
		return
	}
	anchors, err := dnssec.ParseAnchors(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		log.Error("trust anchors cannot be used", "error", err.Error())
		return
	}
	a.trust(anchors)
	if len(lines) == 0 {
		log.Error("every trust anchor has been revoked: nothing can be proven any more")
		return
	}
	log.Warn("trust anchors have changed", "anchors", identify(lines))
}

// follow asks for the keys of the zones that are due, and keeps what it learns.
func (a *anchored) follow(ctx context.Context, log *slog.Logger) {
	now := a.now()
	a.endNTAs(log, now)
	changed := false
	for i, t := range a.trackers {
		if now.Before(t.NextQuery) && t.NextQuery.Sub(now) < anchorsLongest {
			continue
		}
		next, ok := a.observe(ctx, log, t)
		if ctx.Err() != nil {
			return
		}
		tellChanges(log, t, next)
		a.trackers[i], changed = next, changed || ok
	}
	if !changed {
		return
	}
	a.save(log)
	a.apply(log)
}

// observe asks for the keys of a zone, and reports whether the answer says something.
func (a *anchored) observe(ctx context.Context, log *slog.Logger, t *dnssec.Tracker) (*dnssec.Tracker, bool) {
	ctx, cancel := context.WithTimeout(ctx, anchorsTimeout)
	defer cancel()
	q, err := resolver.NewQuestion(t.Zone, resolver.TypeDNSKEY)
	var reply *resolver.Reply
	if err == nil {
		reply, err = a.source.Fetch(ctx, q)
	}
	next := t.Failed(a.now())
	if err == nil {
		next, err = t.Observe(a.now(), reply)
	}
	if err != nil {
		log.Warn("the keys of a trust anchor could not be followed", "zone", t.Zone, "again", next.NextQuery, "error", cut(err.Error()))
	}
	return next, err == nil
}

// save keeps what is known. That it cannot is said once until it can.
func (a *anchored) save(log *slog.Logger) {
	if a.file == nil {
		return
	}
	err := a.file.Save(&store.AnchorState{BuiltIn: a.builtIn, Configured: a.configured.Records(), Trackers: a.trackers})
	switch {
	case err != nil && !a.unsaved:
		log.Error("trust anchors are followed in memory alone, as their file cannot be written", "error", err.Error())
	case err == nil && a.unsaved:
		log.Info("the file of trust anchors can be written again", "file", a.file.Path())
	}
	a.unsaved = err != nil
}

// tellChanges logs what has become of the keys of a zone.
func tellChanges(log *slog.Logger, before, after *dnssec.Tracker) {
	was := map[string]dnssec.KeyState{}
	for _, k := range before.Keys {
		was[k.Key] = k.State
	}
	for _, k := range after.Keys {
		if was[k.Key] != k.State {
			until := ""
			if !k.Until.IsZero() {
				until = k.Until.UTC().Format(time.RFC3339)
			}
			log.Info("a key of a trust anchor has changed its state",
				"zone", after.Zone, "key", shortKey(k.Key), "state", string(k.State), "before", string(was[k.Key]), "until", until)
		}
		delete(was, k.Key)
	}
	for key, state := range was {
		log.Info("a key of a trust anchor is gone", "zone", after.Zone, "key", shortKey(key), "before", string(state))
	}
}

// shortKey names a key by the beginning of its record.
func shortKey(record string) string {
	f := strings.Fields(record)
	if len(f) < 8 {
		return record
	}
	return fmt.Sprintf("%s %.16s...", strings.Join(f[4:7], " "), f[7])
}
