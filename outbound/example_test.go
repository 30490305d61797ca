package outbound_test

import (
	"context"
	"fmt"

	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// An unsigned domain with two hosts and no policy.
func ExamplePlanner() {
	zone := zonefile.FromText(`
		example.com.     MX 20 backup.example.com.
		example.com.     MX 10 mx.example.com.
		mx.example.com.     A 192.0.2.1
		backup.example.com. A 192.0.2.2
	`)
	p := &outbound.Planner{Resolver: &resolver.Unvalidated{Source: zone, Status: resolver.Insecure}}
	plan := p.Plan(context.Background(), "example.com")
	fmt.Println(plan.Outcome, plan.Mechanism)
	for _, h := range plan.Hosts {
		fmt.Println(h.Preference, h.Name, h.Policy, h.Addresses())
	}
	// Output:
	// deliver opportunistic
	// 10 mx.example.com opportunistic [192.0.2.1]
	// 20 backup.example.com opportunistic [192.0.2.2]
}
