package dane

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// Record is one TLSA record (RFC 6698, Section 2.1).
type Record struct {
	Usage        uint8
	Selector     uint8
	MatchingType uint8
	Data         []byte // the certificate association data
}

// Reason says why a text is not a TLSA record.
type Reason string

// The reasons.
const (
	Incomplete Reason = "expected usage, selector, matching type and hexadecimal data"
	BadNumber  Reason = "not a number from 0 to 255"
	BadHex     Reason = "not hexadecimal"
	TooLong    Reason = "longer than a DNS record can be"
)

// Error is returned for a text that is not a TLSA record.
type Error struct {
	Reason Reason
	Text   string // the offending part, shortened
}

func (e *Error) Error() string { return fmt.Sprintf("dane: %q: %s", e.Text, e.Reason) }

// maxData is the largest RDATA, less the three numbers (RFC 1035, Section 3.2.1).
const maxData = 65535 - 3

// Parse returns the record written as in a zone file: "3 1 1 HEX". The data may
// hold blanks and letters of either case (RFC 6698, Section 2.2). A record that
// is well written but unusable is no error; see Record.Unusable.
func Parse(s string) (Record, error) {
	var r Record
	rest := s
	for _, n := range []*uint8{&r.Usage, &r.Selector, &r.MatchingType} {
		field, after, ok := cutField(rest)
		if !ok {
			return Record{}, &Error{Incomplete, shorten(s)}
		}
		v, err := strconv.ParseUint(field, 10, 8)
		if err != nil || field[0] == '+' {
			return Record{}, &Error{BadNumber, shorten(field)}
		}
		*n, rest = uint8(v), after
	}
	if len(rest) > 4*maxData {
		return Record{}, &Error{TooLong, shorten(rest)}
	}
	digits := ascii.AppendWithoutFWS(make([]byte, 0, len(rest)), rest)
	if len(digits) == 0 {
		return Record{}, &Error{Incomplete, shorten(s)}
	}
	n, err := hex.Decode(digits, digits)
	if err != nil {
		return Record{}, &Error{BadHex, shorten(rest)}
	}
	if n > maxData {
		return Record{}, &Error{TooLong, shorten(rest)}
	}
	r.Data = digits[:n:n]
	return r, nil
}

// cutField returns the first field of s, what follows it, and whether there is
// a field.
func cutField(s string) (field, rest string, ok bool) {
	s = ascii.TrimFWS(s)
	i := strings.IndexAny(s, " \t\r\n")
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:], i > 0
}

func shorten(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// FromDNS returns the record of a DNS answer. Data that is not hexadecimal, which
// no answer off the wire has, leaves Data empty and so the record unusable.
func FromDNS(t resolver.TLSA) Record {
	data, err := hex.DecodeString(t.Data)
	if err != nil {
		data = nil
	}
	return Record{Usage: t.Usage, Selector: t.Selector, MatchingType: t.MatchingType, Data: data}
}

// MakeRecord returns the record to publish for the server whose certificate is
// cert: DANE-EE(3) SPKI(1) SHA2-256(1), the one form that survives a renewal with
// the same key (RFC 7671, Section 5.1).
func MakeRecord(cert *x509.Certificate) Record {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return Record{Usage: DANEEE, Selector: SPKI, MatchingType: SHA256, Data: sum[:]}
}

// String returns the record as in a zone file, in lower case.
func (r Record) String() string {
	b := make([]byte, 0, 12+2*len(r.Data))
	for _, n := range [...]uint8{r.Usage, r.Selector, r.MatchingType} {
		b = append(strconv.AppendUint(b, uint64(n), 10), ' ')
	}
	return string(hex.AppendEncode(b, r.Data))
}

// MarshalText gives the zone-file form.
func (r Record) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the zone-file form.
func (r *Record) UnmarshalText(text []byte) error {
	p, err := Parse(string(text))
	if err == nil {
		*r = p
	}
	return err
}

// Unusable returns why the record cannot be used for SMTP, and "" if it can. A
// server all of whose records are unusable must still be spoken to with TLS, only
// not authenticated (RFC 7672, Section 2.2).
func (r Record) Unusable() string {
	switch {
	case r.Usage == PKIXTA || r.Usage == PKIXEE:
		// RFC 7672, Section 3.1.3: no common set of public CAs for SMTP.
		return fmt.Sprintf("certificate usage %d is not used with SMTP", r.Usage)
	case r.Usage > DANEEE:
		return fmt.Sprintf("certificate usage %d is unknown", r.Usage)
	case r.Selector > SPKI:
		return fmt.Sprintf("selector %d is unknown", r.Selector)
	case r.MatchingType > SHA512:
		return fmt.Sprintf("matching type %d is unknown", r.MatchingType)
	}
	// RFC 7671, Section 10.1.2 and RFC 6698, Section 4.1: malformed data makes
	// the record unusable, which is not the same as one that does not match.
	if want := digestSize(r.MatchingType); want != 0 && len(r.Data) != want {
		return fmt.Sprintf("%d bytes of data where matching type %d has %d", len(r.Data), r.MatchingType, want)
	}
	if r.MatchingType == Full {
		return r.unusableFull()
	}
	return ""
}

// unusableFull is Unusable for matching type Full(0). A trust anchor is worked
// with and so must be understood; an end entity is only compared.
func (r Record) unusableFull() string {
	var err error
	switch {
	case !isSequence(r.Data):
		return "the data is not DER"
	case r.Usage == DANEEE:
	case r.Selector == Cert:
		_, err = x509.ParseCertificate(r.Data)
	default:
		_, err = x509.ParsePKIXPublicKey(r.Data)
	}
	if err != nil {
		return "the data is malformed: " + err.Error()
	}
	return ""
}

// isSequence reports whether b is one DER SEQUENCE and nothing more.
func isSequence(b []byte) bool {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(b, &v)
	return err == nil && len(rest) == 0 && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSequence
}

func digestSize(matchingType uint8) int {
	switch matchingType {
	case SHA256:
		return sha256.Size
	case SHA512:
		return sha512.Size
	}
	return 0
}
