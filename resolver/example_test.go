package resolver_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// A zone file takes the place of the network in tests. With an
// upstream.Client as the Source the same lines ask a real server.
func ExampleLookupMX() {
	zones := zonefile.FromText(`
		example.org.      MX 10 mx.example.org.
		mx.example.org.   A 192.0.2.1
		`)
	r := &resolver.Cache{Resolver: &resolver.Unvalidated{Source: zones, Status: resolver.Insecure}}
	hosts, answer, err := resolver.LookupMX(context.Background(), r, "Example.ORG")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hosts[0].Preference, hosts[0].Host, answer.Status)
	// Output: 10 mx.example.org insecure
}

// That there is nothing is an answer; that nobody knows is an error.
func ExampleError() {
	zones := zonefile.FromText(`example.org. TXT "v=spf1 -all"`)
	zones.Fail = map[string]resolver.Reason{"slow.example.org": resolver.Timeout}
	r := &resolver.Unvalidated{Source: zones}
	for _, name := range []string{"example.org", "none.example.org", "slow.example.org"} {
		texts, answer, err := resolver.LookupTXT(context.Background(), r, name)
		var e *resolver.Error
		switch {
		case errors.As(err, &e):
			fmt.Println(name, "temporary failure:", e.Reason)
		case answer.NXDomain():
			fmt.Println(name, "does not exist")
		default:
			fmt.Println(name, texts)
		}
	}
	// Output:
	// example.org [v=spf1 -all]
	// none.example.org does not exist
	// slow.example.org temporary failure: timeout
}
