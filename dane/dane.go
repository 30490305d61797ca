// Package dane authenticates an SMTP server by the TLSA records of its domain:
// RFC 6698 as clarified by RFC 7671 and applied to SMTP by RFC 7672.
//
// Discover asks DNS for the records that apply to one MX host, Verify decides
// whether a certificate chain matches them, MakeRecord makes the record to
// publish. Verify is pure: it reads neither DNS nor clock.
//
// Of the certificate usages only DANE-TA(2) and DANE-EE(3) are usable; PKIX-TA(0)
// and PKIX-EE(1) are not (RFC 7672, Section 3.1.3). Where we are stricter than
// others: the server's own certificate is never its own trust anchor, signatures
// with SHA-1 or MD5 prove nothing, and the work that one chain can cause is
// bounded. A common name counts only where a certificate has no DNS name.
//
// A certificate that crypto/x509 cannot read, such as one with a negative serial
// number, matches nothing here: crypto/tls ends the handshake over it before its
// bytes could be compared, which is all that DANE-EE(3) would ask for (RFC 7671,
// Section 5.1). Mail for such a server waits, with that reason.
package dane

// The certificate usages of RFC 6698, Section 2.1.1, named by RFC 7218.
const (
	PKIXTA = 0
	PKIXEE = 1
	DANETA = 2
	DANEEE = 3
)

// The selectors of RFC 6698, Section 2.1.2.
const (
	Cert = 0 // the whole certificate
	SPKI = 1 // its SubjectPublicKeyInfo
)

// The matching types of RFC 6698, Section 2.1.3.
const (
	Full   = 0 // the selected content itself
	SHA256 = 1
	SHA512 = 2
)

// Limits on what one server or one zone can make us do. The RFCs set none.
const (
	// MaxChain is how many certificates of a chain are looked at.
	MaxChain = 20
	// MaxRecords is how many TLSA records are looked at.
	MaxRecords = 200
	// MaxAnchorSignatures is how many signatures are checked against trust
	// anchors that are given as bare keys.
	MaxAnchorSignatures = 40
)
