package iterative_test

import (
	"fmt"
	"strings"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/iterative"
)

func ExampleSource() {
	hints, err := iterative.ParseHints(strings.NewReader(". NS a.root.\na.root. A 192.0.2.1\n"))
	if err != nil {
		panic(err)
	}
	source := &iterative.Source{Hints: hints, Trace: func(e iterative.Exchange) {
		fmt.Println(e.Server, e.Name, e.Type, e.RCode)
	}}
	// Nothing is validated by the source, and nothing cached: that is above it.
	var r resolver.Resolver = &resolver.Cache{Resolver: &dnssec.Validator{Source: source}}
	fmt.Printf("%T\n", r)
	// Output: *resolver.Cache
}
