package dmarc

import (
	"fmt"
	"strings"
)

// AlignmentMode says which identifiers align with the author domain (RFC 9989,
// Section 4.4).
type AlignmentMode string

// The alignment modes.
const (
	Relaxed AlignmentMode = "r" // the same organizational domain
	Strict  AlignmentMode = "s" // the same domain
)

// PSD says what a record declares its domain to be (RFC 9989, Section 4.7, tag
// psd).
type PSD string

// The values of psd.
const (
	PublicSuffix   PSD = "y" // a public suffix domain
	Organizational PSD = "n" // the organizational domain of itself and below
	Undeclared     PSD = "u" // the tree walk decides
)

// Limits on a stranger's record; the RFC sets none.
const (
	maxReportURIs = 16 // URIs kept of one tag; that there are more is noted
	maxNotes      = 16 // notes kept about one record
	maxShownText  = 64 // bytes of a stranger's text that a note or an Error quotes
)

// fullPercent is the default of pct (RFC 7489, Section 6.3).
const fullPercent = 100

// Record is a parsed policy record (RFC 9989, Section 4.7). Tags that are
// absent or have a syntax error are at their defaults (Section 4.8).
type Record struct {
	Policy            Policy `json:"p"`            // none where Section 4.10.1 asks to act as if it were
	SubdomainPolicy   Policy `json:"sp,omitempty"` // empty if not published
	NonExistentPolicy Policy `json:"np,omitempty"` // empty if not published

	// NoPolicy tells that p is missing or invalid, or that sp or np is invalid,
	// and that there is no valid rua: the record is found, yet no DMARC
	// processing takes place (Section 4.10.1).
	NoPolicy bool `json:"no_policy,omitempty"`

	DKIMAlignment AlignmentMode `json:"adkim"`
	SPFAlignment  AlignmentMode `json:"aspf"`
	PSD           PSD           `json:"psd"`
	Testing       bool          `json:"t"`

	AggregateURIs  []URI          `json:"rua,omitempty"` // valid ones of any scheme
	FailureURIs    []URI          `json:"ruf,omitempty"`
	FailureOptions FailureOptions `json:"fo"` // the default unless ruf has a valid URI

	// Notes are sentences about what was ignored and why.
	Notes []string `json:"notes,omitempty"`

	legacy legacyRecord
}

// legacyRecord is what RFC 7489 reads differently in the same text.
type legacyRecord struct {
	policy, subdomain Policy
	usable            bool
	percent           int
}

// SubdomainsPolicy returns the policy for existing subdomains: sp, else p.
func (r *Record) SubdomainsPolicy() Policy {
	if r.SubdomainPolicy != "" {
		return r.SubdomainPolicy
	}
	return r.Policy
}

// NonExistentSubdomainsPolicy returns the policy for subdomains that do not
// exist: np, else sp, else p (RFC 9989, Section 4.7, tag np).
func (r *Record) NonExistentSubdomainsPolicy() Policy {
	if r.NonExistentPolicy != "" {
		return r.NonExistentPolicy
	}
	return r.SubdomainsPolicy()
}

// FailureOptions is the set of conditions under which failure reports are asked
// for (RFC 9989, Section 4.7, tag fo).
type FailureOptions uint8

// The failure reporting options.
const (
	FailureAll  FailureOptions = 1 << iota // "0": no mechanism gave an aligned pass
	FailureAny                             // "1": some mechanism gave no aligned pass
	FailureDKIM                            // "d": a signature failed
	FailureSPF                             // "s": SPF failed
)

// String returns the value as a record has it.
func (o FailureOptions) String() string {
	var b []byte
	for i, c := range "01ds" {
		if o&(1<<i) != 0 {
			b = append(b, byte(c), ':')
		}
	}
	return string(b[:max(len(b)-1, 0)])
}

// MarshalText gives the value as a record has it.
func (o FailureOptions) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// String returns the record with its effective tags, defaults left out.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString("v=DMARC1")
	put := func(i int, v string, write bool) {
		if write {
			fmt.Fprintf(&b, "; %s=%s", tagNames[i], v)
		}
	}
	put(tagP, string(r.Policy), !r.NoPolicy)
	put(tagSP, string(r.SubdomainPolicy), r.SubdomainPolicy != "")
	put(tagNP, string(r.NonExistentPolicy), r.NonExistentPolicy != "")
	put(tagADKIM, string(r.DKIMAlignment), r.DKIMAlignment == Strict)
	put(tagASPF, string(r.SPFAlignment), r.SPFAlignment == Strict)
	put(tagPSD, string(r.PSD), r.PSD == PublicSuffix || r.PSD == Organizational)
	put(tagT, "y", r.Testing)
	put(tagRUA, joinURIs(r.AggregateURIs), len(r.AggregateURIs) > 0)
	put(tagRUF, joinURIs(r.FailureURIs), len(r.FailureURIs) > 0)
	put(tagFO, r.FailureOptions.String(), len(r.FailureURIs) > 0 && r.FailureOptions > FailureAll)
	return b.String()
}
