// Package tlsrpt is SMTP TLS reporting, RFC 8460: the record that asks for reports,
// the counting of sessions per day and policy, and the JSON report, both ways.
//
// Reports of others are read leniently: a member of the wrong type or missing is
// passed over with a note, for large senders write such reports. Those we make
// follow the letter; a policy-domain is never missing, and what a server said is
// freed of line ends.
package tlsrpt

// ResultType is the kind of a failure (RFC 8460, Section 4.3).
type ResultType string

// The result types of RFC 8460, Section 4.3.
const (
	StartTLSNotSupported    ResultType = "starttls-not-supported"
	CertificateHostMismatch ResultType = "certificate-host-mismatch"
	CertificateExpired      ResultType = "certificate-expired"
	CertificateNotTrusted   ResultType = "certificate-not-trusted"
	ValidationFailure       ResultType = "validation-failure" // none of the others
	TLSAInvalid             ResultType = "tlsa-invalid"
	DNSSECInvalid           ResultType = "dnssec-invalid"
	DANERequired            ResultType = "dane-required"
	STSPolicyFetchError     ResultType = "sts-policy-fetch-error"
	STSPolicyInvalid        ResultType = "sts-policy-invalid"
	STSWebPKIInvalid        ResultType = "sts-webpki-invalid"
)

// Known reports whether t is one of the result types of RFC 8460.
func (t ResultType) Known() bool {
	switch t {
	case StartTLSNotSupported, CertificateHostMismatch, CertificateExpired, CertificateNotTrusted,
		ValidationFailure, TLSAInvalid, DNSSECInvalid, DANERequired,
		STSPolicyFetchError, STSPolicyInvalid, STSWebPKIInvalid:
		return true
	}
	return false
}

// PolicyType is the kind of a policy (RFC 8460, Section 4.4).
type PolicyType string

// The policy types of RFC 8460, Section 4.4.
const (
	TLSA          PolicyType = "tlsa"
	STS           PolicyType = "sts"
	NoPolicyFound PolicyType = "no-policy-found"
)
