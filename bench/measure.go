package main

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// contestant is one implementation of a class; run does the work once and
// fails unless the outcome is the right one.
type contestant struct {
	name string
	run  func() error

	n      int             // runs per turn
	cpu    []time.Duration // per run, by round
	allocs float64         // per run
	bytes  float64         // allocated per run
}

// class is one kind of work. The first contestant is the floor if ratio is set.
type class struct {
	name        string
	contestants []*contestant

	ratio     bool    // the targets are ratios to the floor, else microseconds
	must, aim float64 // targets; 0 for none
	allocs    float64 // most allocations; 0 for no target
	bytes     float64 // most bytes allocated; 0 for no target
}

const (
	floorName = "floor"
	ourName   = "waxseal"
)

// cpuTime returns the time that this process has used, in user and system mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// prepare runs the contestant once as a warm-up and check, counts what it
// allocates and finds out how many runs fill a turn.
func (c *contestant) prepare(round time.Duration) error {
	for range 3 {
		if err := c.run(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	c.n = 1
	for {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range c.n {
			if err := c.run(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		d := time.Since(start)
		runtime.ReadMemStats(&after)
		c.allocs = float64(after.Mallocs-before.Mallocs) / float64(c.n)
		c.bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(c.n)
		if d >= round/5 {
			c.n = max(1, int(float64(c.n)*float64(round)/float64(d)/turns))
			return nil
		}
		c.n *= 4
	}
}

// turns is how many turns each contestant has in a round: the shorter the
// turns, the less it matters what else the machine does.
const turns = 8

// turn runs a part of a round and returns its CPU time. Garbage of the others is
// collected before, its own garbage is on its own bill.
func (c *contestant) turn(n int) (time.Duration, error) {
	runtime.GC()
	start := cpuTime()
	for range n {
		if err := c.run(); err != nil {
			return 0, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return cpuTime() - start, nil
}

// round lets the contestants of a class take turns.
func (cl *class) round() error {
	sum := make([]time.Duration, len(cl.contestants))
	for range turns {
		for i, c := range cl.contestants {
			d, err := c.turn(c.n)
			if err != nil {
				return err
			}
			sum[i] += d
		}
	}
	for i, c := range cl.contestants {
		c.cpu = append(c.cpu, sum[i]/time.Duration(c.n*turns))
	}
	return nil
}

// measureAll interleaves all classes and contestants in each of the rounds.
func measureAll(classes []*class, rounds int, round time.Duration) error {
	for _, cl := range classes {
		for _, c := range cl.contestants {
			if err := c.prepare(round); err != nil {
				return fmt.Errorf("%s: %w", cl.name, err)
			}
		}
	}
	for range rounds {
		for _, cl := range classes {
			if err := cl.round(); err != nil {
				return fmt.Errorf("%s: %w", cl.name, err)
			}
		}
	}
	return nil
}

func median[T time.Duration | float64](v []T) T {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

// ratios divides round by round, so that what slows the machine down for a
// while slows both.
func ratios(c, to *contestant) []float64 {
	r := make([]float64, len(c.cpu))
	for i := range c.cpu {
		r[i] = float64(c.cpu[i]) / float64(to.cpu[i])
	}
	return r
}

func (cl *class) find(name string) *contestant {
	for _, c := range cl.contestants {
		if c.name == name {
			return c
		}
	}
	return nil
}
