// Command bench measures Waxseal against the cryptography that nobody can leave
// out and against other Go implementations, interleaved in one run, in CPU time
// of this process on one core, with the DNS in memory. It prints a table of
// ratios with the targets of the design.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; the median counts")
	flag.DurationVar(&o.round, "time", 300*time.Millisecond, "time of one contestant in one round")
	flag.StringVar(&o.classes, "run", "", "only the classes that match this expression")
	flag.StringVar(&o.contestants, "only", "", "only the contestants that match this expression, and the floor")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a profile to this file; see -run and -only")
	flag.StringVar(&o.program, "cli", "", "measure also the command line with this waxseal program")
	flag.StringVar(&o.dns, "dns", "", "only compare this waxseal program with unbound over a tree served by Knot")
	flag.StringVar(&o.writeLarge, "write-large", "", "only write the message for -cli into this folder")
	strict := flag.Bool("strict", false, "exit with 1 if a target is missed")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	missed, err := o.run()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case *strict && missed > 0:
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds               int
	round                time.Duration
	classes, contestants string
	profile, program     string
	dns                  string
	writeLarge           string
}

func (o *options) run() (missed int, err error) {
	if o.writeLarge != "" {
		return 0, writeLarge(o.writeLarge)
	}
	if o.dns != "" {
		stop, err := startProfile(o.profile)
		if err != nil {
			return 0, err
		}
		defer stop()
		return benchDNS(os.Stdout, o.dns, o.rounds)
	}
	if o.program != "" {
		if missed, err = benchCLI(os.Stdout, o.program, o.rounds); err != nil {
			return 0, err
		}
	}
	stop, err := startProfile(o.profile)
	if err != nil {
		return 0, err
	}
	defer stop()
	n, err := o.bench()
	return missed + n, err
}

func startProfile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

func (o *options) bench() (missed int, err error) {
	only, err := regexp.Compile(o.classes)
	if err != nil {
		return 0, err
	}
	some, err := regexp.Compile(o.contestants)
	if err != nil {
		return 0, err
	}
	all, grow, err := allClasses()
	if err != nil {
		return 0, err
	}
	var classes []*class
	byName := map[string]*class{}
	for _, cl := range all {
		if only.MatchString(cl.name) {
			cl.contestants = slices.DeleteFunc(cl.contestants, func(c *contestant) bool {
				return c.name != floorName && !some.MatchString(c.name)
			})
			classes = append(classes, cl)
			byName[cl.name] = cl
		}
	}
	if err := measureAll(classes, o.rounds, o.round); err != nil {
		return 0, err
	}
	fmt.Printf("%s %s/%s, GOMAXPROCS=1, %d rounds of %v each, median, process CPU time\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, o.rounds, o.round)
	missed = printTable(os.Stdout, classes)
	fmt.Println()
	const must, aim = 1.25, 1.15
	for _, size := range []string{"2k", "10k", "50k"} {
		one, two := byName["verify-"+size+"-rsa"], byName["verify-"+size+"-both"]
		if one != nil && two != nil {
			missed += printExtra(os.Stdout, one, two, must, aim)
		}
	}
	missed += printGrowth(os.Stdout, grow)
	fmt.Printf("%d targets missed\n", missed)
	return missed, nil
}

func allClasses() (classes []*class, grow []growth, err error) {
	c, err := newCorpus()
	if err != nil {
		return nil, nil, err
	}
	zones, err := zonefile.Parse(strings.NewReader(c.zone()), "corpus")
	if err != nil {
		return nil, nil, err
	}
	dns := &resolver.Cache{Resolver: &resolver.Unvalidated{Source: zones, Status: resolver.Insecure}}
	for _, part := range []func(*corpus, resolver.Resolver) ([]*class, error){verifyClasses, signClasses, spfClasses, verdictClasses} {
		more, err := part(c, dns)
		if err != nil {
			return nil, nil, err
		}
		classes = append(classes, more...)
	}
	grow, err = growthClasses(c, dns)
	for _, g := range grow {
		classes = append(classes, g.one, g.two)
	}
	return classes, grow, err
}
