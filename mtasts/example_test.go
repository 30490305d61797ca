package mtasts_test

import (
	"fmt"

	"github.com/waxseal/waxseal/mtasts"
)

func ExampleParsePolicy() {
	p, err := mtasts.ParsePolicy([]byte("version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 604800\n"))
	if err != nil {
		panic(err)
	}
	for _, host := range []string{"mx.example.net", "a.mx.example.net"} {
		pattern, ok := p.Match(host)
		fmt.Println(host, ok, pattern)
	}
	// Output:
	// mx.example.net true *.example.net
	// a.mx.example.net false
}
