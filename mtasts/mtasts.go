// Package mtasts is the sender's side of MTA-STS, RFC 8461: the TXT record, the
// policy and how it is fetched, the cache that makes it hold, and the match of MX
// hosts against it.
//
// Cache.Policy is what a sender asks. Where we diverge from the letter: a max_age
// over the maximum counts as the maximum; empty lines in a policy are passed over;
// an mx value that is no host name, such as an IP address, is dropped with a
// warning, and a policy that is left without any is invalid. An invalid policy is
// no policy.
package mtasts

import "time"

// Limits of RFC 8461.
const (
	// MaxPolicy is the largest policy body in bytes (Section 3.3).
	MaxPolicy = 64 << 10
	// FetchTimeout is what a fetch may take in all (Section 3.3).
	FetchTimeout = time.Minute
	// MaxAge is the longest that a policy can be cached (Section 3.2).
	MaxAge = 31557600 * time.Second
	// Backoff is how long after a failed fetch none is tried (Section 3.3).
	Backoff = 5 * time.Minute
)
