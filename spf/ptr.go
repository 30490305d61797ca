package spf

import "github.com/waxseal/waxseal/resolver"

// client is what DNS says about the names of the client. It is asked once per
// check, for the ptr mechanism and for %{p}.
type client struct {
	done   bool
	void   bool // the PTR lookup found nothing
	names  []string
	proven [MaxPTRNames]proof
}

// proof says whether a name leads back to the client.
type proof uint8

const (
	unproven proof = iota
	valid
	invalid
)

// clientNames returns the names in the client's PTR records. A failed lookup
// gives none (RFC 7208, Section 5.5).
func (k *check) clientNames() []string {
	if k.ptr.done {
		return k.ptr.names
	}
	k.ptr.done = true
	a, err := k.lookup(resolver.ReverseName(k.ip), resolver.TypePTR)
	if err != nil {
		return nil
	}
	k.ptr.void = a.Void()
	names := a.Names()
	if len(names) > MaxPTRNames {
		names = names[:MaxPTRNames] // RFC 7208, Section 4.6.4: the rest is ignored
	}
	k.ptr.names = names
	return names
}

// validated reports whether the i-th name leads back to the client. A failed
// lookup skips the name (RFC 7208, Section 5.5).
func (k *check) validated(i int) bool {
	if k.ptr.proven[i] != unproven {
		return k.ptr.proven[i] == valid
	}
	k.ptr.proven[i] = invalid
	a, err := k.lookup(k.ptr.names[i], k.addrType())
	if err != nil {
		return false
	}
	for _, ip := range a.Addrs() {
		if ip == k.ip {
			k.ptr.proven[i] = valid
			return true
		}
	}
	return false
}

// ptrMatch is the mechanism ptr of RFC 7208, Section 5.5. Only names that could
// match are proven.
func (k *check) ptrMatch(d *Directive, name, domain string, matched *bool) outcome {
	first := !k.ptr.done
	names := k.clientNames()
	if first && k.ptr.void {
		return k.void(resolver.ReverseName(k.ip), resolver.TypePTR, d.Text, domain)
	}
	for i, n := range names {
		if isSubdomain(n, name) && k.validated(i) {
			*matched = true
			break
		}
	}
	return outcome{}
}

// validatedName returns the value of %{p}: the domain itself if it is a
// validated name of the client, else a name below it, else any, else "unknown"
// (RFC 7208, Section 7.3).
func (k *check) validatedName(domain string) string {
	names := k.clientNames()
	for i, n := range names {
		if n == domain && k.validated(i) {
			return n
		}
	}
	for i, n := range names {
		if isSubdomain(n, domain) && k.validated(i) {
			return n
		}
	}
	for i, n := range names {
		if k.validated(i) {
			return n
		}
	}
	return "unknown"
}
