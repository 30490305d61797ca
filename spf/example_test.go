package spf_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/spf"
)

func ExampleChecker_CheckHost() {
	zone := zonefile.FromText(`
		example.com.       TXT "v=spf1 include:_spf.example.net -all exp=why.example.com"
		_spf.example.net.  TXT "v=spf1 ip4:192.0.2.0/24 ~all"
		why.example.com.   TXT "%{i} does not send for %{d}"
	`)
	c := spf.Checker{Resolver: &resolver.Unvalidated{Source: zone, Status: resolver.Insecure}}
	for _, ip := range []string{"192.0.2.25", "198.51.100.1"} {
		e := c.CheckHost(context.Background(), spf.Args{
			IP: netip.MustParseAddr(ip), Helo: "mail.example.net", MailFrom: "ann@example.com",
		})
		fmt.Println(e.Result, e.Mechanism)
		fmt.Println(e.Reason)
		fmt.Println(e.Explanation)
	}
	// Output:
	// pass include:_spf.example.net
	// example.com allows 192.0.2.25 by include:_spf.example.net in the SPF record of example.com (there ip4:192.0.2.0/24 of _spf.example.net)
	//
	// fail -all
	// example.com does not allow 198.51.100.1: -all in the SPF record of example.com matches
	// 198.51.100.1 does not send for example.com
}

// A trace has a step for each term; those of an included record hang below the
// term that includes it.
func ExampleStep() {
	zone := zonefile.FromText(`
		example.com.       TXT "v=spf1 include:_spf.example.net -all"
		_spf.example.net.  TXT "v=spf1 a:mail.example.net ~all"
		mail.example.net.  A   192.0.2.25
	`)
	c := spf.Checker{Resolver: &resolver.Unvalidated{Source: zone, Status: resolver.Insecure}, Trace: true}
	e := c.CheckHost(context.Background(), spf.Args{
		IP: netip.MustParseAddr("192.0.2.25"), MailFrom: "ann@example.com",
	})
	var show func(steps []spf.Step, indent string)
	show = func(steps []spf.Step, indent string) {
		for _, s := range steps {
			fmt.Printf("%s%s: %s\n", indent, s.Term, s.Outcome)
			for _, l := range s.Lookups {
				fmt.Printf("%s  %s %s %q\n", indent, l.Type, l.Name, l.Values)
			}
			show(s.Steps, indent+"  ")
		}
	}
	show(e.Trace, "")
	// Output:
	// v=spf1: found
	//   TXT example.com ["v=spf1 include:_spf.example.net -all"]
	// include:_spf.example.net: match
	//   v=spf1: found
	//     TXT _spf.example.net ["v=spf1 a:mail.example.net ~all"]
	//   a:mail.example.net: match
	//     A mail.example.net ["192.0.2.25"]
}

func ExampleChecker_Received() {
	zone := zonefile.FromText(`mail.example.com. TXT "v=spf1 ip4:192.0.2.25 -all"`)
	c := spf.Checker{
		Resolver: &resolver.Unvalidated{Source: zone, Status: resolver.Insecure},
		Receiver: "mx.example.org",
	}
	args := spf.Args{IP: netip.MustParseAddr("192.0.2.25"), Helo: "mail.example.com"} // MAIL FROM:<>
	fmt.Println(c.Received(args, c.CheckHost(context.Background(), args)).Identity)
	// Output:
	// helo
}

func ExampleParseRecord() {
	r, err := spf.ParseRecord("v=spf1 mx -ip4:192.0.2.0/24 redirect=_spf.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range r.Directives {
		fmt.Println(d.Mechanism, d.Qualifier)
	}
	fmt.Println(r.Redirect.Domain.Text)
	_, err = spf.ParseRecord("v=spf1 a:192.0.2.1 -all")
	fmt.Println(err)
	// Output:
	// mx pass
	// ip4 fail
	// _spf.example.com
	// spf: a:192.0.2.1 at offset 7: an IP address where a domain is expected; ip4: or ip6: may be meant
}
