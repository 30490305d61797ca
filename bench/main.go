package main

import (
	_ "blitiri.com.ar/go/spf"
	_ "github.com/emersion/go-msgauth/dkim"
	_ "github.com/waxseal/waxseal/dkim"
)

func main() {}
