package dane

import (
	"crypto/x509"
	"strings"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
)

// presented returns the names that cert claims: its DNS names, or the common name
// where it has none (RFC 7672, Section 3.2.3; RFC 6125, Section 6.4.4).
func presented(cert *x509.Certificate) []string {
	if len(cert.DNSNames) == 0 && cert.Subject.CommonName != "" {
		return []string{cert.Subject.CommonName}
	}
	return cert.DNSNames
}

// namedBy reports whether cert claims one of the reference identifiers.
func namedBy(cert *x509.Certificate, names []string) bool {
	claims := presented(cert)
	for _, name := range names {
		n, err := domain.Parse(name)
		if err != nil {
			continue
		}
		for _, claim := range claims {
			if matchName(claim, string(n)) {
				return true
			}
		}
	}
	return false
}

// matchName reports whether the presented name, which may be a wildcard, is
// name, which is in A-labels and lower case.
func matchName(presented, name string) bool {
	presented = strings.TrimSuffix(presented, ".")
	suffix, wildcard := strings.CutPrefix(presented, "*.")
	if !wildcard {
		return ascii.EqualFold(presented, name)
	}
	// RFC 7672, Section 3.2.3: "*" is the entire leftmost label and stands for
	// exactly one label. A further "*" can equal no name.
	i := strings.IndexByte(name, '.')
	return i > 0 && ascii.EqualFold(suffix, name[i+1:])
}
