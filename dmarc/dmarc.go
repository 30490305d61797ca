// Package dmarc evaluates DMARC (RFC 9989): it finds the policy record of the
// author domain by the DNS tree walk, tells which authenticated identifiers
// align with the author domain, and says what the domain owner asks for.
//
// The inputs are plain values: the author of a message and the identifiers that
// SPF and DKIM looked at, with their results. Nothing is fetched but TXT records
// below _dmarc and, where an np= policy depends on it, the author domain itself.
//
// Where the standard leaves a choice:
//   - Tag names and the keywords of values match in any case, as the ABNF of
//     Section 4.8 has it; only "DMARC1" is case-sensitive. Nothing may stand
//     before the v tag.
//   - A tag that occurs twice has no value that can be believed and counts as a
//     syntax error of that tag.
//   - A lookup that failed and on which the result depends makes it temperror,
//     and so does an aligned identifier whose own result is temperror, unless
//     another identifier passes.
//   - Several author domains are each evaluated (Section 11.5): one that fails
//     decides, the strictest policy first, and only if all pass the message
//     passes. A message whose From is repeated or malformed never passes.
//
// What a reader of RFC 7489 would conclude is told beside the result where it
// differs.
package dmarc

import "fmt"

// Result is the result of an evaluation (RFC 9989, Section 9.2).
type Result string

// The results.
const (
	Pass      Result = "pass"      // a policy record exists and an identifier aligns
	Fail      Result = "fail"      // a policy record exists and no identifier aligns
	None      Result = "none"      // no policy record applies
	PermError Result = "permerror" // there is no one author domain to evaluate
	TempError Result = "temperror" // a lookup failed on which the result depends
)

// Policy is what a domain owner asks to do with a message that fails (RFC 9989,
// Section 4.7, tag p).
type Policy string

// The policies, the most lenient first.
const (
	PolicyNone       Policy = "none"
	PolicyQuarantine Policy = "quarantine"
	PolicyReject     Policy = "reject"
)

// rank orders policies by strictness.
func (p Policy) rank() int {
	switch p {
	case PolicyReject:
		return 2
	case PolicyQuarantine:
		return 1
	}
	return 0
}

// Lower returns the policy one step down, which is what t=y asks for (RFC 9989,
// Section 4.7, tag t).
func (p Policy) Lower() Policy {
	if p == PolicyReject {
		return PolicyQuarantine
	}
	return PolicyNone
}

// OverrideType says why a receiver did not do what the policy asks (RFC 9990,
// PolicyOverrideType).
type OverrideType string

// The override types of RFC 9990.
const (
	LocalPolicy      OverrideType = "local_policy"
	MailingList      OverrideType = "mailing_list"
	TrustedForwarder OverrideType = "trusted_forwarder"
	PolicyTestMode   OverrideType = "policy_test_mode" // t=y lowered the policy
	Other            OverrideType = "other"
)

// Override is a receiver's reason to deviate from the policy. Evaluate never
// sets one; who decides over the message does.
type Override struct {
	Type    OverrideType `json:"type"`
	Comment string       `json:"comment"` // one sentence for the domain owner
}

// Reason says why a text is not a policy record.
type Reason string

// The reasons.
const (
	NoVersion    Reason = "does not begin with v=DMARC1"
	OtherVersion Reason = "begins with another version than v=DMARC1"
)

// Error is returned for a text that is not a policy record.
type Error struct {
	Reason Reason
	Text   string // the beginning of the text
}

func (e *Error) Error() string { return fmt.Sprintf("dmarc: %q: %s", e.Text, e.Reason) }
