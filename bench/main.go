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
	flag.Parse()
	runtime.GOMAXPROCS(1)
	missed, err := bench(*run, *rounds, *round)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case *strict && missed > 0:
		os.Exit(1)
	}
}

func bench(run string, rounds int, round time.Duration) (missed int, err error) {
	only, err := regexp.Compile(run)
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
	return classes, nil
}
