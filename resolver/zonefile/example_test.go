package zonefile_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

func ExampleParse() {
	zones, err := zonefile.Parse(strings.NewReader("$ORIGIN example.org.\nwww A 192.0.2.1\n*.lists CNAME www\n"), "example.zone")
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := zones.Fetch(context.Background(), resolver.Question{Name: "a.lists.example.org", Type: resolver.TypeA})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rr := range reply.Msg.Answer {
		fmt.Println(strings.Join(strings.Fields(rr.String()), " "))
	}
	// Output:
	// a.lists.example.org. 3600 IN CNAME www.example.org.
	// www.example.org. 3600 IN A 192.0.2.1
}

func ExampleParse_error() {
	_, err := zonefile.Parse(strings.NewReader("example.org. 3600 IN MX mx.example.org.\n"), "example.zone")
	fmt.Println(err)
	// Output: zone example.zone:1: syntax: bad MX Pref: "mx.example.org." in "example.org. 3600 IN MX mx.example.org."
}
