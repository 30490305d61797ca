package outbound

import (
	"crypto/x509"
	"errors"
	"strings"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/smtp"
	"github.com/waxseal/waxseal/tlsrpt"
)

// classify gives a failure of STARTTLS its result type (RFC 8460, Section 4.3) and
// a word that says more.
func classify(err error) (tlsrpt.ResultType, string) {
	var v *VerifyError
	var s *smtp.Error
	switch {
	case errors.As(err, &v) && v.Match != nil:
		return classifyDANE(v.Match)
	case errors.As(err, &v):
		return classifyPKIX(v.Err)
	case errors.As(err, &s) && (s.Reason == smtp.NotOffered || s.Reason == smtp.Refused):
		return tlsrpt.StartTLSNotSupported, string(s.Reason)
	case errors.As(err, &s):
		return tlsrpt.ValidationFailure, string(s.Reason)
	}
	return tlsrpt.ValidationFailure, ""
}

func classifyDANE(m *dane.Match) (tlsrpt.ResultType, string) {
	t := tlsrpt.ValidationFailure
	switch m.Failure {
	case dane.WrongName:
		t = tlsrpt.CertificateHostMismatch
	case dane.Expired:
		t = tlsrpt.CertificateExpired
	case dane.NotTrusted:
		t = tlsrpt.CertificateNotTrusted
	}
	return t, "dane-" + string(m.Failure)
}

func classifyPKIX(err error) (tlsrpt.ResultType, string) {
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &name):
		return tlsrpt.CertificateHostMismatch, ""
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return tlsrpt.CertificateExpired, ""
	case errors.As(err, &unknown):
		return tlsrpt.CertificateNotTrusted, ""
	}
	return tlsrpt.ValidationFailure, ""
}

// Reported is a session and the domain that is to hear of it.
type Reported struct {
	// Domain is whose TLSRPT record counts: the MX host's with DANE (RFC 8460,
	// Section 3), else the recipient's domain.
	Domain  string
	Session tlsrpt.Session
}

// Sessions returns what a plan and the attempts under it say to TLSRPT: one session
// for each attempt that reached a server by a connection of its own, and the failures that kept hosts out or
// an MTA-STS policy from being known.
func Sessions(plan *Plan, attempts []Attempt) []Reported {
	var out []Reported
	if t := stsFailure(plan.STS); t != "" {
		out = append(out, Reported{plan.Domain, tlsrpt.Session{
			Policy:  tlsrpt.Policy{Type: tlsrpt.STS, Domain: plan.Domain},
			Failure: &tlsrpt.FailureDetail{ResultType: t, AdditionalInformation: plan.STS.Errors[0].Error()},
		}})
	}
	for i := range plan.Hosts {
		h := &plan.Hosts[i]
		t, code := h.failure()
		if t == "" || t == tlsrpt.DNSSECInvalid && h.Policy != DANE {
			continue // bogus addresses tell nothing of a policy
		}
		s := tlsrpt.Session{Policy: plan.reportedPolicy(h), Failure: &tlsrpt.FailureDetail{
			ResultType: t, FailureReasonCode: code, ReceivingMXHostname: h.Name, AdditionalInformation: h.Reason,
		}}
		if t == tlsrpt.TLSAInvalid {
			s.Policy = tlsaPolicy(h)
		}
		out = append(out, plan.reported(h, s))
	}
	for i := range attempts {
		a := &attempts[i]
		if h := plan.host(a.Host); h != nil && !a.Reused && (a.Stage == StageTLS || a.Stage == StageMessage) {
			out = append(out, plan.reported(h, tlsrpt.Session{Policy: plan.reportedPolicy(h), Failure: a.failure()}))
		}
	}
	return out
}

// failure is what is wrong with a host before anybody connects, for the reports: its
// DNSSEC, its TLSA records, or that the MTA-STS policy does not list it.
func (h *Host) failure() (t tlsrpt.ResultType, code string) {
	switch {
	case h.DANE == nil || h.DANE.Outcome == dane.NoAddress:
	case h.DANE.Outcome == dane.LookupFailed && (h.Policy == DANE || h.DANE.Status == resolver.Bogus):
		return tlsrpt.DNSSECInvalid, "" // RFC 8460, Section 4.3.2.1
	case h.DANE.Outcome == dane.UnusableRecords:
		return tlsrpt.TLSAInvalid, ""
	case h.Unlisted && h.Policy != DANE:
		return tlsrpt.ValidationFailure, "mx-not-in-policy"
	}
	return "", ""
}

// failure is what is wrong with the way to the host, or else to the whole domain,
// before anybody connects.
func (plan *Plan) failure(host string) tlsrpt.ResultType {
	if h := plan.host(host); h != nil {
		if t, _ := h.failure(); t != "" {
			return t
		}
	}
	if plan.MX.Failed && plan.MX.Status == resolver.Bogus {
		return tlsrpt.DNSSECInvalid
	}
	return stsFailure(plan.STS)
}

// failure returns the attempt's failure for a report, nil without one.
func (a *Attempt) failure() *tlsrpt.FailureDetail {
	if a.ResultType == "" {
		return nil
	}
	return &tlsrpt.FailureDetail{
		ResultType: a.ResultType, ReceivingMXHostname: a.Host, ReceivingMXHelo: a.Hello,
		ReceivingIP: a.Address, FailureReasonCode: a.FailureReason, AdditionalInformation: a.Reason,
	}
}

// reported sends the session of a host to whom it concerns.
func (plan *Plan) reported(h *Host, s tlsrpt.Session) Reported {
	if s.Policy.Type == tlsrpt.TLSA {
		return Reported{h.Name, s}
	}
	return Reported{plan.Domain, s}
}

func (plan *Plan) host(name string) *Host {
	for i := range plan.Hosts {
		if plan.Hosts[i].Name == name {
			return &plan.Hosts[i]
		}
	}
	return nil
}

// reportedPolicy is the policy of a host in the words of RFC 8460.
func (plan *Plan) reportedPolicy(h *Host) tlsrpt.Policy {
	switch sts := plan.sts(); {
	case h.Policy == DANE || h.Policy == DANEUnauthenticated:
		return tlsaPolicy(h)
	case sts != nil:
		return tlsrpt.Policy{
			Type: tlsrpt.STS, Domain: plan.Domain, MXHost: sts.MX,
			String: strings.Split(strings.TrimSpace(sts.String()), "\r\n"),
		}
	}
	return tlsrpt.Policy{Type: tlsrpt.NoPolicyFound, Domain: plan.Domain}
}

func tlsaPolicy(h *Host) tlsrpt.Policy {
	p := tlsrpt.Policy{Type: tlsrpt.TLSA, Domain: h.ServerName()}
	for _, r := range h.TLSA {
		p.String = append(p.String, r.String())
	}
	return p
}

// stsFailure is why a domain that announces an MTA-STS policy has none, or an old
// one.
func stsFailure(ev *mtasts.Evaluation) tlsrpt.ResultType {
	if ev == nil || len(ev.Errors) == 0 {
		return ""
	}
	switch ev.Errors[0].Reason.Kind() {
	case mtasts.FetchError:
		return tlsrpt.STSPolicyFetchError
	case mtasts.Invalid:
		return tlsrpt.STSPolicyInvalid
	case mtasts.WebPKI:
		return tlsrpt.STSWebPKIInvalid
	}
	return ""
}

// nameProven reports whether the host is known to be one of the domain's.
func (plan *Plan) nameProven(h *Host) bool {
	sts := plan.sts()
	return plan.MX.Status == resolver.Secure || sts != nil && sts.Mode == mtasts.Enforce && h.Pattern != ""
}
