package dnssec

import (
	"time"

	"github.com/miekg/dns"
)

// nsec is a verified NSEC record: nothing exists between owner and next (RFC
// 4034, Section 4).
type nsec struct {
	owner, next name
	types       types
	expires     time.Time
}

func newNSEC(owner, zone name, rr *dns.NSEC, expires time.Time) (nsec, bool) {
	next, ok := parseName(rr.NextDomain)
	return nsec{owner, next, rr.TypeBitMap, expires}, ok && next.under(zone)
}

// covers reports whether the record proves that n does not exist, or exists
// only as an empty non-terminal.
func (s *nsec) covers(n name) bool {
	if compare(s.owner, n) >= 0 {
		return false
	}
	if n.under(s.owner) && s.types.hidesBelow() {
		return false
	}
	// The last record of a zone points back to its apex.
	return compare(n, s.next) < 0 || compare(s.next, s.owner) <= 0 && n.under(s.next)
}

func match(all []nsec, n name) *nsec {
	for i := range all {
		if all[i].owner == n {
			return &all[i]
		}
	}
	return nil
}

func cover(all []nsec, n name) *nsec {
	for i := range all {
		if all[i].covers(n) {
			return &all[i]
		}
	}
	return nil
}

// nsecDeny follows RFC 4035, Section 5.4.
func nsecDeny(all []nsec, n name, t uint16) (denied, bool) {
	if s := match(all, n); s != nil {
		return denied{
			// RFC 9824, Section 2: compact denial says so by a type of its own.
			nxdomain:   s.types.has(dns.TypeNXNAME),
			delegation: s.types.atDelegation(),
			expires:    s.expires,
		}, s.types.lack(t, n)
	}
	s := cover(all, n)
	if s == nil {
		return denied{}, false
	}
	if s.next.under(n) { // an empty non-terminal
		return denied{expires: s.expires}, true
	}
	encloser := commonAncestor(n, s.owner)
	if other := commonAncestor(n, s.next); len(other) > len(encloser) {
		encloser = other
	}
	wild, ok := encloser.wildcardOf()
	if !ok {
		return denied{nxdomain: true, expires: s.expires}, true
	}
	if w := match(all, wild); w != nil {
		return denied{expires: earlier(s.expires, w.expires)}, w.types.lack(t, wild) && !w.types.atDelegation()
	}
	w := cover(all, wild)
	if w == nil {
		return denied{}, false
	}
	return denied{nxdomain: !w.next.under(wild), expires: earlier(s.expires, w.expires)}, true
}
