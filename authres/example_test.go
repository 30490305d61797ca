package authres_test

import (
	"fmt"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/message"
)

func ExampleParse() {
	f, err := authres.Parse([]byte(" mx.example; spf=pass (ok) smtp.mailfrom=ann@a.example"))
	if err != nil {
		fmt.Println(err)
		return
	}
	from, _ := f.Results[0].Prop("smtp", "mailfrom")
	fmt.Println(f.AuthServID, f.Results[0].Method, f.Results[0].Value, from)
	// Output: mx.example spf pass ann@a.example
}

func ExampleField_Format() {
	f := authres.Field{AuthServID: "mx.example", Results: []authres.Result{{
		Method: "dkim", Value: "fail", Reason: "body hash did not verify",
		Props: []authres.Prop{{Type: "header", Name: "d", Value: "a.example"}},
	}}}
	fmt.Printf("%q\n", f.Format())
	// Output: " mx.example;\r\n\tdkim=fail reason=\"body hash did not verify\" header.d=a.example"
}

func ExampleForged() {
	h, err := message.ParseHeader([]byte("Authentication-Results: MX.example; dkim=pass\r\nFrom: ann@a.example\r\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	forged := authres.Forged(h, "mx.example")
	fmt.Printf("%v %q\n", forged, authres.Remove(h, forged))
	// Output: [0] "From: ann@a.example\r\n"
}
