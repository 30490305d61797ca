package resolver

import (
	"context"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// MX is one mail exchanger.
type MX struct {
	Preference uint16 `json:"preference"`
	Host       string `json:"host"` // canonical; "." is the null MX of RFC 7505
}

// TLSA is one TLSA record (RFC 6698, Section 2.1).
type TLSA struct {
	Usage, Selector, MatchingType uint8
	Data                          string // hexadecimal, as the zone file has it
}

// LookupTXT returns the TXT records at name, each with its strings joined
// without separator (RFC 7208, Section 3.3; RFC 6376, Section 3.6.2.2).
func LookupTXT(ctx context.Context, r Resolver, name string) ([]string, *Answer, error) {
	return lookup(ctx, r, name, TypeTXT, (*Answer).TXT)
}

// LookupMX returns the mail exchangers of name in the order of the answer.
func LookupMX(ctx context.Context, r Resolver, name string) ([]MX, *Answer, error) {
	return lookup(ctx, r, name, TypeMX, (*Answer).MX)
}

// LookupAddr returns the addresses of name of type TypeA or TypeAAAA.
func LookupAddr(ctx context.Context, r Resolver, name string, t Type) ([]netip.Addr, *Answer, error) {
	return lookup(ctx, r, name, t, (*Answer).Addrs)
}

// LookupPTR returns the names of an address.
func LookupPTR(ctx context.Context, r Resolver, ip netip.Addr) ([]string, *Answer, error) {
	return lookup(ctx, r, ReverseName(ip), TypePTR, (*Answer).Names)
}

// LookupTLSA returns the TLSA records at name.
func LookupTLSA(ctx context.Context, r Resolver, name string) ([]TLSA, *Answer, error) {
	return lookup(ctx, r, name, TypeTLSA, (*Answer).TLSA)
}

func lookup[V any](ctx context.Context, r Resolver, name string, t Type, values func(*Answer) []V) ([]V, *Answer, error) {
	a, err := r.Lookup(ctx, name, t)
	if err != nil {
		return nil, nil, err
	}
	return values(a), a, nil
}

// TXT returns the texts of the TXT records. The slice is shared.
func (a *Answer) TXT() []string {
	return decoded(a, TypeTXT, func(rr *dns.TXT) string {
		var b strings.Builder
		for _, s := range rr.Txt {
			unescape(&b, s)
		}
		return b.String()
	})
}

// unescape undoes the \DDD and \X escapes in which miekg/dns keeps the bytes of
// a character string (RFC 1035, Section 5.1).
func unescape(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
			if i+2 < len(s) && isDigit(c) && isDigit(s[i+1]) && isDigit(s[i+2]) {
				c = (c-'0')*100 + (s[i+1]-'0')*10 + (s[i+2] - '0')
				i += 2
			}
		}
		b.WriteByte(c)
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// MX returns the mail exchangers. The slice is shared.
func (a *Answer) MX() []MX {
	return decoded(a, TypeMX, func(rr *dns.MX) MX {
		return MX{Preference: rr.Preference, Host: CanonicalName(rr.Mx)}
	})
}

// TLSA returns the TLSA records. The slice is shared.
func (a *Answer) TLSA() []TLSA {
	return decoded(a, TypeTLSA, func(rr *dns.TLSA) TLSA {
		return TLSA{rr.Usage, rr.Selector, rr.MatchingType, rr.Certificate}
	})
}

// Names returns the targets of PTR, NS or CNAME records, canonical. The slice
// is shared.
func (a *Answer) Names() []string {
	switch a.Type {
	case TypePTR:
		return decoded(a, TypePTR, func(rr *dns.PTR) string { return CanonicalName(rr.Ptr) })
	case TypeNS:
		return decoded(a, TypeNS, func(rr *dns.NS) string { return CanonicalName(rr.Ns) })
	case TypeCNAME:
		return decoded(a, TypeCNAME, func(rr *dns.CNAME) string { return CanonicalName(rr.Target) })
	}
	return nil
}

// Addrs returns the addresses of A or AAAA records. The slice is shared.
func (a *Answer) Addrs() []netip.Addr {
	if a.Type == TypeAAAA {
		return decoded(a, TypeAAAA, func(rr *dns.AAAA) netip.Addr {
			ip, _ := netip.AddrFromSlice(rr.AAAA.To16())
			return ip
		})
	}
	return decoded(a, TypeA, func(rr *dns.A) netip.Addr {
		ip, _ := netip.AddrFromSlice(rr.A.To4())
		return ip
	})
}

// decoded converts the records of type t once per Answer, so that a cached
// answer costs no allocation.
func decoded[R dns.RR, V any](a *Answer, t Type, value func(R) V) []V {
	if a.Type != t {
		return nil
	}
	a.decode.Do(func() {
		var vs []V
		for _, rr := range a.Records {
			if r, ok := rr.(R); ok {
				vs = append(vs, value(r))
			}
		}
		a.decoded = vs
	})
	vs, _ := a.decoded.([]V)
	return vs
}

// ReverseName returns the name under in-addr.arpa or ip6.arpa for ip (RFC 1035,
// Section 3.5; RFC 3596, Section 2.5). An IPv4-mapped address counts as IPv4.
func ReverseName(ip netip.Addr) string {
	name, err := dns.ReverseAddr(ip.Unmap().WithZone("").String())
	if err != nil {
		return "invalid"
	}
	return CanonicalName(name)
}
