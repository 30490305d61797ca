// Package dkim implements DomainKeys Identified Mail: RFC 6376 with RFC 8301
// (algorithms and key sizes), RFC 8463 (Ed25519) and RFC 8616 (internationalised
// names). It verifies and signs in one pass over a body of any size that is
// never held; every distinct canonical form of the body is hashed once, however
// many signatures ask for it, those of package arc included.
//
// Where the standards leave a choice or we diverge:
//
//   - rsa-sha1 is never evaluated and RSA keys under 1024 bits never pass; both
//     are [Policy] (RFC 8301, Sections 3.1 and 3.2). RSA keys over 8192 bits are
//     [PermError].
//   - A signature whose l= leaves a part of the body unsigned is [Policy] even
//     where what it covers verifies: anybody may have added the rest.
//   - An expired signature is [Fail]; one made in the future, beyond ClockSkew,
//     is [Neutral], as RFC 6376, Section 3.5 lets a verifier ignore it.
//   - Of several key records at a selector the one that fits the algorithm is
//     used if it is the only one, else the result is [PermError] (RFC 6376,
//     Section 3.6.2.2 leaves it undefined).
//   - At most MaxSignatures are evaluated, those of the author's domain first;
//     the others are [Neutral].
//   - The tags g= of keys and z= of signatures are ignored; rr=, r= (RFC 6651)
//     and ATPS (RFC 6541) are not implemented.
package dkim

import "time"

// Limits on what a stranger can make us do.
const (
	// MaxSignatures is how many signatures of one message are evaluated, and so
	// how many keys are looked up (RFC 6376, Section 8.4: a verifier may limit
	// them).
	MaxSignatures = 10
	// MinRSABits is the smallest RSA key that can pass or sign (RFC 8301,
	// Section 3.2).
	MinRSABits = 1024
	// MaxRSABits is the largest RSA key that is used. RFC 8301, Section 3.2 asks
	// for 4096; above this an operation costs milliseconds.
	MaxRSABits = 8192
	// MaxRecordBytes is the longest key record that is read; an RSA key of
	// MaxRSABits takes 1,500 bytes.
	MaxRecordBytes = 16 << 10
	// ClockSkew is how far in the future t= may lie.
	ClockSkew = 5 * time.Minute
)

// Result is the outcome for one signature, in the words of RFC 8601, Section
// 2.7.1.
type Result string

// The results.
const (
	None      Result = "none"      // the message was not signed
	Pass      Result = "pass"      // signed, and every test passed
	Fail      Result = "fail"      // signed, and a test did not pass
	Policy    Result = "policy"    // signed in a way that is not acceptable
	Neutral   Result = "neutral"   // not evaluated
	TempError Result = "temperror" // the key could not be had now
	PermError Result = "permerror" // the signature or its key can never be used
)

// Algorithm is a signing algorithm as a= names it.
type Algorithm string

// The algorithms. RSASHA1 is recognised and never used (RFC 8301, Section 3.1).
const (
	RSASHA256     Algorithm = "rsa-sha256"
	Ed25519SHA256 Algorithm = "ed25519-sha256"
	RSASHA1       Algorithm = "rsa-sha1"
)

// keyType returns the k= that goes with the algorithm.
func (a Algorithm) keyType() string {
	if a == Ed25519SHA256 {
		return "ed25519"
	}
	return "rsa"
}

// Canonicalization is a way to write a header or body before it is hashed
// (RFC 6376, Section 3.4).
type Canonicalization uint8

// The canonicalizations. Relaxed, the zero value, is what Signer uses by default;
// the default of c= is Simple.
const (
	Relaxed Canonicalization = iota
	Simple
)

func (c Canonicalization) String() string {
	if c == Simple {
		return "simple"
	}
	return "relaxed"
}

// MarshalText gives the word as c= has it.
func (c Canonicalization) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
