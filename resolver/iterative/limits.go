package iterative

import (
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// What a stranger's delegations can make us do. The numbers are unbound's where
// it has one; NXNSAttack is CVE-2020-12662 and its kin.
const (
	maxQueries       = 100 // sent for one Fetch, all of its detours included
	maxReferrals     = 30  // followed for one name
	maxHostsPerZone  = 16  // name servers of one zone whose addresses are looked up (NXNSAttack)
	maxHostsPerFetch = 64  // the same, for one Fetch
	maxAbsentHosts   = 5   // of them, how many may turn out not to exist
	maxDetour        = 4   // lookups of name servers inside each other
	maxMinimised     = 10  // shortened questions for one name (RFC 9156, Section 2.3)
	maxServersTried  = 12  // servers asked one question
	maxAskedAgain    = 2   // of them, if they were silent: a datagram may get lost
	maxAddrsPerHost  = 8
	maxHostsInNS     = 32 // names taken from one NS RRset
	maxProofInNS     = 32 // records about DS taken from one referral; more are asked for instead

	maxRunning     = 512 // queries under way in the process
	maxDelegations = 8192
	maxHosts       = 32768
	maxServers     = 32768
	maxTTL         = 24 * time.Hour

	firstTimeout  = 800 * time.Millisecond
	udpTimeout    = resolver.UDPTimeout
	lookupTimeout = resolver.MaxLookup
	deadTime      = 30 * time.Second // how long a silent server is asked last
)
