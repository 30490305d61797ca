package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
)

// The targets of the design.
const (
	mostCPU   = 2.5 // ms per message in our process
	leastRate = 2.0 // times the chain's messages per second
)

// mode is how the client uses its connections.
type mode struct {
	name string
	keep bool
}

var modes = []mode{{"new connection each", false}, {"connections kept", true}}

// key names the turns of one contender in one mode.
type key struct{ name, mode string }

// compare runs the rounds and prints what came of them.
func (b *bed) compare() error {
	chosen, err := b.chosen("alone", "waxseal", "chain")
	if err != nil {
		return err
	}
	if err := b.write("letter", string(b.letter)); err != nil {
		return err
	}
	for _, c := range chosen {
		if err := b.prepare(c); err != nil {
			return err
		}
	}
	turns := map[key][]*turn{}
	for round := range b.rounds {
		for _, m := range modes {
			for i := range chosen {
				c := chosen[(i+round)%len(chosen)] // nobody is always the first
				t, err := b.take(c, load{b.file("letter"), b.messages, b.sessions, m.keep})
				if err != nil {
					return err
				}
				k := key{c.name, m.name}
				turns[k] = append(turns[k], t)
				fmt.Fprintf(os.Stderr, "round %d of %d, %s, %s: %.0f messages/s\n", round+1, b.rounds, m.name, c.label, rate(b.messages, t.accepted))
			}
		}
		for _, c := range chosen {
			if err := b.verdicts(c); err != nil {
				return err
			}
		}
	}
	if err := b.allPassed(); err != nil {
		return err
	}
	for _, m := range modes {
		b.table(os.Stdout, m, chosen, turns)
	}
	return nil
}

// prepare starts a contender, holds that it judges right and warms it.
func (b *bed) prepare(c contender) error {
	fmt.Fprintf(os.Stderr, "starting %s\n", c.label)
	if err := b.filters(c); err != nil {
		return err
	}
	if err := b.verdicts(c); err != nil {
		return err
	}
	_, err := b.take(c, load{b.file("letter"), 5 * b.sessions, b.sessions, false})
	return err
}

// allPassed holds that waxseal found every message that was measured genuine.
func (b *bed) allPassed() error {
	p := b.running["waxseal"]
	if p == nil {
		return nil
	}
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	checked := bytes.Count(log, []byte(`"msg":"checked"`))
	passed := bytes.Count(log, []byte(`"dmarc":"pass"`))
	if tampered := (1 + b.rounds); checked-passed != tampered {
		return fmt.Errorf("waxseal: of %d messages %d did not pass, want the %d that were tampered with", checked, checked-passed, tampered)
	}
	return nil
}

func rate(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

// perMessage returns the CPU time that programs took for each message, in ms.
func (b *bed) perMessage(names ...string) func(*turn) float64 {
	return func(t *turn) float64 {
		var sum time.Duration
		for _, n := range names {
			sum += t.cpu[n]
		}
		return sum.Seconds() * 1e3 / float64(b.messages)
	}
}

func (b *bed) accepted(t *turn) float64 { return rate(b.messages, t.accepted) }
func (b *bed) drain(t *turn) float64    { return rate(b.messages, t.drained) }
func megabytes(t *turn) float64         { return float64(t.memory) / 1e6 }

// table prints one mode.
func (b *bed) table(w io.Writer, m mode, chosen []contender, turns map[key][]*turn) {
	fmt.Fprintf(w, "\n%s; %d sessions, %d messages of 10 KB, median of %d rounds (least-most)\n", m.name, b.sessions, b.messages, b.rounds)
	fmt.Fprintf(w, "%-36s %18s %18s %20s %20s %8s %7s\n", "", "accepted/s", "drained/s", "Postfix CPU ms", "filters CPU ms", "unbound", "MB")
	for _, c := range chosen {
		ts := turns[key{c.name, m.name}]
		fmt.Fprintf(w, "%-36s %18s %18s %20s %20s %8.2f %7.0f\n", c.label,
			spread(ts, "%.0f", b.accepted), spread(ts, "%.0f", b.drain),
			spread(ts, "%.2f", b.perMessage("master")), spread(ts, "%.2f", b.perMessage(c.filters...)),
			middle(ts, b.perMessage("unbound")), middle(ts, megabytes))
		if len(c.filters) > 1 {
			for _, f := range c.filters {
				fmt.Fprintf(w, "  of these %-25s %81s\n", f, spread(ts, "%.2f", b.perMessage(f)))
			}
		}
	}
	b.conclude(w, turns[key{"waxseal", m.name}], turns[key{"alone", m.name}], turns[key{"chain", m.name}])
}

// conclude prints the ratios and what they are against the targets, as far as all
// that they need was measured.
func (b *bed) conclude(w io.Writer, ours, alone, chain []*turn) {
	if ours == nil {
		return
	}
	cpu := middle(ours, b.perMessage("waxseal"))
	fmt.Fprintf(w, "CPU of waxseal: %.2f ms per message, must be at most %.1f: %s\n", cpu, mostCPU, verdict(cpu <= mostCPU))
	if chain != nil {
		r := ratio(ours, chain, b.accepted)
		fmt.Fprintf(w, "messages/s against the chain: %.2f, must be at least %.1f: %s\n", r, leastRate, verdict(r >= leastRate))
	}
	if alone == nil {
		return
	}
	fmt.Fprintf(w, "messages/s against Postfix alone: %.2f\n", ratio(ours, alone, b.accepted))
	if chain == nil {
		return
	}
	all := b.perMessage("master", "waxseal", "opendkim", "opendmarc", "unbound")
	base := middle(alone, all)
	fmt.Fprintf(w, "the chain against Postfix alone: %.2f\n", ratio(chain, alone, b.accepted))
	fmt.Fprintf(w, "CPU of all above Postfix alone: %.2f ms per message, with the chain %.2f ms\n", middle(ours, all)-base, middle(chain, all)-base)
}

func verdict(ok bool) string {
	if ok {
		return "PASS"
	}
	return "MISS"
}
