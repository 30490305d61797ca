package tlsrpt

import (
	"cmp"
	"slices"
	"time"
)

const (
	// MaxDetails is how many kinds of failure a day keeps per policy; those beyond
	// are only counted. The receiving side chooses much of what tells them apart.
	MaxDetails = 200
	// MaxPolicies is how many policies a day keeps per domain.
	MaxPolicies = 100
)

// Session is what one SMTP session says about one policy. A session under several
// policies counts once with each (RFC 8460, Section 4).
type Session struct {
	Policy Policy
	// Failure is what went wrong, nil if nothing. Its count is ignored.
	Failure *FailureDetail
}

// Day is what is to be reported to one domain about one day. It is a plain value
// that JSON keeps as it is, so it can be stored and merged.
type Day struct {
	// Domain is whose record says where the report goes.
	Domain string `json:"domain"`
	// Date is the day's beginning in UTC.
	Date     time.Time      `json:"date"`
	Policies []PolicyResult `json:"policies"`
}

// NewDay returns the empty day of a domain to which t belongs (RFC 8460, Section
// 4.1: from midnight to midnight, UTC).
func NewDay(domain string, t time.Time) *Day {
	return &Day{Domain: domain, Date: t.UTC().Truncate(24 * time.Hour), Policies: []PolicyResult{}}
}

// Add counts a session.
func (d *Day) Add(s Session) {
	if s.Policy.Domain == "" {
		s.Policy.Domain = d.Domain
	}
	r := d.result(s.Policy)
	if r == nil {
		return
	}
	if s.Failure == nil {
		r.Summary.Successful++
		return
	}
	r.Summary.Failed++
	f := *s.Failure
	f.FailedSessionCount = 1
	f.ReceivingMXHelo = clean(f.ReceivingMXHelo)
	f.AdditionalInformation = clean(f.AdditionalInformation)
	f.FailureReasonCode = clean(f.FailureReasonCode)
	r.addDetail(f)
}

// Merge adds what another day of the same domain and date has counted.
func (d *Day) Merge(other *Day) {
	for i := range other.Policies {
		from := &other.Policies[i]
		r := d.result(from.Policy)
		if r == nil {
			continue
		}
		r.Summary.Successful += from.Summary.Successful
		r.Summary.Failed += from.Summary.Failed
		for _, f := range from.FailureDetails {
			r.addDetail(f)
		}
	}
}

// result returns the day's entry for a policy, nil if there is no room.
func (d *Day) result(p Policy) *PolicyResult {
	for i := range d.Policies {
		if samePolicy(&d.Policies[i].Policy, &p) {
			return &d.Policies[i]
		}
	}
	if len(d.Policies) == MaxPolicies {
		return nil
	}
	d.Policies = append(d.Policies, PolicyResult{Policy: p})
	return &d.Policies[len(d.Policies)-1]
}

func samePolicy(a, b *Policy) bool {
	return a.Type == b.Type && a.Domain == b.Domain && slices.Equal(a.String, b.String) && slices.Equal(a.MXHost, b.MXHost)
}

// addDetail adds the count of f to the detail that differs in nothing else.
func (r *PolicyResult) addDetail(f FailureDetail) {
	n := f.FailedSessionCount
	for i := range r.FailureDetails {
		have := &r.FailureDetails[i]
		f.FailedSessionCount = have.FailedSessionCount
		if *have == f {
			have.FailedSessionCount += n
			return
		}
	}
	if len(r.FailureDetails) < MaxDetails {
		f.FailedSessionCount = n
		r.FailureDetails = append(r.FailureDetails, f)
	}
}

// Report returns the day's report. The id must be unique among all that the
// organization sends.
func (d *Day) Report(organization, contact, id string) *Report {
	r := &Report{
		OrganizationName: organization, ContactInfo: contact, ReportID: id,
		// RFC 8460, Section 4.4: the whole day, its last second included.
		DateRange: DateRange{d.Date, d.Date.Add(24*time.Hour - time.Second)},
		Policies:  slices.Clone(d.Policies),
	}
	slices.SortStableFunc(r.Policies, func(a, b PolicyResult) int {
		return cmp.Or(cmp.Compare(a.Policy.Domain, b.Policy.Domain), cmp.Compare(a.Policy.Type, b.Policy.Type))
	})
	return r
}
