package dnssec

import "time"

// What one stranger can make us do. The numbers are unbound's where it has one.
// KeyTrap is CVE-2023-50387, the NSEC3 flood CVE-2023-50868.
const (
	maxSignaturesPerSet    = 8   // signatures tried over one RRset (KeyTrap)
	maxKeysPerTag          = 4   // keys of one tag and algorithm tried for a signature (KeyTrap)
	maxDSFailures          = 4   // DS records that name a key and do not match it (KeyTrap)
	maxSignaturesPerLookup = 64  // signatures tried for one lookup, all zones
	maxWorkPerLookup       = 256 // what they may cost, in checks of P-256
	maxWorkPerZone         = 128 // the same, for the keys and DS records of one zone
	maxKeys                = 32  // keys in a DNSKEY RRset

	minRSABits = 1024 // crypto/rsa refuses less
	maxRSABits = 4096 // RFC 3110, Section 2; the cost grows with the square

	maxHashes           = 64  // NSEC3 hashes computed for one lookup
	maxSecureIterations = 100 // above it the zone counts as insecure (RFC 9276, Section 3.2)
	maxIterations       = 500 // above it the answer is refused (RFC 9276, Section 3.2)
	maxSalt             = 64  // bytes of NSEC3 salt
	maxDenialSets       = 8   // NSEC and NSEC3 RRsets of one reply
	maxSets             = 64  // RRsets in one section of a reply
	maxSetRecords       = 256 // records in one RRset
	maxFetches          = 100 // replies asked for one lookup, the keys included
	maxAliases          = 11  // CNAME and DNAME records followed
	maxSpansPerZone     = 1024
	maxZonesWithSpans   = 128              // with the above some 32 MiB
	maxZoneBytes        = 32 << 20         // of the zone cuts remembered, estimated
	maxTTL              = 24 * time.Hour   // of anything that was proven
	maxNegativeTTL      = time.Hour        // RFC 2308, Section 5 advises one to three hours
	bogusTTL            = 60 * time.Second // RFC 4035, Section 4.7
	maxSkew             = time.Hour
	lookupTimeout       = 10 * time.Second
)
