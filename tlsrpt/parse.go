package tlsrpt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxReport is the largest report that is read, in bytes, after decompression.
	MaxReport = 16 << 20
	// maxNotes is how many notes a parse keeps.
	maxNotes = 50
)

// Parse reads a report, and returns beside it a note on everything that it had to
// repair or pass over. The error is a *Error, for what is no report at all.
func Parse(b []byte) (*Report, []string, error) {
	if len(b) > MaxReport {
		return nil, nil, &Error{Reason: ReportTooBig}
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	var top map[string]json.RawMessage
	if err := json.Unmarshal(b, &top); err != nil || top == nil {
		return nil, nil, &Error{Reason: ReportInvalid, Detail: "not a JSON object", Err: err}
	}
	var p reader
	r := p.report(top)
	if len(r.Policies) == 0 {
		return nil, p.notes, &Error{Reason: ReportInvalid, Detail: "it has no policies"}
	}
	return r, p.notes, nil
}

// reader reads members of whatever type they turn out to have.
type reader struct{ notes []string }

func (p *reader) note(format string, args ...any) {
	if len(p.notes) < maxNotes {
		p.notes = append(p.notes, fmt.Sprintf(format, args...))
	}
}

type object map[string]json.RawMessage

func (p *reader) report(o object) *Report {
	r := &Report{
		OrganizationName: p.text(o, "organization-name"),
		ContactInfo:      p.text(o, "contact-info"),
		ReportID:         p.text(o, "report-id"),
		Policies:         []PolicyResult{},
	}
	dates := p.object(o["date-range"], "date-range")
	r.DateRange = DateRange{p.time(dates, "start-datetime"), p.time(dates, "end-datetime")}
	for _, raw := range p.array(o, "policies") {
		if result := p.object(raw, "policies"); result != nil {
			r.Policies = append(r.Policies, p.result(result))
		}
	}
	return r
}

func (p *reader) result(o object) PolicyResult {
	policy := p.object(o["policy"], "policy")
	summary := p.object(o["summary"], "summary")
	r := PolicyResult{
		Policy: Policy{
			Type:   PolicyType(p.text(policy, "policy-type")),
			String: p.texts(policy, "policy-string"),
			Domain: strings.ToLower(p.text(policy, "policy-domain")),
			MXHost: p.texts(policy, "mx-host"),
		},
		Summary: Summary{p.count(summary, "total-successful-session-count"), p.count(summary, "total-failure-session-count")},
	}
	if r.Policy.Domain == "" {
		p.note("a policy has no policy-domain")
	}
	for _, raw := range p.array(o, "failure-details") {
		if d := p.object(raw, "failure-details"); d != nil {
			r.FailureDetails = append(r.FailureDetails, p.detail(d))
		}
	}
	return r
}

func (p *reader) detail(o object) FailureDetail {
	d := FailureDetail{
		ResultType:            ResultType(p.text(o, "result-type")),
		SendingMTAIP:          p.text(o, "sending-mta-ip"),
		ReceivingMXHostname:   p.text(o, "receiving-mx-hostname"),
		ReceivingMXHelo:       clean(p.text(o, "receiving-mx-helo")),
		ReceivingIP:           p.text(o, "receiving-ip"),
		FailedSessionCount:    p.count(o, "failed-session-count"),
		AdditionalInformation: clean(p.text(o, "additional-information")),
		FailureReasonCode:     clean(p.text(o, "failure-reason-code")),
	}
	if d.FailureReasonCode == "" {
		// Some senders keep the name that drafts had.
		d.FailureReasonCode = clean(p.text(o, "failure-error-code"))
	}
	if !d.ResultType.Known() {
		p.note("unknown result-type %q", shorten(string(d.ResultType)))
	}
	return d
}

func (p *reader) object(raw json.RawMessage, name string) object {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		p.note("%s is missing or no object", name)
	}
	return o
}

// array returns the elements of a member; one object that stands for a list of one
// is taken too.
func (p *reader) array(o object, name string) []json.RawMessage {
	raw := bytes.TrimSpace(o[name])
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	p.note("%s is no array", name)
	return []json.RawMessage{json.RawMessage(raw)}
}

func (p *reader) text(o object, name string) string {
	raw, ok := o[name]
	if !ok {
		return ""
	}
	var v any
	_ = json.Unmarshal(raw, &v)
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case nil:
		return ""
	}
	p.note("%s is no string", name)
	return ""
}

// texts returns an array of strings; some senders write one string instead.
func (p *reader) texts(o object, name string) []string {
	var list []string
	if raw, ok := o[name]; ok && json.Unmarshal(raw, &list) != nil {
		if s := p.text(o, name); s != "" {
			p.note("%s is no array", name)
			return []string{s}
		}
	}
	if len(list) == 0 {
		return nil // as absent: that is how we write it
	}
	return list
}

// count returns a number of sessions; some senders write it as a string.
func (p *reader) count(o object, name string) int64 {
	raw, ok := o[name]
	if !ok {
		p.note("%s is missing", name)
		return 0
	}
	n, err := strconv.ParseInt(strings.Trim(string(raw), `" `), 10, 64)
	if err != nil || n < 0 {
		p.note("%s is no count", name)
		return 0
	}
	return n
}

func (p *reader) time(o object, name string) time.Time {
	s := p.text(o, name)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		// A zone can carry a time out of the years that can be written again.
		if t, err := time.Parse(layout, s); err == nil && t.UTC().Year() > 0 && t.UTC().Year() < 10000 {
			return t.UTC()
		}
	}
	p.note("%s %q is no time", name, shorten(s))
	return time.Time{}
}
