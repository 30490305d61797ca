// Package resolver is what Waxseal asks of DNS: one method, answers that carry
// how far they are proven, and typed helpers for the record types that mail
// uses. The sources of raw answers are in the folders below it; package dnssec
// turns a source into a Resolver that proves what it says.
//
// NXDOMAIN and no-data are answers. An error means that the question could not
// be answered: a timeout, a server failure, a bogus answer, a limit reached.
// Callers turn errors into temperror, never into "no record".
package resolver

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/ascii"
)

// Resolver answers questions of class IN.
type Resolver interface {
	// Lookup returns the records of type t at name, having followed CNAME and
	// DNAME. The name is in presentation form, any case, with or without the
	// trailing dot. A name that does not exist or has no such records gives an
	// Answer without records of that type, not an error. The error is a *Error,
	// or ctx.Err() when the caller's context ended. The Answer is shared and
	// must not be changed.
	Lookup(ctx context.Context, name string, t Type) (*Answer, error)
}

// Peeker is a Resolver that can tell without waiting what it knows already.
// Callers that ask many names at once use it to spare a goroutine per name.
type Peeker interface {
	// Peek returns the Answer that Lookup would return at once. The name must
	// be in canonical form (see CanonicalName); with any other it may miss.
	Peek(name string, t Type) (*Answer, bool)
}

// Status says how far an answer is proven (RFC 4033, Section 5).
type Status uint8

// The statuses of RFC 4033, Section 5, the least known first.
const (
	Indeterminate Status = iota // nothing was proven: no trust anchor, or nobody validated
	Insecure                    // proven that the zone is not signed, or not validated by choice
	Secure                      // the chain of trust holds
	Bogus                       // the zone should be signed and the proof fails
)

var statusNames = [...]string{"indeterminate", "insecure", "secure", "bogus"}

func (s Status) String() string { return statusNames[s] }

// MarshalText gives the lower-case word.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Worse returns the status of a whole that rests on both parts: bogus, then
// indeterminate, then insecure; secure only if both are.
func (s Status) Worse(t Status) Status {
	rank := [...]int{Indeterminate: 2, Insecure: 1, Secure: 0, Bogus: 3}
	if rank[t] > rank[s] {
		return t
	}
	return s
}

// Answer is what a lookup found. It is immutable once returned.
type Answer struct {
	Name   string // the name asked, canonical
	Type   Type
	Status Status
	RCode  RCode

	// Records is the answer section: the chain of aliases first, in order, then
	// the records of the type asked for. No RRSIGs.
	Records []dns.RR

	Reason string // one sentence for a person: why this status; may be empty
	EDE    EDE    // RFC 8914 code that goes with Reason
	HasEDE bool   // whether EDE is set; code 0 is a code too
	Chain  []Link // zone by zone from the root down, where validated

	// Proof is there only where the Resolver was told to keep it, for those who
	// pass answers on to others who validate.
	Proof *Proof

	Expires time.Time // when a cache must forget it; zero: do not cache

	decode  sync.Once
	decoded any
}

// Proof is what a security-aware server sends beside the records of an answer
// (RFC 4035, Section 3.1).
type Proof struct {
	Signatures []dns.RR // RRSIG records over the answer's Records
	// Authority has the SOA record of a negative answer, and the NSEC or NSEC3
	// records that deny, each with its signatures.
	Authority []dns.RR
}

// Link is one zone in a chain of trust.
type Link struct {
	Zone   string   `json:"zone"`
	Status Status   `json:"status"`
	DS     []string `json:"ds"`   // the DS records that lead to the zone, in zone format
	Keys   []string `json:"keys"` // the keys used, in zone format
	Reason string   `json:"reason"`
}

// NXDomain reports whether the name does not exist (RFC 8020).
func (a *Answer) NXDomain() bool { return a.RCode == NXDomain }

// Void reports whether there are no records of the type asked for: the name
// does not exist, or it has no such records. It is the void lookup of RFC 7208,
// Section 4.6.4.
func (a *Answer) Void() bool {
	for i := len(a.Records) - 1; i >= 0; i-- {
		if t := Type(a.Records[i].Header().Rrtype); t == a.Type || a.Type == TypeANY {
			return false
		}
	}
	return true
}

// Canonical returns the name at the end of the chain of aliases.
func (a *Answer) Canonical() string {
	name := a.Name
	for _, rr := range a.Records {
		if c, ok := rr.(*dns.CNAME); ok && a.Type != TypeCNAME {
			name = CanonicalName(c.Target)
		}
	}
	return name
}

// MarshalJSON writes the form that the command line prints.
func (a *Answer) MarshalJSON() ([]byte, error) {
	v := struct {
		Name    string   `json:"name"`
		Type    Type     `json:"type"`
		Status  Status   `json:"status"`
		RCode   RCode    `json:"rcode"`
		Records []string `json:"records"`
		Reason  string   `json:"reason"`
		EDE     *EDE     `json:"ede,omitempty"`
		Chain   []Link   `json:"chain"`
	}{a.Name, a.Type, a.Status, a.RCode, a.Lines(), a.Reason, nil, a.Chain}
	if a.HasEDE {
		v.EDE = &a.EDE
	}
	if v.Chain == nil {
		v.Chain = []Link{}
	}
	return json.Marshal(v)
}

// Lines returns the records in zone-file format, one a line.
func (a *Answer) Lines() []string {
	lines := make([]string, len(a.Records))
	for i, rr := range a.Records {
		lines[i] = rr.String()
	}
	return lines
}

// CanonicalName returns the one form in which names are compared and cached:
// lower case, no trailing dot ("." for the root).
func CanonicalName(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' && !escaped(name, n-1) {
		name = name[:n-1]
	}
	return ascii.ToLower(name)
}

// escaped reports whether an odd number of backslashes stands before name[i].
func escaped(name string, i int) bool {
	n := i
	for n > 0 && name[n-1] == '\\' {
		n--
	}
	return (i-n)%2 == 1
}
