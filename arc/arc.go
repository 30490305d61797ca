// Package arc implements the Authenticated Received Chain, RFC 8617: it
// validates the chain that a message carries and adds to it. Canonicalization,
// body hashes and keys are those of package dkim, and the body is read once for
// both.
//
// Where we go beyond the RFC or it leaves a choice:
//
//   - rsa-sha1 and RSA keys under 1024 bits fail the chain (RFC 8301), l= that
//     leaves body bytes unsigned fails an ARC-Message-Signature, and so does x=
//     in the past; ed25519-sha256 (RFC 8463) is accepted.
//   - A key that cannot be looked up fails the chain, as RFC 8617, Section 5.2.1
//     wants it; Validation.Temporary tells it from a chain that is broken.
//   - The older ARC-Message-Signatures are verified too, for oldest_pass.
package arc

import (
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/resolver"
)

// MaxSets is how many ARC sets a message may have (RFC 8617, Section 4.2.1).
const MaxSets = 50

// Result is the state of a chain (RFC 8617, Section 4.4), as RFC 8601 has it for
// the method arc.
type Result string

// The results.
const (
	None Result = "none" // there is no chain
	Pass Result = "pass"
	Fail Result = "fail"
)

// Validation is the verdict on the chain of a message and its evidence.
type Validation struct {
	Result Result `json:"result"`
	// OldestPass is the lowest instance from which on every message signature
	// still verifies: 0 if all do, or if the chain does not pass (RFC 8617,
	// Section 5.2).
	OldestPass int    `json:"oldest_pass"`
	Sets       []Set  `json:"sets"`   // by instance
	Reason     string `json:"reason"` // one sentence; empty for pass
	// Temporary reports that the chain failed because a key could not be looked
	// up; the result might be another one later.
	Temporary bool `json:"temporary,omitempty"`
}

// Set is one ARC set. Of a set that is not whole some parts are empty.
type Set struct {
	Instance    int               `json:"instance"`
	CV          string            `json:"cv"`                     // what the sealer found
	AuthResults string            `json:"authentication_results"` // the AAR without its instance, unfolded
	AMS         dkim.Verification `json:"ams"`                    // the ARC-Message-Signature
	AS          dkim.Verification `json:"as"`                     // the ARC-Seal
	SignsFrom   bool              `json:"signs_from"`             // the message signature covers From
	DNSSEC      resolver.Status   `json:"dnssec"`                 // of the two keys, the worse
	Reason      string            `json:"reason"`                 // what is wrong with the set
}

// Highest returns the highest instance of the chain, 0 if there is none.
func (v *Validation) Highest() int {
	if len(v.Sets) == 0 {
		return 0
	}
	return v.Sets[len(v.Sets)-1].Instance
}

// Ended reports whether an earlier hop has sealed the chain as failed. Nobody may
// add to it (RFC 8617, Section 5.1).
func (v *Validation) Ended() bool {
	return len(v.Sets) > 0 && v.Sets[len(v.Sets)-1].CV == string(Fail)
}

// Rewritten reports that the chain fails for one reason alone: the message is not
// any more what its newest set signed, while every seal verifies. A list that seals
// what it has changed finds its own messages so; what counts then is the state of
// the chain when the message came in (RFC 8617, Section 4.4), not now.
func (v *Validation) Rewritten() bool {
	if v.Result != Fail || v.Temporary || len(v.Sets) == 0 {
		return false
	}
	for i := range v.Sets {
		if v.Sets[i].AS.Result != dkim.Pass {
			return false
		}
	}
	return v.Sets[len(v.Sets)-1].AMS.Result == dkim.Fail
}
