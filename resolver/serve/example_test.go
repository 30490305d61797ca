package serve_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/serve"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

func Example() {
	zones := zonefile.FromText(`
		mail.example. 300 A 192.0.2.25
	`)
	s := &serve.Server{Resolver: &resolver.Unvalidated{Source: zones, Status: resolver.Insecure}}
	udp, tcp, err := serve.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error)
	go func() { done <- s.Serve(ctx, udp, tcp) }()

	reply, err := dns.Exchange(new(dns.Msg).SetQuestion("mail.example.", dns.TypeA), udp.LocalAddr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reply.Answer[0].(*dns.A).A)
	stop()
	fmt.Println(<-done)
	// Output:
	// 192.0.2.25
	// <nil>
}
