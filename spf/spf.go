// Package spf checks whether a host may use a domain in HELO or MAIL FROM: the
// Sender Policy Framework of RFC 7208, with its verified errata and the rules
// of RFC 8616, Section 4 for internationalised mail.
//
// All of check_host() is here: every mechanism and modifier, macros, the
// explanation, the processing limits and the Received-SPF field. Where the
// standard leaves room or practice has shown harm, this package chooses:
//
//   - A term whose name cannot be asked once its macros are expanded (an empty
//     label, a label over 63 bytes) does not match (RFC 7208, Section 4.8 leaves
//     it open); for redirect it is permerror, for exp there is no explanation.
//   - A lookup of AAAA at a name that exists is no void lookup (RFC 7208, Section
//     4.6.4): else "mx" over hosts that have IPv4 only would be permerror to each
//     IPv6 client and only to them. Nor is a lookup of A or AAAA at an MX host
//     that exists. Names that do not exist count, once for each term.
//   - Lookups of the names that the client's PTR records give never count as
//     void: the client would choose the result of other people's policies.
//   - A domain with more than ten MX names is permerror before any of them is
//     asked, so that the order in which DNS gives them changes nothing.
//   - A bogus answer (DNSSEC) is a lookup that failed: temperror.
//   - An explanation with anything but printable US-ASCII in it, also through
//     its macros, is dropped: it would go into an SMTP reply.
package spf

import (
	"context"
	"net/netip"
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// Limits of a check.
const (
	MaxLookups     = 10 // terms that ask DNS (RFC 7208, Section 4.6.4); bounds the recursion too
	MaxVoidLookups = 2  // terms whose lookups find nothing (RFC 7208, Section 4.6.4)
	MaxMXNames     = 10 // hosts of one mx (RFC 7208, Section 4.6.4)
	MaxPTRNames    = 10 // names of the client that are looked at (RFC 7208, Section 4.6.4)

	// DefaultTimeout is the time a check may wait for DNS. RFC 7208, Section
	// 4.6.4 asks to allow at least 20 seconds.
	DefaultTimeout = 20 * time.Second
)

// Result is the result of check_host() in the words of RFC 8601, Section 2.7.2.
type Result string

// The results of RFC 7208, Section 2.6.
const (
	None      Result = "none"
	Neutral   Result = "neutral"
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail"
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// Identity is what was checked (RFC 7208, Section 2).
type Identity string

// The identities.
const (
	MailFrom Identity = "mailfrom"
	Helo     Identity = "helo"
)

// Args is what an SMTP session knows of the sender.
type Args struct {
	IP       netip.Addr // of the client; an IPv4-mapped address counts as IPv4
	Helo     string     // the argument of HELO or EHLO as given
	MailFrom string     // the reverse-path; empty or "<>" for the null one
}

// Evaluation is the result of a check and what it rests on.
type Evaluation struct {
	Result   Result   `json:"result"`
	Domain   string   `json:"domain"` // the domain checked, in A-labels; as given where it is no domain
	Identity Identity `json:"identity"`
	// Mechanism is the directive that matched, as written in the record of
	// Domain or where redirect led; empty if none did.
	Mechanism   string          `json:"mechanism"`
	Explanation string          `json:"explanation"`  // the expanded text of exp, for fail only
	Lookups     int             `json:"lookups"`      // terms that asked DNS, at most MaxLookups
	VoidLookups int             `json:"void_lookups"` // terms whose lookups found nothing
	DNSSEC      resolver.Status `json:"dnssec"`       // the worst status among the answers used
	Reason      string          `json:"reason"`       // one sentence for a person
	Trace       []Step          `json:"trace"`        // empty unless Checker.Trace
}

// Checker checks hosts. Its methods may be called from several goroutines.
type Checker struct {
	// Resolver is asked for all names; it is required. If it is a
	// resolver.Peeker too, the names of a record that it does not know yet are
	// asked side by side, never more of them than the limits allow.
	Resolver resolver.Resolver

	// Receiver is the name of the host that checks, for %{r} and Received-SPF;
	// "unknown" if empty (RFC 7208, Section 7.3).
	Receiver string

	Time    func() time.Time // the clock for %{t}; nil means time.Now
	Timeout time.Duration    // for all of DNS; zero means DefaultTimeout
	Records *RecordCache     // parsed records; nil means that each is parsed when met
	Trace   bool             // fill Evaluation.Trace
}

// CheckHost checks the MAIL FROM identity, or the HELO identity if MailFrom is
// empty (RFC 7208, Section 2.4).
func (c *Checker) CheckHost(ctx context.Context, args Args) Evaluation {
	k := check{c: c, parent: ctx}
	return k.run(args)
}

// CheckHelo checks the HELO identity, whatever MailFrom says (RFC 7208, Section
// 2.3).
func (c *Checker) CheckHelo(ctx context.Context, args Args) Evaluation {
	args.MailFrom = ""
	return c.CheckHost(ctx, args)
}
