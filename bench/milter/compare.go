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

// table prints one mode.
func (b *bed) table(w io.Writer, m mode, chosen []contender, turns map[key][]*turn) {
	perMessage := func(t *turn, names ...string) float64 {
		var sum time.Duration
		for _, n := range names {
			sum += t.cpu[n]
		}
		return sum.Seconds() * 1e3 / float64(b.messages)
	}
	accepted := func(t *turn) float64 { return rate(b.messages, t.accepted) }
	fmt.Fprintf(w, "\n%s; %d sessions, %d messages of 10 KB, median of %d rounds (least-most)\n", m.name, b.sessions, b.messages, b.rounds)
	fmt.Fprintf(w, "%-36s %18s %18s %20s %20s %8s %7s\n", "", "accepted/s", "drained/s", "Postfix CPU ms", "filters CPU ms", "unbound", "MB")
	for _, c := range chosen {
		ts := turns[key{c.name, m.name}]
		fmt.Fprintf(w, "%-36s %18s %18s %20s %20s %8.2f %7.0f\n", c.label,
			spread(ts, "%.0f", accepted),
			spread(ts, "%.0f", func(t *turn) float64 { return rate(b.messages, t.drained) }),
			spread(ts, "%.2f", func(t *turn) float64 { return perMessage(t, "master") }),
			spread(ts, "%.2f", func(t *turn) float64 { return perMessage(t, c.filters...) }),
			middle(ts, func(t *turn) float64 { return perMessage(t, "unbound") }),
			middle(ts, func(t *turn) float64 { return float64(t.memory) / 1e6 }))
		if len(c.filters) > 1 {
			for _, f := range c.filters {
				fmt.Fprintf(w, "  of these %-25s %18s %18s %20s %20s\n", f, "", "", "", spread(ts, "%.2f", func(t *turn) float64 { return perMessage(t, f) }))
			}
		}
	}
	ours, alone, chain := turns[key{"waxseal", m.name}], turns[key{"alone", m.name}], turns[key{"chain", m.name}]
	if len(ours) > 0 {
		cpu := middle(ours, func(t *turn) float64 { return perMessage(t, "waxseal") })
		fmt.Fprintf(w, "CPU of waxseal: %.2f ms per message, must be at most %.1f: %s\n", cpu, mostCPU, verdict(cpu <= mostCPU))
	}
	if len(ours) > 0 && len(chain) > 0 {
		r := ratio(ours, chain, accepted)
		fmt.Fprintf(w, "messages/s against the chain: %.2f, must be at least %.1f: %s\n", r, leastRate, verdict(r >= leastRate))
	}
	if len(ours) > 0 && len(alone) > 0 {
		fmt.Fprintf(w, "messages/s against Postfix alone: %.2f", ratio(ours, alone, accepted))
		if len(chain) > 0 {
			fmt.Fprintf(w, " (the chain: %.2f)", ratio(chain, alone, accepted))
		}
		fmt.Fprintln(w)
	}
	if len(ours) > 0 && len(chain) > 0 && len(alone) > 0 {
		all := func(t *turn) float64 { return perMessage(t, "master", "waxseal", "opendkim", "opendmarc", "unbound") }
		base := middle(alone, all)
		fmt.Fprintf(w, "CPU of all above Postfix alone: %.2f ms, the chain %.2f ms\n", middle(ours, all)-base, middle(chain, all)-base)
	}
}

func verdict(ok bool) string {
	if ok {
		return "PASS"
	}
	return "MISS"
}
