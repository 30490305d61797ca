package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// ARC is how mail that leaves again is sealed (RFC 8617).
type ARC struct {
	Domain     Name           `toml:"domain" doc:"domain that seals, d=; empty for no sealing"`
	Selector   string         `toml:"selector" doc:"selector of the sealing key, s="`
	Key        File           `toml:"key" doc:"private key that seals, RSA: a file, or credential:NAME"`
	Recipients []Recipient    `toml:"recipients" doc:"mail for these leaves again: addresses, or domains such as lists.example.org; * for all mail from outside"`
	Networks   []netip.Prefix `toml:"networks" doc:"clients that send on what has come in, such as the host of a list manager, which must leave our Authentication-Results in it: they tell what a message was before it was changed; they count among trusted_networks"`
}

// Recipient is an address, a domain, or * for everybody.
type Recipient string

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Recipient) UnmarshalText(b []byte) error {
	s := string(b)
	if s == "*" {
		*r = "*"
		return nil
	}
	at := strings.LastIndexByte(s, '@')
	name, err := domain.Parse(s[at+1:])
	if err != nil || at == 0 {
		return fmt.Errorf("%q is no address, no domain and no *", b)
	}
	*r = Recipient(strings.ToLower(s[:at+1]) + string(name))
	return nil
}

// Seals reports whether mail for one of these forward-paths is sealed.
func (a *ARC) Seals(to []string) bool {
	if len(a.Recipients) == 0 {
		return false
	}
	return slices.ContainsFunc(to, func(path string) bool {
		at := strings.LastIndexByte(path, '@')
		name, err := domain.Parse(path[at+1:])
		if err != nil {
			name = ""
		}
		address := strings.ToLower(path[:at+1]) + string(name)
		return slices.ContainsFunc(a.Recipients, func(r Recipient) bool {
			return r == "*" || name != "" && (string(r) == address || string(r) == string(name))
		})
	})
}

// check finds what no single value shows.
func (a *ARC) check(bad func(key, format string, args ...any)) {
	empty := ARC{}
	switch {
	case a.Domain == "" && (a.Selector != empty.Selector || a.Key != "" || len(a.Recipients) > 0 || len(a.Networks) > 0):
		bad("arc", "sealing needs domain, selector and key")
	case a.Domain == "":
	case a.Key == "":
		bad("arc.key", "%s needs key: the file with the private key that seals", a.Domain)
	case len(a.Recipients) == 0 && len(a.Networks) == 0:
		bad("arc", "says how to seal and not what: name recipients or networks")
	default:
		if _, err := domain.Parse(a.Selector); err != nil {
			bad("arc.selector", "%s needs a selector that can be part of a domain name", a.Domain)
		}
	}
}
