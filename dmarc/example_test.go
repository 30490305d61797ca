package dmarc_test

import (
	"context"
	"fmt"

	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

func Example() {
	zones := zonefile.FromText(`
		_dmarc.bank.example. TXT "v=DMARC1; p=reject; rua=mailto:reports@bank.example"
	`)
	evaluator := &dmarc.Evaluator{Resolver: &resolver.Unvalidated{Source: zones}}

	author := message.Author{Fields: 1, Addresses: []message.Address{{Local: "service", Domain: "bank.example"}}}
	e := evaluator.Evaluate(context.Background(), author, []dmarc.Identifier{
		{Method: dmarc.SPF, Identity: dmarc.MailFrom, Domain: "bulk.example", Result: "pass"},
		{Method: dmarc.DKIM, Domain: "mail.bank.example", Selector: "s1", Result: "fail"},
	})
	fmt.Println(e.Result, e.Disposition)
	fmt.Println(e.Reason)
	// Output:
	// fail reject
	// nothing that passed aligns with bank.example; bank.example asks for reject (p)
}

// The lookups for the author begin when the header has come; what SPF and DKIM
// find out is needed only at the end.
func ExampleEvaluator_Begin() {
	zones := zonefile.FromText(`
		_dmarc.shop.example.      TXT "v=DMARC1; p=quarantine; adkim=r"
		_dmarc.news.shop.example. TXT "v=DMARC1; p=none"
	`)
	evaluator := &dmarc.Evaluator{
		Resolver: &resolver.Unvalidated{Source: zones},
		Records:  &dmarc.RecordCache{},
	}
	ctx := context.Background()

	author := message.Author{Fields: 1, Addresses: []message.Address{{Local: "news", Domain: "news.shop.example"}}}
	pending := evaluator.Begin(ctx, author)
	pending.Expect(ctx, "shop.example") // d= of a signature that is being verified
	e := pending.Conclude(ctx, []dmarc.Identifier{
		{Method: dmarc.DKIM, Domain: "shop.example", Selector: "s1", Result: "pass"},
	})
	fmt.Println(e.Result, "organizational domain", e.OrgDomain)
	for _, step := range e.Walk {
		fmt.Println(step.Name, step.Found)
	}
	// Output:
	// pass organizational domain shop.example
	// _dmarc.news.shop.example record
	// _dmarc.shop.example record
	// _dmarc.example none
}

func ExampleParseRecord() {
	rec, err := dmarc.ParseRecord("v=DMARC1; p=reject; np=quarantined; rua=mailto:dmarc@example.com!10m")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rec)
	fmt.Println(rec.Notes)
	// Output:
	// v=DMARC1; p=none; rua=mailto:dmarc@example.com
	// [not a value of np: "quarantined"]
}
