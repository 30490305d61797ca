package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/iterative"
)

// Targets against unbound, and of a cached answer without a socket.
const (
	maxUncached, aimUncached = 1.3, 1.1
	maxServed, aimServed     = 3.0, 2.0
	maxCachedNS, aimCachedNS = 1000, 400
)

// cachedTimes is how often each name is asked again.
const cachedTimes = 10

// dnsContestant is a resolver with what was measured of it, by round.
type dnsContestant struct {
	name     string
	p        *process // nil: this process, through the API
	ask      func(names []string) (time.Duration, error)
	uncached []float64 // CPU ns per lookup
	cached   []float64
	rate     []float64 // cached answers per second
	memory   float64   // bytes for 100,000 RRsets
}

func (c *dnsContestant) cpu() (time.Duration, error) {
	if c.p == nil {
		return cpuTime(), nil
	}
	return c.p.cpu()
}

// measure asks and returns the CPU time per name and the names per second.
func (c *dnsContestant) measure(names []string) (cpu, rate float64, err error) {
	before, err := c.cpu()
	if err != nil {
		return 0, 0, err
	}
	d, err := c.ask(names)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", c.name, err)
	}
	after, err := c.cpu()
	n := float64(len(names))
	return float64(after-before) / n, n / d.Seconds(), err
}

// size is the memory of the contestant in bytes.
func (c *dnsContestant) size() (int64, error) {
	if c.p != nil {
		return c.p.rss()
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), nil
}

// benchDNS compares the program, and the packages in this process, with unbound:
// the same names of the same signed tree at the same name server, in turns.
func benchDNS(w io.Writer, program string, rounds int) (missed int, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	tr, err := newDNSTree(dir)
	if err != nil {
		return 0, err
	}
	// Below the ports that the system hands out by itself.
	port := 20000 + rand.IntN(10000)
	knot, err := tr.startKnot(port)
	if err != nil {
		return 0, err
	}
	defer knot.stop()
	unbound, err := tr.startUnbound(port, port+1)
	if err != nil {
		return 0, err
	}
	defer unbound.stop()
	served, err := tr.startWaxseal(program, port, port+2)
	if err != nil {
		return 0, err
	}
	defer served.stop()
	api, err := tr.openAPI(port)
	if err != nil {
		return 0, err
	}
	overUDP := func(p *process) func([]string) (time.Duration, error) {
		return func(names []string) (time.Duration, error) { return ask(p.addr, names, true) }
	}
	all := []*dnsContestant{
		{name: "unbound", p: unbound, ask: overUDP(unbound)},
		{name: "waxseal dns --serve", p: served, ask: overUDP(served)},
		{name: "waxseal, API", ask: api},
	}
	if err := tr.rounds(all, rounds); err != nil {
		return 0, err
	}
	return printDNS(w, all, rounds), nil
}

// rounds gives each round zones of its own, which nobody knows yet.
func (tr *dnsTree) rounds(all []*dnsContestant, rounds int) error {
	var before []int64
	for _, c := range all {
		size, err := c.size()
		if err != nil {
			return err
		}
		before = append(before, size)
	}
	per := len(tr.names) / rounds
	for r := range rounds {
		names := tr.names[r*per : (r+1)*per]
		var again []string
		for range cachedTimes {
			again = append(again, names...)
		}
		for i := range all {
			c := all[(i+r)%len(all)]
			cpu, _, err := c.measure(names)
			if err != nil {
				return err
			}
			c.uncached = append(c.uncached, cpu)
		}
		for i := range all {
			c := all[(i+r)%len(all)]
			cpu, rate, err := c.measure(again)
			if err != nil {
				return err
			}
			c.cached, c.rate = append(c.cached, cpu), append(c.rate, rate)
		}
	}
	for i, c := range all {
		size, err := c.size()
		if err != nil {
			return err
		}
		c.memory = float64(size-before[i]) / float64(per*rounds) * 100_000
	}
	return nil
}

// openAPI asks through the packages, as many at a time as the clients over UDP.
func (tr *dnsTree) openAPI(port int) (func([]string) (time.Duration, error), error) {
	hintsFile, err := os.Open(tr.file("hints"))
	if err != nil {
		return nil, err
	}
	defer hintsFile.Close()
	hints, err := iterative.ParseHints(hintsFile)
	if err != nil {
		return nil, err
	}
	anchorFile, err := os.Open(tr.file("anchor"))
	if err != nil {
		return nil, err
	}
	defer anchorFile.Close()
	anchors, err := dnssec.ParseAnchors(anchorFile)
	if err != nil {
		return nil, err
	}
	source := &iterative.Source{Hints: hints, Port: uint16(port), Loopback: true, NoMinimisation: true}
	cache := &resolver.Cache{Resolver: &dnssec.Validator{Source: source, Anchors: anchors}}
	return func(names []string) (time.Duration, error) { return askAPI(cache, names) }, nil
}

func askAPI(r resolver.Resolver, names []string) (time.Duration, error) {
	begin := time.Now()
	errs := make([]error, dnsWindow)
	var all sync.WaitGroup
	for i := range dnsWindow {
		all.Go(func() {
			for j := i; j < len(names); j += dnsWindow {
				a, err := r.Lookup(context.Background(), names[j], resolver.TypeTLSA)
				if err == nil && (a.Status != resolver.Secure || len(a.Records) != 1) {
					err = fmt.Errorf("%s: %s", names[j], a.Status)
				}
				if err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(begin), errors.Join(errs...)
}

// printDNS prints the table and returns how many targets were missed.
func printDNS(w io.Writer, all []*dnsContestant, rounds int) (missed int) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "DNSSEC\tuncached us\tratio\tcached us\tratio\tcached/s\tratio\tMB per 100,000 RRsets (%d rounds, CPU time of each process)\n", rounds)
	base := all[0]
	for _, c := range all {
		fmt.Fprintf(tw, "%s\t%.1f\t%.2f\t%.2f\t%.2f\t%.0f\t%.2f\t%.0f\n", c.name,
			median(c.uncached)/1000, median(quotients(c.uncached, base.uncached)),
			median(c.cached)/1000, median(quotients(c.cached, base.cached)),
			median(c.rate), median(quotients(c.rate, base.rate)), c.memory/(1<<20))
	}
	tw.Flush()
	tell := func(what string, v, must, aim float64) {
		verdict, miss := judge(v, must, aim)
		fmt.Fprintf(w, "%s: %.2f, must %.4g, aim %.4g: %s\n", what, v, must, aim, verdict)
		missed += count(miss)
	}
	served, api := all[1], all[2]
	tell("uncached through the API, unbound = 1", median(quotients(api.uncached, base.uncached)), maxUncached, aimUncached)
	tell("uncached through --serve, unbound = 1", median(quotients(served.uncached, base.uncached)), maxUncached, aimUncached)
	tell("cached through --serve, unbound = 1", median(quotients(served.cached, base.cached)), maxServed, aimServed)
	tell("cached through the API, ns", median(api.cached), maxCachedNS, aimCachedNS)
	return missed
}

func quotients(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}
