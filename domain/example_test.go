package domain_test

import (
	"fmt"

	"github.com/waxseal/waxseal/domain"
)

func ExampleParse() {
	a, err := domain.Parse("Mail.Bücher.example.")
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := domain.Parse("mail.xn--bcher-kva.EXAMPLE")
	fmt.Println(a == b, a, a.Unicode(), err)
	_, err = domain.Parse("mail..example")
	fmt.Println(err)
	// Output:
	// true mail.xn--bcher-kva.example mail.bücher.example <nil>
	// domain: "mail..example": empty label
}

func ExampleName_Organizational() {
	for _, n := range []domain.Name{"news.mail.a.co.uk", "a.co.uk", "co.uk"} {
		fmt.Println(n.Organizational())
	}
	// Output:
	// a.co.uk
	// a.co.uk
	// co.uk
}
