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
	rounds := flag.Int("rounds", 5, "rounds; the median counts")
	round := flag.Duration("time", 300*time.Millisecond, "time of one contestant in one round")
	run := flag.String("run", "", "only the classes that match this expression")
	strict := flag.Bool("strict", false, "exit with 1 if a target is missed")
	profile := flag.String("cpuprofile", "", "write a profile of all contestants to this file; choose them with -run and -only")
	who := flag.String("only", "", "only these contestants (an expression); the floor always stays")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	stop, err := startProfile(*profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	missed, err := bench(*run, *who, *rounds, *round)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case *strict && missed > 0:
		os.Exit(1)
	}
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

func bench(run, who string, rounds int, round time.Duration) (missed int, err error) {
	only, err := regexp.Compile(run)
	if err != nil {
		return 0, err
	}
	some, err := regexp.Compile(who)
	if err != nil {
		return 0, err
	}
	all, err := allClasses()
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
	if err := measureAll(classes, rounds, round); err != nil {
		return 0, err
	}
	fmt.Printf("%s %s/%s, GOMAXPROCS=1, %d rounds of %v each, median, process CPU time\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, rounds, round)
	missed = printTable(os.Stdout, classes)
	fmt.Println()
	const must, aim = 1.25, 1.15
	for _, size := range []string{"2k", "10k", "50k"} {
		one, two := byName["verify-"+size+"-rsa"], byName["verify-"+size+"-both"]
		if one != nil && two != nil {
			missed += printExtra(os.Stdout, one, two, must, aim)
		}
	}
	fmt.Printf("%d targets missed\n", missed)
	return missed, nil
}

func allClasses() ([]*class, error) {
	c, err := newCorpus()
	if err != nil {
		return nil, err
	}
	zones, err := zonefile.Parse(strings.NewReader(c.zone()), "corpus")
	if err != nil {
		return nil, err
	}
	dns := &resolver.Cache{Resolver: &resolver.Unvalidated{Source: zones, Status: resolver.Insecure}}
	classes, err := verifyClasses(c, dns)
	if err != nil {
		return nil, err
	}
	sign, err := signClasses(c)
	if err != nil {
		return nil, err
	}
	classes = append(classes, sign...)
	classes = append(classes, spfClasses(c, dns)...)
	verdicts, err := verdictClasses(c, dns)
	if err != nil {
		return nil, err
	}
	return append(classes, verdicts...), nil
}
