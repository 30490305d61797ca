package lookalike_test

import (
	"fmt"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/lookalike"
	"github.com/waxseal/waxseal/message"
)

func ExampleInspector_Inspect() {
	h, err := message.ParseHeader([]byte("From: Jane Doe <jane.doe.ceo@gmail.com>\r\n" +
		"Reply-To: jane@waxw0rks.example\r\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	p := lookalike.Inspector{Protected: lookalike.Protected{
		Domains: []domain.Name{"waxworks.example"},
		People:  []lookalike.Person{{Names: []string{"Jane Doe"}, Addresses: []string{"jane@waxworks.example"}}},
	}}
	in := lookalike.Input{DMARC: "pass"} // gmail.com vouches for it, and yet
	in.ReadHeader(h)
	findings := p.Inspect(in)
	for _, f := range findings {
		fmt.Println(f.ID, f.Severity)
		fmt.Println(f.Text)
	}
	fmt.Println(lookalike.Assess(findings))
	// Output:
	// NAME-VIP high
	// The sender's name reads as "Jane Doe", but "jane.doe.ceo@gmail.com" is no address of this person.
	// REPLY-LOOK high
	// Answers go to "jane@waxw0rks.example", whose domain looks like "waxworks.example".
	// 100 quarantine
}

func ExampleSkeleton() {
	for _, s := range []string{"PayPal", "РауРаl", "paypa1", "𝐏𝐚𝐲𝐏𝐚𝐥"} {
		fmt.Println(s, lookalike.Skeleton(s) == lookalike.Skeleton("paypal"))
	}
	// Output:
	// PayPal true
	// РауРаl true
	// paypa1 true
	// 𝐏𝐚𝐲𝐏𝐚𝐥 true
}

// The evidence of a finding can be printed on any terminal.
func ExampleEvidence_String() {
	var p lookalike.Inspector
	in := lookalike.Input{Author: message.Author{Fields: 1, Addresses: []message.Address{
		{Display: "Pay\u200bPal", Local: "x", Domain: "evil.example"},
	}}}
	for _, f := range p.Inspect(in) {
		fmt.Println(f.ID, f.Evidence)
	}
	// Output:
	// NAME-INVIS field From; address "x@evil.example"; shows "\u200b" at 3; characters U+200B; not exempt: the letters and signs beside them have no use for them
	// NAME-BRAND-CONF field From; address "x@evil.example"; shows "Pay\u200bPal" at 0; characters U+200B; reads as "paypal"; protected "PayPal"; found by skeleton; not exempt: the author's domain is none of the brand's
}
