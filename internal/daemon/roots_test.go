package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

func TestPolicyRoots(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, new(x509.Certificate), key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, "")
	s.write("ca", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	for _, row := range []struct{ name, file, want string }{
		{"none", "", ""},
		{"good", s.dir + "/ca", ""},
		{"absent", s.dir + "/absent", "tls_policy.ca: open "},
		{"no-certificate", s.dir + "/key", "no certificate in PEM"},
	} {
		t.Run(row.name, func(t *testing.T) {
			roots, err := policyRoots(row.file)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
			if given := row.name == "good"; given != (roots != nil) {
				t.Errorf("got roots %t, want %t", roots != nil, given)
			}
		})
	}
}
