package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/waxseal/waxseal/resolver"
)

// growth is two sizes of one kind of work, the second twice the first.
type growth struct {
	name     string
	one, two *class
}

// mostGrowth is how much dearer twice the work may be. It is more than two for
// the noise of the machine only.
const mostGrowth = 2.2

// growthClasses doubles what a stranger may choose: size, signatures, hops,
// fields of the header.
func growthClasses(c *corpus, r resolver.Resolver) (all []growth, err error) {
	add := func(name string, n int, make func(n int) (*class, error)) {
		g := growth{name: fmt.Sprintf("%s %d to %d", name, n, 2*n)}
		if g.one, err = make(n); err == nil {
			g.two, err = make(2 * n)
		}
		all = append(all, g)
	}
	of := func(name string, n int, run func() error) *class {
		return &class{name: fmt.Sprintf("growth-%s-%d", name, n), contestants: []*contestant{{name: ourName, run: run}}}
	}
	add("bytes", 1<<20, func(n int) (*class, error) {
		msg, err := c.sign(content(n), c.rsa)
		return of("bytes", n, ourVerify(r, msg, 1)), err
	})
	add("signatures", 5, func(n int) (*class, error) {
		keys := make([]key, n)
		for i := range keys {
			keys[i] = c.rsa
		}
		msg, err := c.sign(content(2<<10), keys...)
		return of("signatures", n, ourVerify(r, msg, n)), err
	})
	add("fields", 4000, func(n int) (*class, error) {
		msg, err := c.sign(content(2<<10), c.rsa)
		many := strings.Repeat("X-Field: value of a field that nobody signed\r\n", n)
		return of("fields", n, ourVerify(r, append([]byte(many), msg...), 1)), err
	})
	add("hops", 20, func(n int) (*class, error) {
		msg, err := c.sign(content(2<<10), c.rsa)
		if err == nil {
			msg, err = c.seal(msg, n)
		}
		return of("hops", n, ourVerdict(r, msg, n)), err
	})
	return all, err
}

// printGrowth prints how much dearer twice the work is.
func printGrowth(w io.Writer, all []growth) (missed int) {
	for _, g := range all {
		one, two := g.one.find(ourName), g.two.find(ourName)
		if len(one.cpu) == 0 || len(two.cpu) == 0 {
			continue
		}
		v := median(ratios(two, one))
		verdict, miss := judge(v, mostGrowth, mostGrowth)
		fmt.Fprintf(w, "%s: %.2f times the cost, must %.4g: %s\n", g.name, v, mostGrowth, strings.TrimPrefix(verdict, "aim "))
		missed += count(miss)
	}
	return missed
}
