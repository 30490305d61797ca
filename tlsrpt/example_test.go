package tlsrpt_test

import (
	"fmt"
	"time"

	"github.com/waxseal/waxseal/tlsrpt"
)

func ExampleParseRecord() {
	r, err := tlsrpt.ParseRecord("v=TLSRPTv1; rua=mailto:reports@example.com")
	if err != nil {
		panic(err)
	}
	fmt.Println(r.RUA)
	// Output: [mailto:reports@example.com]
}

func ExampleDay() {
	day := tlsrpt.NewDay("b.example", time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	policy := tlsrpt.Policy{Type: tlsrpt.NoPolicyFound}
	day.Add(tlsrpt.Session{Policy: policy})
	day.Add(tlsrpt.Session{Policy: policy, Failure: &tlsrpt.FailureDetail{ResultType: tlsrpt.StartTLSNotSupported}})
	r := day.Report("A", "mailto:tls@a.example", "1@a.example")
	fmt.Println(r.Policies[0].Policy.Domain, r.Policies[0].Summary)
	// Output: b.example {1 1}
}
