package upstream_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

func ExampleClient() {
	server, err := zonefile.Serve("127.0.0.1:0", zonefile.FromText(`example.org. TXT "v=spf1 -all"`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()

	servers, err := upstream.ParseServers([]string{server.Addr()})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &resolver.Unvalidated{Source: &upstream.Client{Servers: servers}}
	texts, answer, err := resolver.LookupTXT(context.Background(), r, "example.org")
	fmt.Println(texts, answer.Status, err)
	// Output: [v=spf1 -all] indeterminate <nil>
}

func ExampleParseResolvConf() {
	servers, err := upstream.ParseResolvConf(strings.NewReader("search example.org\nnameserver 192.0.2.53\n"))
	fmt.Println(servers, err)
	// Output: [192.0.2.53:53] <nil>
}
