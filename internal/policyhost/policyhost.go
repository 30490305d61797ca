// Package policyhost is the web server of MTA-STS policies (RFC 8461, Section 3.3): it
// serves /.well-known/mta-sts.txt of the hosts mta-sts.DOMAIN over TLS, and nothing
// else to nobody else. Certificates come from files, which are read again when they
// change, or by ACME.
//
// A handshake that names no host of ours, or none at all, ends with an alert and shows
// no certificate. What a stranger can make the server do is bounded by the constants
// of this package.
package policyhost

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/mtasts"
)

// Limits of what a client may do. A sender needs one request and, by RFC 8461, Section
// 3.3, gives up after a minute.
const (
	DefaultConnections = 1000             // at a time
	shareOfClient      = 4                // one client has at most the 4th part of them
	requestTime        = 10 * time.Second // for the handshake, and for each request
	idleTime           = 15 * time.Second // between requests
	connectionTime     = time.Minute      // in all
	drainTime          = 3 * time.Second  // to finish when the server stops
	maxHeader          = 8 << 10          // bytes of a request's header
	maxStreams         = 8                // of HTTP/2, at a time
)

// wellKnown is where the policy is (RFC 8461, Section 3.3).
const wellKnown = "/.well-known/mta-sts.txt"

// hostPrefix makes the policy host of a domain (RFC 8461, Section 3.3).
const hostPrefix = "mta-sts."

// Policy is the policy of one domain.
type Policy struct {
	Domain domain.Name
	Policy *mtasts.Policy // valid, as mtasts.ParsePolicy returns it
}

// Host returns the name of the policy host.
func (p Policy) Host() string { return hostPrefix + string(p.Domain) }

// Record returns the TXT record that announces the policy, as a zone file has it.
func (p Policy) Record() string {
	rec := mtasts.Record{ID: p.Policy.ID()}
	return fmt.Sprintf("_mta-sts.%s. TXT %q", p.Domain, rec.String())
}

// Hosting is a policy and where the certificate of its host comes from.
type Hosting struct {
	Policy
	Files Files // the zero value for ACME
}

// Site is what is served at a time. It is not changed once it is made; the
// certificates in it are, as their files change.
type Site struct {
	policies map[string]Policy // by host
	pairs    map[string]*Pair  // by host; of those that are missing ACME has it
}

// NewSite reads the certificates of all hosts; those that old has of the same files are
// taken from there. old may be nil. A certificate that cannot be read, or is for other
// names, is an error; one that has expired is not, for what else runs here should not
// stop for that: Server tells of it.
func NewSite(all []Hosting, old *Site) (*Site, error) {
	s := &Site{policies: map[string]Policy{}, pairs: map[string]*Pair{}}
	names := map[Files][]string{}
	for _, h := range all {
		s.policies[h.Host()] = h.Policy
		if h.Files != (Files{}) {
			names[h.Files] = append(names[h.Files], h.Host())
		}
	}
	files := slices.SortedFunc(maps.Keys(names), func(a, b Files) int { return cmp.Compare(a.Certificate, b.Certificate) })
	for _, f := range files {
		slices.Sort(names[f])
		p := old.pair(f, names[f])
		if p == nil {
			var err error
			if p, err = OpenPair(f, names[f]); err != nil {
				return nil, err
			}
		}
		for _, host := range names[f] {
			s.pairs[host] = p
		}
	}
	return s, nil
}

// pair returns the pair of the same files for the same names, nil if there is none.
func (s *Site) pair(f Files, names []string) *Pair {
	if s == nil {
		return nil
	}
	if p := s.pairs[names[0]]; p != nil && p.files == f && slices.Equal(p.names, names) {
		return p
	}
	return nil
}

// Policies returns the policies, sorted by domain.
func (s *Site) Policies() []Policy {
	return slices.SortedFunc(maps.Values(s.policies), func(a, b Policy) int { return cmp.Compare(a.Domain, b.Domain) })
}

// Pairs returns the certificates in files.
func (s *Site) Pairs() []*Pair {
	var all []*Pair
	for _, host := range slices.Sorted(maps.Keys(s.pairs)) {
		if p := s.pairs[host]; !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// byACME returns the hosts whose certificates ACME has to get.
func (s *Site) byACME() []string {
	var hosts []string
	for _, host := range slices.Sorted(maps.Keys(s.policies)) {
		if s.pairs[host] == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// certificate returns the certificate of a host, nil if its files do not give one.
func (s *Site) certificate(host string) *tls.Certificate {
	if p := s.pairs[host]; p != nil {
		return p.Certificate()
	}
	return nil
}
