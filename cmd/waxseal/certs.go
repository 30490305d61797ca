package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
)

// maxPEM bounds a file of certificates.
const maxPEM = 16 << 20

// loadCertificates reads the certificates of a PEM file, or of one in DER. Blocks
// of other kinds, such as the key beside them, are passed over.
func loadCertificates(path, hint string) ([]*x509.Certificate, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(err, hint)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPEM+1))
	switch {
	case err != nil:
		return nil, fail(err, hint)
	case len(text) > maxPEM:
		return nil, fail(fmt.Errorf("%s: over %d bytes", path, maxPEM), hint)
	}
	certs, err := parseCertificates(text)
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", path, err), hint)
	}
	return certs, nil
}

func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	kinds := ""
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			kinds += ", only " + block.Type
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) > 0 {
		return certs, nil
	}
	if bytes.HasPrefix(text, []byte{0x30}) { // a DER SEQUENCE
		return x509.ParseCertificates(text)
	}
	return nil, fmt.Errorf("there is no certificate in it%s", kinds)
}
