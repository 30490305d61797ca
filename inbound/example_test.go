package inbound_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// A message that comes from the bank's own server, as far as anybody can tell.
func ExampleChecker_Check() {
	zones := zonefile.FromText(`
		bank.example.        TXT "v=spf1 ip4:192.0.2.1 -all"
		_dmarc.bank.example. TXT "v=DMARC1; p=reject"
	`)
	checker := inbound.Checker{
		Resolver:   &resolver.Unvalidated{Source: zones, Status: resolver.Insecure},
		AuthServID: "mx.receiver.example",
	}
	env := inbound.Envelope{
		RemoteAddr: netip.MustParseAddr("192.0.2.1"),
		Helo:       "out.bank.example",
		MailFrom:   "bounces@bank.example",
	}
	message := "From: service@bank.example\r\nSubject: hello\r\n\r\nDear customer\r\n"
	verdict, err := checker.Check(context.Background(), env, strings.NewReader(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(verdict.DMARC.Result, verdict.DMARC.Reason)
	// Output: pass spf bank.example passed and is the author domain
}

// A forged message, and what the two modes make of it.
func ExampleDecide() {
	zones := zonefile.FromText(`_dmarc.bank.example. TXT "v=DMARC1; p=reject"`)
	checker := inbound.Checker{
		Resolver:   &resolver.Unvalidated{Source: zones, Status: resolver.Insecure},
		AuthServID: "mx.receiver.example",
	}
	env := inbound.Envelope{RemoteAddr: netip.MustParseAddr("203.0.113.7"), MailFrom: "x@stranger.example"}
	message := "From: service@bank.example\r\n\r\nDear customer\r\n"
	verdict, err := checker.Check(context.Background(), env, strings.NewReader(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	monitor := inbound.Decide(verdict, inbound.Policy{})
	fmt.Println(monitor.Action, "- enforcing would", monitor.Would)
	enforce := inbound.Decide(verdict, inbound.Policy{DMARC: inbound.Enforce})
	fmt.Println(enforce.Code, enforce.Enhanced)
	// Output:
	// accept - enforcing would reject
	// 550 5.7.26
}
