package dane_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/waxseal/waxseal/dane"
)

// examplePEM is a certificate without any name that is valid for one hour in
// 2020: DANE-EE looks at neither.
const examplePEM = `-----BEGIN CERTIFICATE-----
MIHsMIGToAMCAQICAQEwCgYIKoZIzj0EAwIwADAeFw0yMDAxMDEwMDAwMDBaFw0y
MDAxMDEwMTAwMDBaMAAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQgX0d0W3Zs
2QBg/LFnGEHNG+y4XbIFVm4ZOavhkCZLCGshyixyjltiJHLJcYYswsgOiBLgRAi0
GelTg9mn3clnMAoGCCqGSM49BAMCA0gAMEUCIBM6F3BgYzLpxAVyv4GRLquf6Usd
46A22GiAlKFPg1SmAiEA6TMCH+NIV+LFTVtvRzKgFnEEtnEfA7jJ433xgwWdr2w=
-----END CERTIFICATE-----`

func exampleChain() []*x509.Certificate {
	block, _ := pem.Decode([]byte(examplePEM))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return []*x509.Certificate{cert}
}

func ExampleVerify() {
	record, err := dane.Parse("3 1 1 8edb9539aae3ff7dd4c11048ed95f21943b35311a818aa1899b517b80c44ae43")
	if err != nil {
		panic(err)
	}
	m := dane.Verify([]dane.Record{record}, exampleChain(), []string{"mx.example"}, time.Now())
	fmt.Println(m.Result, m.Depth)
	fmt.Println(m.Reason)
	// Output:
	// match 0
	// the server's public key matches the record
}

func ExampleMakeRecord() {
	fmt.Println("_25._tcp.mx.example. TLSA", dane.MakeRecord(exampleChain()[0]))
	// Output:
	// _25._tcp.mx.example. TLSA 3 1 1 8edb9539aae3ff7dd4c11048ed95f21943b35311a818aa1899b517b80c44ae43
}
