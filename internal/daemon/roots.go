package daemon

import (
	"crypto/x509"
	"fmt"
	"os"
)

// policyRoots returns the CAs that count for the hosts of MTA-STS policies: those of
// the system, which nil stands for, and those in a file; "" is no file.
func policyRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("tls_policy.ca: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("tls_policy.ca: the CAs of the system: %w", err)
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("tls_policy.ca: %s: no certificate in PEM", file)
	}
	return roots, nil
}
