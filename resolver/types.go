package resolver

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Type is a DNS record type.
type Type uint16

// The types that mail uses.
const (
	TypeA      = Type(dns.TypeA)
	TypeNS     = Type(dns.TypeNS)
	TypeCNAME  = Type(dns.TypeCNAME)
	TypeSOA    = Type(dns.TypeSOA)
	TypePTR    = Type(dns.TypePTR)
	TypeMX     = Type(dns.TypeMX)
	TypeTXT    = Type(dns.TypeTXT)
	TypeAAAA   = Type(dns.TypeAAAA)
	TypeSRV    = Type(dns.TypeSRV)
	TypeDNAME  = Type(dns.TypeDNAME)
	TypeDS     = Type(dns.TypeDS)
	TypeDNSKEY = Type(dns.TypeDNSKEY)
	TypeTLSA   = Type(dns.TypeTLSA)
	TypeCAA    = Type(dns.TypeCAA)
	TypeANY    = Type(dns.TypeANY)
)

// String returns the mnemonic, or TYPE123 (RFC 3597, Section 5).
func (t Type) String() string { return dns.Type(t).String() }

// MarshalText gives the mnemonic.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// ParseType returns the type of a mnemonic or TYPE123, in any case.
func ParseType(s string) (Type, error) {
	u := strings.ToUpper(s)
	if t, ok := dns.StringToType[u]; ok && t != dns.TypeNone {
		return Type(t), nil
	}
	if number, ok := strings.CutPrefix(u, "TYPE"); ok {
		if n, err := strconv.ParseUint(number, 10, 16); err == nil && n != 0 {
			return Type(n), nil
		}
	}
	return 0, fmt.Errorf("resolver: %q is not a record type", s)
}

// RCode is a DNS response code.
type RCode uint16

// The response codes of RFC 1035, Section 4.1.1.
const (
	NoError  = RCode(dns.RcodeSuccess)
	FormErr  = RCode(dns.RcodeFormatError)
	ServFail = RCode(dns.RcodeServerFailure)
	NXDomain = RCode(dns.RcodeNameError)
	NotImp   = RCode(dns.RcodeNotImplemented)
	Refused  = RCode(dns.RcodeRefused)
)

// String returns the mnemonic.
func (r RCode) String() string {
	if s, ok := dns.RcodeToString[int(r)]; ok {
		return s
	}
	return fmt.Sprintf("RCODE%d", uint16(r))
}

// MarshalText gives the mnemonic.
func (r RCode) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// EDE is an extended DNS error code (RFC 8914, Section 4).
type EDE uint16

// String returns the name in the registry.
func (e EDE) String() string {
	if s, ok := dns.ExtendedErrorCodeToString[uint16(e)]; ok {
		return s
	}
	return fmt.Sprintf("EDE%d", uint16(e))
}

// MarshalJSON writes the number.
func (e EDE) MarshalJSON() ([]byte, error) { return json.Marshal(uint16(e)) }
