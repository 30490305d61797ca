package dnssec

import (
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// name is a domain name in wire form and lower case, the canonical form of
// RFC 4034, Section 6.2. Names are compared, cut and hashed as such: in
// presentation form an escaped dot looks like the end of a label.
type name string

const root name = "\x00"

// maxName is the longest name in wire form (RFC 1035, Section 2.3.4).
const maxName = 255

// parseName reads presentation form, with or without the trailing dot.
func parseName(s string) (name, bool) {
	var buf [maxName + 1]byte
	off, err := dns.PackDomainName(dns.Fqdn(s), buf[:], 0, nil, false)
	if err != nil || off > maxName {
		return "", false
	}
	lower(buf[:off])
	return name(buf[:off]), true
}

// lower folds wire-form names in place. Length octets are at most 63 and so are
// never mistaken for a letter.
func lower(b []byte) {
	for i, c := range b {
		b[i] = ascii.Lower(c)
	}
}

// String returns the canonical presentation form of package resolver.
func (n name) String() string {
	s, _, err := dns.UnpackDomainName([]byte(n), 0)
	if err != nil {
		return "invalid"
	}
	return resolver.CanonicalName(s)
}

// parent returns n without its first label; the root is its own parent.
func (n name) parent() name {
	if n == root {
		return root
	}
	return n[1+n[0]:]
}

// labels counts the labels, the root label not included.
func (n name) labels() int {
	count := 0
	for n != root {
		n = n.parent()
		count++
	}
	return count
}

// under reports whether n is z or below it.
func (n name) under(z name) bool {
	for len(n) > len(z) {
		n = n.parent()
	}
	return n == z
}

// ancestor returns the ancestor of n, or n itself, that has the given number of
// labels.
func (n name) ancestor(labels int) name {
	for i := n.labels(); i > labels; i-- {
		n = n.parent()
	}
	return n
}

// nextLabel returns the ancestor of n, or n itself, one label below z.
func (n name) nextLabel(z name) name { return n.ancestor(z.labels() + 1) }

// isWildcard reports whether the first label is an asterisk (RFC 4592).
func (n name) isWildcard() bool { return len(n) > 1 && n[0] == 1 && n[1] == '*' }

// wildcardOf returns the wildcard below n; false where it would be too long.
func (n name) wildcardOf() (name, bool) { return "\x01*" + n, len(n)+2 <= maxName }

// commonAncestor returns the longest name that both a and b are under.
func commonAncestor(a, b name) name {
	for !b.under(a) {
		a = a.parent()
	}
	return a
}

// compare orders names as RFC 4034, Section 6.1 does: by label from the right,
// each label as a string of octets.
func compare(a, b name) int {
	var as, bs [128]uint8
	an, bn := offsets(a, &as), offsets(b, &bs)
	for an > 0 && bn > 0 {
		an, bn = an-1, bn-1
		la, lb := label(a, as[an]), label(b, bs[bn])
		switch {
		case la < lb:
			return -1
		case la > lb:
			return 1
		}
	}
	return an - bn
}

// offsets notes where the labels of n begin and returns how many there are.
func offsets(n name, offs *[128]uint8) int {
	count := 0
	for i := 0; n[i] != 0; i += 1 + int(n[i]) {
		offs[count] = uint8(i)
		count++
	}
	return count
}

func label(n name, off uint8) name { return n[int(off)+1 : int(off)+1+int(n[off])] }
